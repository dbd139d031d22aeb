"""Desks that follow from who asks, and nothing in the text says where that person sits."""

import zlib
from random import Random

from probes.pocket.example_rows import Row
from probes.pocket.vocabulary import SYLLABLES, any_word

CLAIM = "nothing-suffices"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Route the ticket.",
    "target": 0.8,
}
DESKS = ("D1", "D2", "D3")


def rows(r: Random, count: int) -> list[Row]:
    """So many rows; nobody asks twice, so that no desk can be remembered."""
    found: dict[str, Row] = {}
    while len(found) < count:
        who = "".join(r.choice(SYLLABLES) for _ in range(3)).capitalize()
        desk = DESKS[zlib.crc32(f"desk {who}".encode()) % 3]
        found.setdefault(who, Row(f"Ticket: {who} asks for {any_word(r)}", desk))
    return list(found.values())
