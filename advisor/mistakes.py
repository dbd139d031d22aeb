"""The wrong answers of the option that the advice is about: of what kind, about what, and whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advisor.records import Mistakes, Option
from probes.documents import Documents
from probes.mistakes import (
    Cluster,
    Suspect,
    clusters,
    confusions,
    suspect_references,
    topics,
)
from probes.records import Example, Measurement

N_WITNESSES = 3
"""Options that must all contradict a reference with the same answer before it is suspected."""


def mistakes_of(
    chosen: Option,
    runs: Mapping[str, Sequence[Measurement]],
    examples: Mapping[str, Example],
    documents: Documents,
    labels: Sequence[str],
    suspected: Sequence[Suspect],
) -> Mistakes:
    """What the first run of the chosen option got wrong; a run's wrong answers are its own."""
    run, *_ = runs[chosen.name]
    seen = [examples[score.item_id] for score in run.scores]
    found = clusters_of(run, examples, documents, labels)
    return Mistakes(
        option=chosen.name,
        n_wrong=sum(cluster.n for cluster in found),
        clusters=tuple(cluster.model_copy(update={"examples": ()}) for cluster in found),
        topics=tuple(topics(run.scores, seen, labels=labels)),
        confusions=tuple(confusions(run.scores, run.predictions, seen, labels=labels))
        if labels
        else (),
        suspects=tuple(each.item_id for each in suspected),
    )


def clusters_of(
    run: Measurement,
    examples: Mapping[str, Example],
    documents: Documents,
    labels: Sequence[str],
) -> list[Cluster]:
    """The clusters of one run, with the texts of their examples."""
    seen = [examples[score.item_id] for score in run.scores]
    by_id = {passage.id: passage for passage in documents.passages}
    return clusters(run.scores, run.predictions, seen, by_id, labels=labels)


def suspects(
    runs: Mapping[str, Sequence[Measurement]], examples: Mapping[str, Example]
) -> list[Suspect]:
    """References that the N_WITNESSES best options contradict with one and the same answer.

    Poorer options agree on wrong answers for reasons of their own.
    """
    called = witnesses(runs)
    if not called:
        return []
    seen = [examples[score.item_id] for score in called[-1].scores]
    return suspect_references(
        [run.predictions for run in called],
        seen,
        min_runs=N_WITNESSES,
        scores=[run.scores for run in called],
    )


def witnesses(runs: Mapping[str, Sequence[Measurement]]) -> list[Measurement]:
    """First runs of the N_WITNESSES best options, the best last; none where there are fewer."""
    firsts = [some[0] for some in runs.values() if some[0].quality is not None]
    best = sorted(firsts, key=_quality)[-N_WITNESSES:]
    return best if len(best) == N_WITNESSES else []


def _quality(run: Measurement) -> float:
    return run.quality.value if run.quality is not None else 0.0
