"""Retrieval: passages of the user's documents before the question, found by search.

Three arms come apart: closed book (zero-shot, few-shot), retrieved (here) and the oracle
(`probes.methods.oracle`). How often search finds what is needed is reported as recall@k, apart from
the answers. Where all documents fit the context they are tried there together as well.
"""

from __future__ import annotations

from probes.asking import ask, put
from probes.methods import Answers, Known, Proposals, Request, Situation, best
from probes.records import Cell, Json


def propose(situation: Situation, known: Known) -> Proposals:
    """Every k by BM25, then the best k by the other ways of searching, then constrained."""
    if not situation.n_passages:
        return
    tried = yield [_cell(situation, params) for params in first_settings(situation)]
    winner = best([found for found in tried if found.cell.params["context"] == "retrieved"])
    if winner is None:
        return
    others = [name for name in situation.retrievers if name != "bm25"]
    if others:
        tried = tried + (
            yield [_cell(situation, winner.cell.params | {"retriever": name}) for name in others]
        )
    winner = best(tried)
    if winner is not None and situation.labels:
        yield [_cell(situation, winner.cell.params | {"decoding": "choices"})]


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


def _cell(situation: Situation, params: Json) -> Cell:
    return situation.cell("rag", "search", params=params)


def answer(request: Request) -> Answers:
    """Each item behind its passages."""
    return ask(request, put(request, request.items))
