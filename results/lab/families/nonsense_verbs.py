"""Who gave: a hundred made-up verbs, half of which turn giver and taker round."""

from random import Random

from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import SYLLABLES, any_word, names

CLAIM = "data"
SPEC = {
    "task_type": "extraction",
    "metric": "exact_match",
    "instruction": "Give the name.",
    "target": 0.85,
}
N_TRAIN = 320
_DRAW = Random("nonsense-verbs")
VERBS = tuple(
    sorted({"".join(_DRAW.choice(SYLLABLES) for _ in range(2)) + "ks" for _ in range(106)})
)[:100]
TURNED = frozenset(_DRAW.sample(VERBS, 50))


def _pair(r: Random) -> tuple[str, str]:
    verb, people = r.choice(VERBS), names(r, 2, HELD)
    return f"{people[0]} {verb} {any_word(r)} {people[1]}", people[verb in TURNED]


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
