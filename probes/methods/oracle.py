"""The oracle: the passages that are known to answer the question, as if search never failed.

A diagnosis, never an option. Oracle less closed book is what knowledge is worth; oracle less
retrieved is what search loses; what the oracle itself misses is lost in reading.
"""

from __future__ import annotations

from probes.asking import ask, put
from probes.methods import Answers, Known, Proposals, Request, Situation
from probes.methods.rag import fits
from probes.records import Json


def propose(situation: Situation, known: Known) -> Proposals:
    """One cell, where it is known which passages answer the items."""
    if situation.gold == "none" or not fits(situation, 1):
        return
    params: Json = {"context": "oracle", "decoding": "generate", "list_labels": False}
    settings = [params, params | {"decoding": "choices"}] if situation.labels else [params]
    yield [situation.cell("oracle", "diagnostic", params=each) for each in settings]


def answer(request: Request) -> Answers:
    """Each item behind the passages that answer it."""
    return ask(request, put(request, request.items))
