"""Which families are open to look at while building: `python -m results.lab.opened` writes it.

The rule, committed before anything was measured: a family is opened where the first eight bytes of
SHA-256("advisor-lab-1" NUL name), as a fraction of all they could be, lie below a fifth. It depends
on the name alone, so that families from elsewhere fall to one side by themselves. The page
`opened.yaml` is that list and a log; whoever looks at a figure of another family writes it there.
"""

import hashlib
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from results.lab.families import NAMES

SALT, SHARE = "advisor-lab-1", 0.2
PAGE = Path(__file__).parent / "opened.yaml"


def is_opened(name: str) -> bool:
    """Whether the draw opens a family of that name."""
    digest = hashlib.sha256(f"{SALT}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < SHARE


def main() -> None:
    """Write the list of families by the rule; what the log says stays."""
    yaml = YAML()
    yaml.width = 100
    page: dict[str, Any] = yaml.load(PAGE) if PAGE.is_file() else {"log": []}
    page["rule"] = f"sha256('{SALT}' NUL name)[:8] / 2**64 < {SHARE}"
    page["opened"] = sorted(name for name in NAMES if is_opened(name))
    page["unopened"] = sorted(name for name in NAMES if not is_opened(name))
    yaml.dump(page, PAGE)
    print(f"{len(page['opened'])} opened, {len(page['unopened'])} unopened")


if __name__ == "__main__":
    main()
