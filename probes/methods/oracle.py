"""The oracle: the passages that are known to answer the question, as if search never failed.

A diagnosis, never an option. Oracle less closed book is what knowledge is worth; oracle less
retrieved is what search loses; what the oracle itself misses is lost in reading.
"""

from __future__ import annotations

from probes.asking import ask, put
from probes.methods import Answers, Known, Proposals, Request, Situation, best
from probes.methods.rag import fits, shots_with_passages, with_shots
from probes.records import Json


def propose(situation: Situation, known: Known) -> Proposals:
    """The prompt of the best retrieval, where it is known which passages answer the items."""
    if situation.gold == "none" or not fits(situation, 1):
        return
    params: Json = {"context": "oracle", "decoding": "generate", "list_labels": False}
    rag = best(known.get("rag", ()))
    prompts = [params]
    if rag is not None and "shots" in rag.cell.params:
        prompts.append(with_shots(params))
    if situation.labels:
        prompts += [each | {"decoding": "choices"} for each in prompts]
    yield [
        situation.cell(
            "oracle",
            "diagnostic",
            params=each,
            n_train=situation.n_train if "shots" in each else 0,
        )
        for each in prompts
    ]


def answer(request: Request) -> Answers:
    """Each item behind the passages that answer it."""
    return ask(request, put(request, request.items, shots_with_passages(request)))
