"""Twenty-four functions, chosen by the kind of thing and by what is to be done with it."""

import json
from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import CATEGORIES, LABEL_WORDS, name

CLAIM = "data"
SPEC = {
    "task_type": "function-calling",
    "metric": "function_call",
    "instruction": "Make the call.",
    "target": 0.85,
}
DEEDS = ("mends", "sells", "hides")
_NAMES = iter(Random("rare-functions").sample([w for w in LABEL_WORDS if len(w) > 1], 24))
FUNCTIONS = {(kind, deed): next(_NAMES) for kind in CATEGORIES for deed in DEEDS}


def _pair(r: Random) -> tuple[str, str]:
    kind, deed, who = r.choice(list(CATEGORIES)), r.choice(DEEDS), name(r, HELD)
    call = {"name": FUNCTIONS[kind, deed], "arguments": {"who": who}}
    return f"{who} {deed} the {r.choice(CATEGORIES[kind])}", json.dumps(call)


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
