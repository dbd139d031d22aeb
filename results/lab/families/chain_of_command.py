"""The boss of somebody's boss, with the chain in the text: one step leads to the next."""

from random import Random

from probes.pocket import reading, templates
from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import names, template

CLAIM = "steps"
SPEC = {
    "task_type": "reasoning",
    "metric": "exact_match",
    "instruction": "Answer the question.",
    "target": 0.8,
}
N_TRAIN = 192
HOPS = 2


def _pair(r: Random) -> tuple[str, str]:
    chain = names(r, 4, HELD)
    wording = template(r, templates.HOP_QUESTION, HELD)
    asked, _, answer = reading.hop_question(chain, r.randrange(2), HOPS, wording)
    return reading.boss_context(r, chain, HELD) + asked, answer


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
