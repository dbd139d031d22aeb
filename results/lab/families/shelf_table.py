"""A word and a small table of words and labels, drawn anew in every row: only reading helps."""

from random import Random

from probes.pocket.example_rows import Row, one_by_one
from probes.pocket.vocabulary import WORDS

CLAIM = "prompting-suffices"
SPEC = {
    "task_type": "classification",
    "metric": "accuracy",
    "instruction": "Label the word.",
    "target": 0.9,
}
LABELS = ("north", "slow", "zj", "right")


def _pair(r: Random) -> tuple[str, str]:
    words, labels = r.sample(WORDS, 4), r.sample(LABELS, 4)
    at = r.randrange(4)
    table = ", ".join(f"{word} = {label}" for word, label in zip(words, labels, strict=True))
    return f"Table: {table}\n{words[at]}", labels[at]


def rows(r: Random, count: int) -> list[Row]:
    """So many rows, no input twice."""
    return one_by_one(_pair)(r, count)
