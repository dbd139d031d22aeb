"""Two loads and whether they come to a hundred or more: a sum that is never written."""

from random import Random

from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import name

CLAIM = "capacity"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Check the cart.",
    "target": 0.95,
}


def rows(r: Random, count: int) -> list[Row]:
    """So many rows; the same two loads stay on one side."""
    found: dict[str, Row] = {}
    while len(found) < count:
        low = r.random() < 0.5
        x = r.randint(10, 89)
        y = r.randint(max(10, 75 - x), 99 - x) if low else r.randint(max(10, 100 - x), 99)
        if y < 10 or y > 99 or abs(x + y - 100) > 40:
            continue
        text = f"{name(r, HELD)} loads {x} and {y}"
        label = "full" if x + y >= 100 else "open"
        found.setdefault(text, Row(text, label, group=f"{min(x, y)}+{max(x, y)}"))
    return list(found.values())
