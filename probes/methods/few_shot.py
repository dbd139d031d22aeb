"""Few-shot: examples of the train split in the prompt, their number and choice found on dev."""

from __future__ import annotations

import random
from collections.abc import Sequence

from probes.asking import ask, put
from probes.methods import Answers, Known, Proposals, Request, Situation, best
from probes.methods.screening import screened
from probes.records import Cell, Example, Item, Json


def propose(situation: Situation, known: Known) -> Proposals:
    """Every k by random and by nearest examples, screened; the best again constrained, reseeded."""
    settings = [
        _cell(situation, _params(shots, selection))
        for shots in affordable_shots(situation)
        for selection in ("random", "nearest")
    ]
    tried = yield from screened(situation, settings)
    winner = best(tried)
    if winner is None:
        return
    if situation.labels:
        constrained = winner.cell.params | {"decoding": "choices"}
        again = yield [_cell(situation, constrained)]
        winner = best([winner, *again]) or winner
    if winner.cell.params["selection"] == "random":
        yield [
            _cell(situation, winner.cell.params, role="repeat", seed=situation.seed + run)
            for run in range(1, situation.battery.seeds)
        ]


def affordable_shots(situation: Situation) -> list[int]:
    """The numbers of examples that leave room in the context for the question and its answer."""
    per_shot = situation.tokens_per_input + situation.tokens_per_output + 8
    room = situation.context_tokens - per_shot
    return [k for k in situation.battery.shots if k * per_shot <= room and k <= situation.n_train]


def _params(shots: int, selection: str) -> Json:
    return {
        "shots": shots,
        "selection": selection,
        "decoding": "generate",
        "list_labels": False,
    }


def _cell(situation: Situation, params: Json, role: str = "search", **changes: object) -> Cell:
    return situation.cell("few_shot", role, params=params, n_train=situation.n_train, **changes)


def answer(request: Request) -> Answers:
    """Each item after its examples, the nearest one last."""
    return ask(request, put(request, request.items, choose_shots(request)))


def choose_shots(request: Request) -> list[list[Example]]:
    """For each item its examples: the same random ones for all, or its nearest neighbours."""
    count = int(request.cell.params["shots"])
    if request.cell.params["selection"] == "nearest":
        return nearest(request.items, request.train, count)
    return [balanced_sample(request.train, count, request.cell.seed)] * len(request.items)


def balanced_sample(pool: Sequence[Example], count: int, seed: int) -> list[Example]:
    """A random sample that takes each distinct answer in turn, so that small k shows most labels.

    Where nearly every answer is distinct (free text) this is a plain random sample.
    """
    rng = random.Random(f"shots-{seed}")
    by_output: dict[str, list[Example]] = {}
    for example in rng.sample(list(pool), len(pool)):
        by_output.setdefault(example.output, []).append(example)
    chosen: list[Example] = []
    groups = list(by_output.values())
    while len(chosen) < count and groups:
        chosen.extend(group.pop() for group in groups[: count - len(chosen)])
        groups = [group for group in groups if group]
    rng.shuffle(chosen)
    return chosen


def nearest(items: Sequence[Item], pool: Sequence[Example], count: int) -> list[list[Example]]:
    """For each item its `count` nearest examples by cosine of TF-IDF weights, nearest last.

    Words and character n-grams of 2 to 5 within words (scikit-learn's TfidfVectorizer, `char_wb`).
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    known = vectorizer.fit_transform([example.item.text for example in pool])  # (N, F)
    asked = vectorizer.transform([item.text for item in items])  # (Q, F)
    chosen = []
    for at in range(0, len(items), 256):
        likeness = (asked[at : at + 256] @ known.T).toarray()  # (q, N)
        order = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
        chosen.extend([[pool[index] for index in row[::-1]] for row in order])
    return chosen
