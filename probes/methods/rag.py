"""Retrieval: passages of the user's documents before the question, found by search.

Three arms come apart: closed book (zero-shot, few-shot), retrieved (here) and the oracle
(`probes.methods.oracle`). How often search finds what is needed is reported as recall@k, apart from
the answers. Where all documents fit the context they are tried there together as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from probes.asking import ask, put
from probes.methods import Answers, Known, Proposals, Request, Situation, best
from probes.methods.few_shot import choose_shots
from probes.methods.screening import screened
from probes.prompt import with_context
from probes.records import Cell, Example, Json, Passage

N_SHOTS = 2
"""Examples, each behind one passage, that the best prompt is tried with: they show the form."""


def propose(situation: Situation, known: Known) -> Proposals:
    """Every k by BM25; the best k by the other searches; then with examples, and constrained."""
    if not situation.n_passages:
        return
    settings = [_cell(situation, params) for params in first_settings(situation)]
    tried = yield from screened(situation, settings)
    winner = best([found for found in tried if found.cell.params["context"] == "retrieved"])
    if winner is None:
        return
    others = [name for name in situation.retrievers if name != "bm25"]
    if others:
        settings = [_cell(situation, winner.cell.params | {"retriever": name}) for name in others]
        tried = [*tried, *(yield settings)]
    winner = best(tried) or winner
    refined = [with_shots(winner.cell.params)] if shots_fit(situation, winner.cell.params) else []
    if situation.labels:
        refined += [params | {"decoding": "choices"} for params in (winner.cell.params, *refined)]
    yield [_cell(situation, params) for params in refined]


def first_settings(situation: Situation) -> list[Json]:
    """BM25 with each number of passages that fits, and everything at once where that fits."""
    settings = [
        retrieved_params(k, "bm25") for k in situation.battery.passages if fits(situation, k)
    ]
    if fits(situation, situation.n_passages):
        settings.append({"context": "all", "decoding": "generate", "list_labels": False})
    return settings


def retrieved_params(k: int, retriever: str) -> Json:
    """The settings of a prompt with `k` retrieved passages."""
    return {
        "context": "retrieved",
        "k": k,
        "retriever": retriever,
        "decoding": "generate",
        "list_labels": False,
    }


def fits(situation: Situation, n_passages: int) -> bool:
    """Whether that many passages leave room in the context for the question and its answer."""
    if n_passages > situation.n_passages:
        return False
    own = situation.tokens_per_input + situation.tokens_per_output + 8
    return own + n_passages * situation.tokens_per_passage <= situation.context_tokens


def with_shots(params: Json) -> Json:
    """The settings with the nearest training examples before the question."""
    return params | {"shots": N_SHOTS, "selection": "nearest"}


def shots_fit(situation: Situation, params: Json) -> bool:
    """Whether the examples with their passages leave room for the prompt of those settings."""
    own = situation.tokens_per_input + situation.tokens_per_output + 8
    n_passages = int(params.get("k", situation.n_passages))
    needed = (N_SHOTS + 1) * own + (N_SHOTS + n_passages) * situation.tokens_per_passage
    return needed <= situation.context_tokens and situation.n_train >= N_SHOTS


def _cell(situation: Situation, params: Json) -> Cell:
    n_train = situation.n_train if "shots" in params else 0
    return situation.cell("rag", "search", params=params, n_train=n_train)


def answer(request: Request) -> Answers:
    """Each item behind its passages, after its examples where the cell has any."""
    return ask(request, put(request, request.items, shots_with_passages(request)))


def shots_with_passages(request: Request) -> list[list[Example]]:
    """For each item its examples, each behind the passage that answers it; nothing without shots.

    The passage is the first gold one where the example names it, else the first that search finds.
    """
    if "shots" not in request.cell.params or request.library is None:
        return []
    chosen = choose_shots(request)
    distinct = list({shot.item.id: shot for shots in chosen for shot in shots}.values())
    worded = {
        shot.item.id: shot.model_copy(
            update={"item": with_context(shot.item, [passage.text], request.task_type)}
        )
        for shot, passage in zip(distinct, _first_passages(request, distinct), strict=True)
    }
    return [[worded[shot.item.id] for shot in shots] for shots in chosen]


def _first_passages(request: Request, examples: Sequence[Example]) -> list[Passage]:
    library = request.library
    assert library is not None
    retriever = request.cell.params.get("retriever", "bm25")
    found = library.search([each.item.turns[-1].content for each in examples], 1, retriever)
    return [
        library.get(each.gold_passages[:1])[0] if each.gold_passages else passages[0]
        for each, passages in zip(examples, found, strict=True)
    ]
