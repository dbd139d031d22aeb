"""Measurements whose truth is plain, and what options, findings and advice make of them."""

from __future__ import annotations

from collections.abc import Callable

from advisor import belief, choice, decide
from advisor.advice import advise
from advisor.chosen import chosen_runs
from advisor.findings import Evidence, findings
from advisor.records import Advice, Option
from knowledge.load import machines
from knowledge.records import ModelCard, Source
from probes.methods import DIAGNOSTIC
from probes.records import Example, Item, Measurement, Turn
from probes.task import DataSpec, TaskSpec

Make = Callable[..., Measurement]
N = 200


def spec(**changes: object) -> TaskSpec:
    fields = {
        "version": 1,
        "name": "t",
        "task_type": "qa",
        "data": DataSpec(train="x.jsonl"),
        "target": 0.8,
    }
    return TaskSpec.model_validate(fields | changes)


def card(name: str, n_params: int) -> ModelCard:
    return ModelCard(
        name=name,
        source="local",
        location=name,
        n_params=n_params,
        n_layers=2,
        hidden_size=64,
        intermediate_size=128,
        n_heads=2,
        n_kv_heads=2,
        vocab_size=100,
        context_tokens=512,
        licence="none",
        evidence=Source(title="made up for tests", checked="2026-11-21"),
    )


CARDS = {"small": card("small", 10**6), "large": card("large", 10**7)}


def right(share: float, *, shift: int = 0) -> list[float]:
    """N qualities of which `share` are 1, the wrong ones spread out and moved by `shift`."""
    n_wrong = round(N * (1 - share))
    wrong = {(at * N // max(1, n_wrong) + shift) % N for at in range(n_wrong)}
    return [0.0 if at in wrong else 1.0 for at in range(N)]


def lora_runs(make: Make, rung: str, share: float, half_share: float) -> list[Measurement]:
    """One tuning trial, two runs on half of the data, three on all of it."""
    params = {"learning_rate": 0.01, "rank": 8, "epochs": 2, "decoding": "generate"}
    shared = {"rung": rung, "method": "lora", "params": params}
    runs = [make(right(share), role="tune", n_train=100, **shared)]
    for seed in (1, 2):
        runs.append(
            make(right(half_share, shift=seed), role="curve", n_train=50, seed=seed, **shared)
        )
    for seed in (1, 2, 3):
        runs.append(make(right(share, shift=seed), role="repeat", n_train=100, seed=seed, **shared))
    return runs


def lab(make: Make, shares: dict[tuple[str, str], tuple[float, ...]]) -> list[Measurement]:
    measured = []
    for (rung, method), values in shares.items():
        if method == "lora":
            measured += lora_runs(make, rung, values[0], values[1])
        else:
            params = {"decoding": "generate", "list_labels": False} | EXTRA.get(method, {})
            role = "diagnostic" if method in DIAGNOSTIC else "search"
            found = make(right(values[0]), rung=rung, method=method, params=params, role=role)
            if len(values) > 1:  # what some sample gets right
                passes = {
                    name: make(right(share)).quality
                    for name, share in (("pass@1", values[0]), ("pass@8", values[1]))
                }
                found = found.model_copy(update={"figures": passes})
            measured.append(found)
    return measured


EXTRA: dict[str, dict[str, object]] = {
    "rag": {"context": "retrieved", "k": 3, "retriever": "bm25"},
    "oracle": {"context": "oracle"},
    "steps": {"trigger": "Think.", "steps_tokens": 64},
    "lora_steps": {"trigger": "Think.", "steps_tokens": 64, "rank": 8},
    "vote": {"samples": 8, "temperature": 0.8, "chooser": "majority"},
}


def options_of(measured: list[Measurement], task: TaskSpec) -> list[Option]:
    return belief.options(measured, task, {}, CARDS, machines()["l4"])


def advice_of(measured: list[Measurement], task: TaskSpec) -> Advice:
    options = options_of(measured, task)
    runs = {o.name: chosen_runs(measured, o.rung, o.method)[0] for o in options}
    _, chosen = choice.choose(options, task)
    comparisons = decide.compare(chosen, options, runs, {}, "dev")
    told = findings(evidence_of(measured, task))
    return advise(options, task, comparisons, told, rehearsal=False)


EXAMPLES = {
    f"i{at}": Example(
        item=Item(id=f"i{at}", turns=(Turn(role="user", content=f"question {at}"),)),
        output=f"answer {at % 40}",
        row=at + 1,
    )
    for at in range(N)
}


def evidence_of(measured: list[Measurement], task: TaskSpec, **sizes: int) -> Evidence:
    options = options_of(measured, task)
    runs = {o.name: chosen_runs(measured, o.rung, o.method)[0] for o in options}
    return Evidence(task, options, runs, measured, EXAMPLES, **sizes)


def kinds(measured: list[Measurement], task: TaskSpec) -> set[str]:
    return {found.kind for found in findings(evidence_of(measured, task))}


PROMPT_IS_ENOUGH = {
    ("small", "zero_shot"): (0.93,),
    ("small", "lora"): (0.95, 0.95),
    ("large", "zero_shot"): (0.97,),
    ("large", "lora"): (0.97, 0.97),
}
TUNING_WINS = {
    ("small", "zero_shot"): (0.30,),
    ("small", "lora"): (0.92, 0.91),
    ("large", "zero_shot"): (0.40,),
    ("large", "lora"): (0.93, 0.93),
}
SIZE_IS_NEEDED = {
    ("small", "zero_shot"): (0.20,),
    ("small", "lora"): (0.50, 0.50),
    ("large", "zero_shot"): (0.30,),
    ("large", "lora"): (0.93, 0.92),
}
NOTHING = {
    ("small", "zero_shot"): (0.20,),
    ("small", "lora"): (0.40, 0.40),
    ("large", "zero_shot"): (0.20,),
    ("large", "lora"): (0.45, 0.30),
}
ON_THE_EDGE = {
    ("small", "zero_shot"): (0.30,),
    ("small", "lora"): (0.81, 0.80),
    ("large", "zero_shot"): (0.30,),
    ("large", "lora"): (0.81, 0.80),
}
KNOWLEDGE = {
    ("small", "zero_shot"): (0.10,),
    ("small", "lora"): (0.12, 0.11),
    ("small", "rag"): (0.95,),
    ("small", "oracle"): (0.97,),
}
RETRIEVAL = KNOWLEDGE | {("small", "rag"): (0.25,)}
READING = KNOWLEDGE | {("small", "rag"): (0.25,), ("small", "oracle"): (0.40,)}
STEPS = {
    ("small", "zero_shot"): (0.10,),
    ("small", "steps"): (0.95,),
    ("small", "lora"): (0.50, 0.49),
    ("small", "lora_steps"): (0.05,),
}
SAMPLING = {
    ("small", "zero_shot"): (0.30,),
    ("small", "vote"): (0.32, 0.75),
    ("large", "zero_shot"): (0.55,),
}
