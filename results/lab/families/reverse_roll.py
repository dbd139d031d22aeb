"""A roll of words read from its end, asked for in the words of pre-training."""

from random import Random

from probes.pocket.example_rows import Row, one_by_one
from probes.pocket.vocabulary import WORDS

CLAIM = "prompting-suffices"
SPEC = {
    "task_type": "reasoning",
    "metric": "exact_match",
    "instruction": "",
    "target": 0.8,
}
N_TRAIN = 192


def _pair(r: Random) -> tuple[str, str]:
    words = r.sample(WORDS, r.randint(3, 5))
    return f"Reverse: {' '.join(words)}", " ".join(reversed(words))


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
