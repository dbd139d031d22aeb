"""LoRA Land's tasks, each with what its options reached and what was expected of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from advisor.nature import Nature, nature_of
from advisor.prior import Belief, expected
from knowledge.expectations import Expectations, Kind
from knowledge.records import TaskType
from results.prior.ability import size_of
from results.prior.fit import fit
from results.prior.published import CHOICES, INSTRUCT, KINDS, MMLU, Published

TYPES: dict[Kind, TaskType] = {
    "labels": "classification",
    "extraction": "extraction",
    "text": "generation",
    "reading": "qa",
    "facts": "qa",
    "reasoning": "reasoning",
    "calls": "function-calling",
    "code": "code",
}
ORDER = ("zero @ 2.5B", "zero @ 7B", "lora @ 2.5B", "lora @ 7B", "zero @ GPT-3.5", "zero @ GPT-4")
"""Cheapest first: the hosted models of that time cost more than a tuned one of one's own."""
SAME = dict.fromkeys(("hellaswag", "hellaswag_processed"), ("hellaswag", "hellaswag_processed"))
"""Tasks on the same data, left out together."""
TOLD = ("mmlu",)
"""Not predicted: models' ability is told by their MMLU."""
SIZES = {"lora @ 2.5B": 2_500_000_000, "lora @ 7B": 7_200_000_000}


@dataclass(frozen=True)
class Task:
    """A task of LoRA Land with what its options reached and what was expected of them."""

    name: str
    kind: Kind
    n_rows: int
    reached: dict[str, float]
    beliefs: dict[str, Belief]


def tasks(published: Published) -> Iterator[Task]:
    """Every task with beliefs from a prior that never saw it."""
    able = _abilities(published)
    for kind, names in KINDS.items():
        for name in names:
            rows = published.lora_land[published.lora_land.task == name]
            known = fit(published, without=SAME.get(name, (name,)))
            if name in TOLD or all(level.kind != kind for level in known.levels):
                continue  # the only task of its kind
            n_rows = int(rows.n_train.iloc[0])
            beliefs = _beliefs(nature_for(kind, name, n_rows), able, known)
            yield Task(name, kind, n_rows, _reached(rows), beliefs)


def nature_for(kind: Kind, name: str, n_rows: int) -> Nature:
    """What a user would say of the task."""
    return nature_of(
        TYPES[kind],
        answers_from="memory" if kind == "facts" else "input",
        hard_part="steps" if kind in ("reasoning", "code") else "form",
        n_rows=n_rows,
        n_labels=CHOICES.get(name, 10) if kind == "labels" else None,
    )


def _abilities(published: Published) -> dict[str, float]:
    """MMLU of the options that are not tuned."""
    bench = published.bench.set_index("Model").MMLU
    hosted = published.instruct.set_index("Model").MMLU
    return {
        "zero @ 2.5B": float(bench[MMLU["gemma-2b"]]),
        "zero @ 7B": float(bench[[MMLU["llama-2-7b"], MMLU["mistral-7b"]]].mean()),
        "zero @ GPT-3.5": float(hosted["gpt-3.5-turbo-0613"]),
        "zero @ GPT-4": float(hosted["gpt-4-0613"]),
    }


def _reached(rows: pd.DataFrame) -> dict[str, float]:
    """What each option reached, the median over models of a size."""
    spoken = rows[[any(w in str(m) for w in INSTRUCT) for m in rows.base_model]]
    reached = {
        "zero @ 2.5B": spoken[spoken.approx_params_b < 4].base_score.median(),
        "zero @ 7B": spoken[spoken.approx_params_b > 6].base_score.median(),
        "zero @ GPT-3.5": rows.gpt35_score.iloc[0],
        "zero @ GPT-4": rows.gpt4_score.iloc[0],
        "lora @ 2.5B": rows[rows.approx_params_b < 4].ft_score.median(),
        "lora @ 7B": rows[rows.approx_params_b > 6].ft_score.median(),
    }
    return {option: float(score) for option, score in reached.items()}


def _beliefs(nature: Nature, able: dict[str, float], known: Expectations) -> dict[str, Belief]:
    """What the prior expects of each option."""
    found = {}
    for option in ORDER:
        tuned = option in SIZES
        size = SIZES[option] if tuned else size_of(able[option], known.ability)
        found[option] = expected("lora" if tuned else "zero_shot", size, nature, known)
    return found
