"""The wrong answers by kind, and which labels are confused.

Reads records alone. Where labels are not given they are guessed from the outputs (`guess_labels`);
a caller that knows the task gives those of the train split, or an empty set where there are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, get_args

from probes.mistakes.kinds import Kind, kind_of
from probes.mistakes.texts import short
from probes.readings import Labels, strict_number
from probes.record import Record
from probes.records import Estimate, Example, Passage, Prediction, Score

MAX_IDS = 20
"""How many items a finding names."""
_MAX_SHOWN, _MAX_CONFUSIONS = 3, 5


class Shown(Record):
    """One wrong answer as an example of its kind; raw text, to be escaped where it is shown."""

    item_id: str
    input: str
    """The last turn; long texts lose their middle."""
    wanted: str
    given: str


class Cluster(Record):
    """The wrong answers of one kind."""

    kind: Kind
    n: int
    share: float
    """Of the wrong answers."""
    share_of_all: Estimate
    """Of all answers."""
    item_ids: tuple[str, ...]
    """The first 20, in the order of the ids."""
    examples: tuple[Shown, ...]
    """The first 3, in the order of the ids."""


class Confusion(Record):
    """One label given in place of another."""

    wanted: str
    given: str
    n: int


class _Answered(NamedTuple):
    score: Score
    prediction: Prediction
    example: Example


def clusters(
    scores: Sequence[Score],
    predictions: Sequence[Prediction],
    examples: Sequence[Example],
    passages_by_id: Mapping[str, Passage] | None = None,
    *,
    labels: Collection[str] | None = None,
) -> list[Cluster]:
    """The wrong answers by kind, largest first; ValueError for a score without answer or example.

    `passages_by_id` are those of the user's documents, for answers whose prompt held some.
    """
    known = frozenset(guess_labels(examples) if labels is None else labels)
    texts = {name: passage.text for name, passage in (passages_by_id or {}).items()}
    answered = _joined(scores, predictions, examples)
    kinds = [
        kind_of(
            *each,
            labels=known,
            passages=[texts[name] for name in each.prediction.passages if name in texts],
        )
        for each in answered
    ]
    found = [_cluster(kind, kinds, answered) for kind in get_args(Kind) if kind and kind in kinds]
    return sorted(found, key=lambda cluster: -cluster.n)


def _cluster(kind: Kind, kinds: Sequence[Kind], answered: Sequence[_Answered]) -> Cluster:
    from probes.stats import estimate_mean  # numpy, which the records above do without

    members = [each for each, its in zip(answered, kinds, strict=True) if its == kind]
    groups = [group_of(each.example) for each in answered]
    return Cluster(
        kind=kind,
        n=len(members),
        share=len(members) / sum(bool(its) for its in kinds),
        share_of_all=estimate_mean(
            [float(its == kind) for its in kinds],
            clusters=groups if len(set(groups)) < len(groups) else None,
        ),
        item_ids=tuple(each.score.item_id for each in members[:MAX_IDS]),
        examples=tuple(_shown(each) for each in members[:_MAX_SHOWN]),
    )


def _shown(each: _Answered) -> Shown:
    return Shown(
        item_id=each.score.item_id,
        input=short(each.example.item.turns[-1].content),
        wanted=short(each.example.output),
        given=short(each.prediction.text),
    )


def _joined(
    scores: Sequence[Score], predictions: Sequence[Prediction], examples: Sequence[Example]
) -> list[_Answered]:
    """In the order of the ids, so that nothing depends on the order given."""
    given = {prediction.item_id: prediction for prediction in predictions}
    wanted = {example.item.id: example for example in examples}
    lost = [s.item_id for s in scores if s.item_id not in given or s.item_id not in wanted]
    if lost or len({score.item_id for score in scores}) < len(scores):
        raise ValueError(f"scores without answer or example, or two of one item: {lost[:3]}")
    ordered = sorted(scores, key=lambda score: score.item_id)
    return [_Answered(s, given[s.item_id], wanted[s.item_id]) for s in ordered]


def group_of(example: Example) -> str:
    """The group of an example; one without any is a group of its own."""
    return example.group or example.item.id


# ---------------------------------------------------------------- labels


def guess_labels(examples: Sequence[Example]) -> frozenset[str]:
    """The outputs, where they look like a set of labels; otherwise nothing.

    They do where more than half of the examples share theirs with another, none is longer than 60
    characters, and they are not more than ten different numbers. Labels that these examples lack
    are missed: with many labels and few examples, give those of the train split instead.
    """
    counts = Counter(example.output.strip() for example in examples)
    n_shared = sum(n for n in counts.values() if n > 1)
    if len(counts) < 2 or 2 * n_shared <= len(examples) or max(map(len, counts)) > 60:
        return frozenset()
    numbers = all(strict_number(output) is not None for output in counts)
    return frozenset() if numbers and len(counts) > 10 else frozenset(counts)


def confusions(
    scores: Sequence[Score],
    predictions: Sequence[Prediction],
    examples: Sequence[Example],
    *,
    labels: Collection[str] | None = None,
) -> list[Confusion]:
    """The five most frequent pairs of labels, most frequent first, read leniently.

    Answers that name no label, or several, are left out. Empty for tasks without labels.
    """
    known = frozenset(guess_labels(examples) if labels is None else labels)
    reader, pairs = Labels(known), Counter[tuple[str, str]]()
    for each in _joined(scores, predictions, examples) if known else ():
        wanted, given = each.example.output.strip(), reader.read(each.prediction.text)
        if each.score.content < 1 and given is not None and given != wanted:
            pairs[wanted, given] += 1
    ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Confusion(wanted=w, given=g, n=n) for (w, g), n in ordered[:_MAX_CONFUSIONS]]
