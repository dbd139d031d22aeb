"""Pre-training rows: documents encoded, packed and weighted, chunk by chunk from fixed seeds."""

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.pocket.turns import Document, segments
from probes.pocket.vocabulary import Split
from probes.pocket.world import document

DOCUMENTS_PER_CHUNK = 3000
TOKENS_PER_STEP = 2048
ROW_LENGTHS: tuple[int, ...] = (256, 256, 512)
"""Row length of successive chunks; a third of the text is read in longer rows."""
PLAIN_WEIGHT = 0.3
OPEN_BINS = 16

Encoded = tuple[list[int], list[float]]
"""Token ids, and the loss weight of each."""


def encode(tokenizer: Any, documents: list[Document]) -> list[Encoded]:
    """Token ids and loss weights: 1 on answers and their end marker, less on plain text, else 0."""
    pieces = [(i, *segment) for i, doc in enumerate(documents) for segment in segments(doc)]
    ids = tokenizer([text for _, text, _ in pieces], add_special_tokens=False)["input_ids"]
    encoded: list[Encoded] = [([], []) for _ in documents]
    for (index, _, scoring), tokens in zip(pieces, ids, strict=True):
        weight = {"answer": 1.0, "plain": PLAIN_WEIGHT, "prompt": 0.0}[scoring]
        encoded[index][0].extend(tokens)
        first = 0.0 if scoring == "answer" else weight  # the assistant marker is never predicted
        encoded[index][1].extend([first] + [weight] * (len(tokens) - 1))
    return encoded


def pack(encoded: list[Encoded], length: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Best-fit packing into rows of one length; longer documents are cut, gaps are padding."""
    open_rows: list[Encoded] = []
    full: list[Encoded] = []
    for ids, weights in encoded:
        ids, weights = ids[:length], weights[:length]
        fits = [row for row in open_rows if len(row[0]) + len(ids) <= length]
        if fits:
            row = max(fits, key=lambda r: len(r[0]))
            row[0].extend(ids)
            row[1].extend(weights)
        else:
            open_rows.append((list(ids), list(weights)))
        if len(open_rows) > OPEN_BINS:
            fullest = max(range(len(open_rows)), key=lambda i: len(open_rows[i][0]))
            full.append(open_rows.pop(fullest))
    rows = full + open_rows
    tokens = np.zeros((len(rows), length), dtype=np.int64)  # padding has id 0
    scored = np.zeros((len(rows), length), dtype=np.float32)
    for index, (ids, weights) in enumerate(rows):
        tokens[index, : len(ids)] = ids
        scored[index, : len(weights)] = weights
    return tokens, scored


def sample_documents(
    seed: str, count: int, mixture: dict[str, float], split: Split = "pretrain"
) -> list[Document]:
    """A reproducible sample of documents."""
    r = Random(seed)
    return [document(r, mixture, split) for _ in range(count)]


def batches(
    tokenizer: Any, mixture: dict[str, float], seed: str
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Endless batches of `TOKENS_PER_STEP` tokens; each chunk has its own seed."""
    chunk = 0
    while True:
        length = ROW_LENGTHS[chunk % len(ROW_LENGTHS)]
        documents = sample_documents(f"{seed}/{chunk}", DOCUMENTS_PER_CHUNK, mixture)
        tokens, weights = pack(encode(tokenizer, documents), length)
        order = np.random.default_rng(chunk).permutation(len(tokens))
        rows = TOKENS_PER_STEP // length
        for start in range(0, len(order) - rows + 1, rows):
            chosen = order[start : start + rows]
            yield tokens[chosen], weights[chosen]
        chunk += 1
