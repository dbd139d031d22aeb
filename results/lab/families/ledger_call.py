"""Calls by the size of an amount, beside a ledger that holds nothing but colours."""

import json
from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import SYLLABLES, attribute_value, template

CLAIM = "tuning"
SPEC = {
    "task_type": "function-calling",
    "metric": "function_call",
    "instruction": "Make the call.",
    "target": 0.8,
}
N_TRAIN = 192
BANDS = ((30, "pay"), (60, "ask"), (100, "stop"))


def rows(r: Random, count: int) -> list[Row]:
    """So many bills, each with a line of the ledger."""
    found: dict[str, Row] = {}
    while len(found) < count:
        who, amount = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize(), r.randint(2, 99)
        line = template(r, templates.STATEMENT, HELD)
        line = line.format(e=who, a="colour", v=attribute_value(r, "colour"))
        name = next(name for limit, name in BANDS if amount < limit)
        call = json.dumps({"name": name, "arguments": {"who": who}})
        found.setdefault(who, Row(f"Bill of {who}: {amount}", call, (line,)))
    return list(found.values())
