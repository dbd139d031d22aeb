"""Inference-time compute without training: several answers drawn, one of them chosen.

`majority` is self-consistency (Wang et al., arXiv 2203.11171); `likelihood` is best-of-n by the
model's own mean log-likelihood a token, for want of a verifier. Greedy decoding of the same prompt
is always measured beside it (zero-shot, steps), and the price counts every sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from probes.asking import Asked, answer_tokens, finished, put, timed
from probes.methods import Answers, Known, Proposals, Request, Situation, best
from probes.methods.rag import shots_with_passages
from probes.models import Progress, Sampling
from probes.readings import normalise
from probes.records import Json, Measurement, Prediction
from probes.task import TaskType

TEMPERATURE = 0.8
LONG_TEXT: frozenset[TaskType] = frozenset({"generation", "summarization", "synthetic-data"})
"""Task types whose answers are hardly ever the same twice: there is nothing to count."""


def propose(situation: Situation, known: Known) -> Proposals:
    """The best greedy prompt again with several samples.

    Not for classification: drawing among known labels only adds noise to the greedy choice, and
    any label is hit by some sample.
    """
    prompts = [*known.get("zero_shot", ()), *known.get("steps", ()), *known.get("rag", ())]
    greedy = best([found for found in prompts if found.cell.params["decoding"] == "generate"])
    if greedy is None or situation.labels or situation.battery.samples < 2:
        return
    choosers = ["likelihood"] if situation.task_type in LONG_TEXT else ["majority", "likelihood"]
    yield [
        situation.cell(
            "vote",
            "search",
            params=_params(greedy, situation, chooser),
            n_train=greedy.cell.n_train,
        )
        for chooser in choosers
    ]


def _params(greedy: Measurement, situation: Situation, chooser: str) -> Json:
    drawn: Json = {"samples": situation.battery.samples, "temperature": TEMPERATURE}
    return greedy.cell.params | drawn | {"chooser": chooser}


def answer(request: Request) -> Answers:
    """For each item the chosen one of its samples; all of them are kept beside it."""

    def drawn(some: Sequence[Asked], progress: Progress) -> list[Prediction]:
        return _drawn(request, some, progress)

    return timed(request, put(request, request.items, shots_with_passages(request)), drawn)


def _drawn(request: Request, asked: Sequence[Asked], progress: Progress) -> list[Prediction]:
    params = request.cell.params
    turns = [each.turns for each in asked]
    samples = request.model.sample(
        turns,
        [each.item_id for each in asked],
        Sampling(
            n=int(params["samples"]),
            temperature=float(params["temperature"]),
            seed=request.cell.seed,
        ),
        max_new_tokens=answer_tokens(request),
        progress=progress,
    )
    if params["chooser"] == "likelihood":
        flat = [(row, draw.text) for row, draws in enumerate(samples) for draw in draws]
        found = iter(
            request.model.log_likelihoods([turns[row] for row, _ in flat], [t for _, t in flat])
        )
        merits = [[next(found) for _ in draws] for draws in samples]
    else:
        merits = [agreement([finished(request, each, d).text for d in draws])
                  for each, draws in zip(asked, samples, strict=True)]  # fmt: skip
    return [
        _chosen(request, each, draws, merit)
        for each, draws, merit in zip(asked, samples, merits, strict=True)
    ]


def agreement(texts: Sequence[str]) -> list[float]:
    """For each answer how many of the answers say the same, normalised."""
    counts = Counter(normalise(text) for text in texts)
    return [float(counts[normalise(text)]) for text in texts]


def _chosen(
    request: Request, asked: Asked, draws: Sequence[Prediction], merits: Sequence[float]
) -> Prediction:
    """The sample of highest merit, the first of equals, with the tokens of all."""
    answers = [finished(request, asked, draw) for draw in draws]
    chosen = answers[max(range(len(answers)), key=lambda at: (merits[at], -at))]
    return chosen.model_copy(
        update={
            "samples": tuple(each.text for each in answers),
            "output_tokens": sum(each.output_tokens for each in answers),
        }
    )
