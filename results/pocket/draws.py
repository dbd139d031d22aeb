"""Draws of the example tasks: rows to train on, fresh rows, prompts, and how answers score."""

import json
import re
from collections.abc import Sequence
from functools import cache, cached_property
from random import Random
from typing import Any

import bm25s
import torch

from probes.pocket.corpus import encode
from probes.pocket.example_rows import Row
from probes.pocket.tasks import Task, drawn, library
from probes.pocket.turns import Document
from results.pocket.scoring import Loaded, generate, right
from results.pocket.truth_table import N

FRESH, SELECT = 1000, 2000
"""Seeds of the draws that are tested on, and of those that settings are selected on."""
TRAIN_SHARE = 0.6
FRESH_ROWS = (720, 2000)
CURVE_TASKS = ("few-tickets", "noisy-labels", "disputed-items")
"""Tasks that are also trained on fewer and on more rows."""


class Draw:
    """One draw of a task's rows, with a search over its documents."""

    def __init__(self, task: Task, seed: int, count: int | None = None) -> None:
        self.task = task
        self.rows = drawn(task, seed, count)
        passages, gold = library(self.rows)
        self.texts = list(passages.values())
        self.gold = {
            row.input: passages[ids[0]] for row, ids in zip(self.rows, gold, strict=True) if ids
        }

    @cached_property
    def _index(self) -> Any:
        index = bm25s.BM25()
        index.index([_words(text) for text in self.texts], show_progress=False)
        return index

    def search(self, rows: Sequence[Row], k: int) -> list[list[str]]:
        """The k best passages of each row's question."""
        queries = [_words(row.input) for row in rows]
        found, _ = self._index.retrieve(queries, k=k, show_progress=False)
        return [[self.texts[at] for at in best] for best in found]

    def prompts(
        self,
        rows: Sequence[Row],
        contexts: Sequence[Sequence[str]] | None = None,
        shots: Sequence[Sequence[Row]] | None = None,
        behind: str = "",
        instruction: str | None = None,
    ) -> list[Document]:
        """The rows as the product puts them to a model."""
        documents = []
        for at, row in enumerate(rows):
            passages = contexts[at] if contexts else ()
            asked = f"Context: {' '.join(passages)}\nQuestion: " if passages else ""
            pairs = [(shot.input, shot.output) for shot in (shots[at] if shots else ())]
            pairs.append((f"{asked}{row.input}{behind}", row.output))
            document: Document = []
            for question, answer in pairs:
                document += [("user", question), ("assistant", answer)]
            opening = self.task.instruction if instruction is None else instruction
            document[0] = ("user", f"{opening}\n{document[0][1]}")
            documents.append(document)
        return documents


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


@cache
def trained_on(task: Task, seed: int, times: float = 1.0) -> tuple[Draw, list[Row]]:
    """A draw and the rows of it that are trained on, as many as the product would have."""
    draw = Draw(task, seed, max(task.count, round(task.count * times)))
    rows = Random(f"train/{seed}").sample(draw.rows, len(draw.rows))
    return draw, rows[: round(TRAIN_SHARE * task.count * times)]


@cache
def fresh(task: Task, seed: int, base: int = FRESH, n: int = N) -> tuple[Draw, list[Row]]:
    """Rows of another draw; none of their inputs or groups is trained on with this seed."""
    known = {_group(row) for times in (1.0, 4.0) for row in _seen(task, seed, times)}
    with_documents = bool(drawn(task)[0].passages)
    for count in (None,) if with_documents else FRESH_ROWS:
        draw = Draw(task, base, count)
        rows = [row for row in draw.rows if _group(row) not in known]
        if len(rows) >= n:
            break
    assert len(rows) >= n, (task.name, len(rows))
    return draw, rows[:n]


def _group(row: Row) -> str:
    return row.group or row.input


def _seen(task: Task, seed: int, times: float) -> list[Row]:
    return trained_on(task, seed, times)[1] if times == 1 or task.name in CURVE_TASKS else []


def nearest(rows: Sequence[Row], pool: Sequence[Row], count: int) -> list[list[Row]]:
    """The nearest rows of the pool by character n-grams, the nearest one last."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    known = vectors.fit_transform([row.input for row in pool])
    alike = (vectors.transform([row.input for row in rows]) @ known.T).toarray()
    return [[pool[at] for at in line.argsort()[-count:]] for line in alike]


# ---------------------------------------------------------------- scores


def scores(loaded: Loaded, task: Task, documents: list[Document], lenient: bool = False) -> float:
    """Mean quality of greedy answers: right fields of strict JSON, else the whole answer."""
    if task.metric != "json_fields":
        verdicts = right(loaded, documents)
        return sum(verdicts) / len(verdicts)
    shares = [
        _fields(texts[0], document[-1][1], lenient)
        for texts, document in zip(generate(loaded, documents), documents, strict=True)
    ]
    return sum(shares) / len(shares)


def _fields(text: str, reference: str, lenient: bool) -> float:
    wanted = json.loads(reference)
    try:
        pairs = json.loads(text, object_pairs_hook=list)
        given = dict(pairs)
    except (ValueError, TypeError):
        return 0.0
    if not lenient and sorted(name for name, _ in pairs) != sorted(wanted):
        return 0.0
    return sum(bool(given.get(name) == value) for name, value in wanted.items()) / len(wanted)


def choose(loaded: Loaded, documents: list[Document], labels: Sequence[str]) -> float:
    """Share of rows whose label is the likeliest of all labels."""
    hits = 0
    for first in range(0, len(documents), 10):
        some = documents[first : first + 10]
        rows = encode(
            loaded.tokenizer, [[*d[:-1], ("assistant", label)] for d in some for label in labels]
        )
        longest = max(len(ids) for ids, _ in rows)
        tokens = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows])
        scored = torch.tensor([w + [0.0] * (longest - len(w)) for _, w in rows])
        counted = scored[:, 1:] > 0
        with torch.no_grad():
            logs = loaded.model(input_ids=tokens).logits[:, :-1][counted].log_softmax(-1)
        each = torch.zeros(counted.shape)
        each[counted] = logs.gather(-1, tokens[:, 1:][counted][:, None])[:, 0]
        best = each.sum(-1).view(len(some), len(labels)).argmax(-1)
        hits += sum(labels[at] == d[-1][1] for at, d in zip(best.tolist(), some, strict=True))
    return hits / len(documents)


def tokens_of(loaded: Loaded, documents: list[Document]) -> float:
    """Mean length of prompt and answer."""
    return sum(len(ids) for ids, _ in encode(loaded.tokenizer, documents)) / len(documents)
