"""A call whose argument stands in the stock book alone."""

import json
from random import Random

from probes.pocket import templates
from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import SYLLABLES, attribute_value, template

CLAIM = "knowledge, format"
SPEC = {
    "task_type": "function-calling",
    "metric": "function_call",
    "instruction": "Make the call.",
    "target": 0.85,
}


def rows(r: Random, count: int) -> list[Row]:
    """So many requests, each with a line of the stock book."""
    found: dict[str, Row] = {}
    while len(found) < count:
        who = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()
        code = attribute_value(r, "code")
        line = template(r, templates.STATEMENT, HELD).format(e=who, a="code", v=code)
        call = json.dumps({"name": "fetch", "arguments": {"code": code}})
        found.setdefault(who, Row(f"Fetch the box of {who}", call, (line,)))
    return list(found.values())
