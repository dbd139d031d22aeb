"""A number of three digits and one of two, added: more columns than the small rungs can carry."""

from random import Random

from probes.pocket.example_rows import Row
from probes.pocket.vocabulary import is_held

CLAIM = "steps, capacity"
SPEC = {
    "task_type": "reasoning",
    "metric": "numeric",
    "instruction": "Add the numbers.",
    "target": 0.85,
}


def rows(r: Random, count: int) -> list[Row]:
    """So many sums, none twice; only pairs that pre-training never saw."""
    found: dict[str, Row] = {}
    while len(found) < count:
        x, y = r.randint(100, 899), r.randint(10, 99)
        if is_held("sum", f"{y}+{x}"):
            asked = r.choice(("{x} + {y}", "{y} + {x} =", "sum: {x} + {y}")).format(x=x, y=y)
            found.setdefault(f"{x}+{y}", Row(asked, str(x + y), group=f"{x}+{y}"))
    return list(found.values())
