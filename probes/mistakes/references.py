"""References that may be wrong: all models contradict them with one voice."""

from __future__ import annotations

from collections.abc import Sequence

from probes.mistakes.kinds import refuses
from probes.mistakes.texts import short
from probes.readings import final_answers, normalise
from probes.record import Record
from probes.records import Example, Prediction, Score


class Suspect(Record):
    """A reference that all models contradict with one voice."""

    item_id: str
    answer: str
    """What they all say, in the first one's words; raw text, its middle left out where long."""
    n_models: int


def suspect_references(
    runs: Sequence[Sequence[Prediction]],
    examples: Sequence[Example],
    min_runs: int = 2,
    *,
    scores: Sequence[Sequence[Score]] = (),
) -> list[Suspect]:
    """Items on which all runs give one and the same answer, normalised, other than the reference.

    Those references are worth a look, no more. It misleads where the runs are not independent:
    models of one family, or one model with several methods, share their biases, and two tunings on
    the same data share its errors; with few labels, agreement on a wrong one comes by chance.
    Agreed silence and agreed refusals do not count. Where the metric takes other texts than the
    reference (numbers, JSON, calls), give the `scores` of the runs: items whose content any of
    them counts as right are left out. Only items that every run answered; in the order of the ids.
    """
    if len(runs) < max(2, min_runs):
        return []
    accepted = {score.item_id for run in scores for score in run if score.content >= 1}
    by_run = [{prediction.item_id: prediction.text for prediction in run} for run in runs]
    found = []
    for example in sorted(examples, key=lambda example: example.item.id):
        name = example.item.id
        if name in accepted or any(name not in run for run in by_run):
            continue
        answers = [run[name].strip() for run in by_run]
        agreed = {normalise(answer) for answer in answers}
        wanted = {normalise(text) for text in (example.output, *final_answers(example.output))}
        refused = refuses(answers[0], example.output, (example.item.text,))
        if len(agreed) == 1 and "" not in agreed and not agreed & wanted and not refused:
            found.append(Suspect(item_id=name, answer=short(answers[0]), n_models=len(runs)))
    return found
