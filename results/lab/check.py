"""Score answers by a family's own checker: the command of `metric: command`.

`python -m results.lab.check FAMILY`, JSON lines in and out as `probes.user_scorer` has them.
"""

import json
import sys

from results.lab.families import checker


def main() -> None:
    """One line for each answer: whether it has the form, and whether it keeps the constraints."""
    feasible = checker(sys.argv[1])
    for line in sys.stdin:
        asked = json.loads(line)
        form, score = feasible(asked["input"], asked["prediction"])
        print(json.dumps({"id": asked["id"], "score": score, "form": form}))


if __name__ == "__main__":
    main()
