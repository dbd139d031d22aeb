"""Three bosses up in a chain of six: right now and then, and most often by a lucky sample."""

from random import Random

from probes.pocket import reading, templates
from probes.pocket.example_rows import HELD, Row, one_by_one
from probes.pocket.vocabulary import names, template

CLAIM = "sampling"
SPEC = {
    "task_type": "reasoning",
    "metric": "exact_match",
    "instruction": "Answer the question.",
    "target": 0.7,
}
HOPS = 3


def _pair(r: Random) -> tuple[str, str]:
    chain = names(r, 6, HELD)
    wording = template(r, templates.HOP_QUESTION, HELD)
    asked, _, answer = reading.hop_question(chain, r.randrange(3), HOPS, wording)
    return reading.boss_context(r, chain, HELD) + asked, answer


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
