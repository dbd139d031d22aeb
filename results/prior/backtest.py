"""How good the prior of `advisor advise` is by itself, each task predicted from all the others.

    python -m results.prior.backtest ../shared/data/published

LoRA Land: six options a task (no tuning at about 2.5B, 7B, GPT-3.5, GPT-4; LoRA at 2.5B and 7B; the
median over models of a size), targets from .5 to .9 that some option reaches. The prior is fitted
without the task and takes the cheapest option whose chance is nearly the best one's, in a fixed
order of price; the rules of `advisor advise`, its prices and its order of work have no part in it.
Beside it the flowchart of the documents that the project grew from, and three fixed choices.
Long-context ICL: examples in the prompt or tuning, by the number of rows, with the data set left
out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from advisor.nature import Nature, nature_of
from advisor.prior import Belief, expected, logit
from advisor.weighing import NEARLY
from knowledge.expectations import Expectations, Kind
from knowledge.records import TaskType
from results.prior.fit import fit
from results.prior.published import (
    CHOICES,
    INSTRUCT,
    KINDS,
    LABELS,
    PROMPTED_SPLIT,
    Published,
    prompted,
    read,
)

OUT = Path("results/prior/backtest.md")
TARGETS = (0.5, 0.6, 0.7, 0.8, 0.9)
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the best chance, that is enough to choose something cheaper."""
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
BASES = ["meta-llama/Llama-2-7b-hf", "mistralai/Mistral-7B-v0.1"]
Chooser = Callable[["Task", float], str]


@dataclass(frozen=True)
class Task:
    """A task of LoRA Land with what its options reached and what was expected of them."""

    name: str
    kind: Kind
    n_rows: int
    reached: dict[str, float]
    beliefs: dict[str, Belief]


def nature_for(kind: Kind, name: str, n_rows: int) -> Nature:
    """What a user would say of the task."""
    return nature_of(
        TYPES[kind],
        answers_from="memory" if kind == "facts" else "input",
        hard_part="steps" if kind in ("reasoning", "code") else "form",
        n_rows=n_rows,
        n_labels=CHOICES.get(name, 10) if kind == "labels" else None,
    )


def size_of(mmlu: float, known: Expectations) -> int:
    """Parameters at which the prior expects that MMLU: how it is told of a model's ability."""
    steps = (float(logit(mmlu)) - known.ability.at_7b) / known.ability.slope
    return round(7e9 * 10**steps)


def tasks(published: Published) -> Iterator[Task]:
    """Every task with beliefs from a prior that never saw it."""
    for kind, names in KINDS.items():
        for name in names:
            rows = published.lora_land[published.lora_land.task == name]
            known = fit(published, without=SAME.get(name, (name,)))
            if name in TOLD or all(level.kind != kind for level in known.levels):
                continue  # the only task of its kind
            spoken = rows[[any(w in str(m) for w in INSTRUCT) for m in rows.base_model]]
            small, large = rows.approx_params_b < 4, rows.approx_params_b > 6
            bench = published.bench.set_index("Model").MMLU
            hosted = published.instruct.set_index("Model").MMLU
            ability = {
                "zero @ 2.5B": float(bench["google/gemma-2b"]),
                "zero @ 7B": float(bench[BASES].mean()),
                "zero @ GPT-3.5": float(hosted["gpt-3.5-turbo-0613"]),
                "zero @ GPT-4": float(hosted["gpt-4-0613"]),
            }
            reached = {
                "zero @ 2.5B": spoken[spoken.approx_params_b < 4].base_score.median(),
                "zero @ 7B": spoken[spoken.approx_params_b > 6].base_score.median(),
                "zero @ GPT-3.5": rows.gpt35_score.iloc[0],
                "zero @ GPT-4": rows.gpt4_score.iloc[0],
                "lora @ 2.5B": rows[small].ft_score.median(),
                "lora @ 7B": rows[large].ft_score.median(),
            }
            n_rows = int(rows.n_train.iloc[0])
            nature = nature_for(kind, name, n_rows)
            beliefs = {
                option: expected(
                    "lora" if option.startswith("lora") else "zero_shot",
                    SIZES[option] if option in SIZES else size_of(ability[option], known),
                    nature,
                    known,
                )
                for option in ORDER
            }
            yield Task(name, kind, n_rows, {k: float(v) for k, v in reached.items()}, beliefs)


def by_prior(share: float) -> Chooser:
    """The cheapest option whose chance is that share of the best one's."""

    def choose(task: Task, target: float) -> str:
        chances = {name: task.beliefs[name].p_at_least(target) for name in ORDER}
        best = max(chances.values())
        return next(name for name in ORDER if chances[name] >= share * best)

    return choose


def by_share_of_others(found: Sequence[Task]) -> Chooser:
    """The prior with the share that chose best on all other tasks."""

    def exact(share: float, left_out: Task) -> int:
        return judged([task for task in found if task is not left_out], by_prior(share))[1]

    best = {task.name: max(SHARES, key=lambda share: exact(share, task)) for task in found}
    return lambda task, target: by_prior(best[task.name])(task, target)


def by_flowchart(task: Task, target: float) -> str:
    """The documents' rules: too few examples, prompt the largest; otherwise tune, at 7B where
    logic or domain knowledge is asked for and small where it is a classification."""
    if task.n_rows < 1000:
        return "zero @ GPT-4"
    return "lora @ 2.5B" if task.kind in ("labels", "extraction") else "lora @ 7B"


def fixed(name: str) -> Chooser:
    """Always the same option."""
    return lambda task, target: name


def judged(found: Sequence[Task], choose: Chooser) -> tuple[int, int, int, int, float]:
    """Questions; exactly right, enough but dearer, not enough; mean shortfall in points."""
    exact = dearer = short = n = 0
    shortfall = 0.0
    for task in found:
        for target in TARGETS:
            enough = [name for name in ORDER if task.reached[name] >= target]
            if not enough:
                continue
            n += 1
            chosen = choose(task, target)
            exact += chosen == enough[0]
            dearer += chosen in enough[1:]
            short += chosen not in enough
            shortfall += max(0.0, target - task.reached[chosen])
    return n, exact, dearer, short, 100 * shortfall / n


def against_the_flowchart(found: Sequence[Task]) -> str:
    """Differences in exact choices and in shortfall, bootstrapped over tasks."""
    rng = np.random.default_rng(0)

    def differences(chosen: Sequence[Task]) -> tuple[float, float]:
        ours, theirs = judged(chosen, by_prior(NEARLY)), judged(chosen, by_flowchart)
        return 100 * (ours[1] - theirs[1]) / ours[0], ours[4] - theirs[4]

    draws = [
        differences(rng.choice(np.array(found, object), len(found)).tolist()) for _ in range(500)
    ]
    shown = []
    for at, what in enumerate(("exactly right", "mean shortfall")):
        low, high = np.quantile([draw[at] for draw in draws], (0.025, 0.975))
        shown.append(f"{what} {differences(found)[at]:+.1f} points [{low:+.1f}, {high:+.1f}]")
    return "Prior less flowchart: " + "; ".join(shown) + " (95 %, bootstrap over tasks)."


def habit(found: Sequence[Task]) -> str:
    """What a prompt lacks where a form of one's own is asked for: the rule `new-habit`."""
    gaps = [
        float(logit(task.reached["lora @ 7B"]) - logit(task.reached["zero @ GPT-4"]))
        for task in found
        if task.kind == "text"
    ]
    return (
        f"On the {len(gaps)} text tasks LoRA at 7B is {np.mean(gaps):.2f} logits above GPT-4 with a"
        f" prompt (from {min(gaps):.2f} to {max(gaps):.2f}), which the rule `new-habit` rests on."
    )


def _held(found: Sequence[Task], method: str) -> str:
    """How many scores lie in their 80 % intervals."""
    pairs = [(t.beliefs[o], t.reached[o]) for t in found for o in ORDER if o.startswith(method)]
    inside = sum(b.quantile(0.1) <= x <= b.quantile(0.9) for b, x in pairs)
    return f"{inside} of {len(pairs)}"


def calibration(found: Sequence[Task]) -> Iterator[str]:
    """Coverage of the 80 % intervals, and how often what is said to be likely happens."""
    pairs = [(t.beliefs[name], t.reached[name]) for t in found for name in ORDER]
    inside = np.mean([b.quantile(0.1) <= x <= b.quantile(0.9) for b, x in pairs])
    yield f"80 % intervals hold {100 * inside:.0f} % of {len(pairs)} scores ({len(found)} tasks):"
    yield ""
    yield "| kind | tasks | untuned, held | tuned, held |"
    yield "|---|---|---|---|"
    for kind in KINDS:
        mine = [task for task in found if task.kind == kind]
        if mine:
            held = [_held(mine, "zero"), _held(mine, "lora")]
            yield f"| {kind} | {len(mine)} | {held[0]} | {held[1]} |"
    yield f"| all | {len(found)} | {_held(found, 'zero')} | {_held(found, 'lora')} |"
    yield ""
    chances = np.array([b.p_at_least(t) for b, _ in pairs for t in TARGETS])
    came = np.array([float(x >= t) for _, x in pairs for t in TARGETS])
    brier, base = np.mean((chances - came) ** 2), np.mean((came.mean() - came) ** 2)
    yield f"Brier score of the chances {brier:.3f}; of their base rate {base:.3f}."
    yield ""
    yield "| chance said | n | came true |"
    yield "|---|---|---|"
    edges = (0, 0.1, 0.3, 0.5, 0.7, 1.0001)
    for low, high in pairwise(edges):
        held = (chances >= low) & (chances < high)
        said = f"{100 * low:.0f} to {100 * min(high, 1):.0f} %"
        yield f"| {said} | {held.sum()} | {100 * came[held].mean():.0f} % |"


@dataclass(frozen=True)
class Crossing:
    """Examples in the prompt against tuning, at one number of rows."""

    dataset: str
    n_rows: int
    prompted: float
    tuned: float
    beliefs: dict[str, Belief]


def crossings(published: Published) -> Iterator[Crossing]:
    """The three label sets, each predicted without itself."""
    for name, n_labels in LABELS.items():
        known = fit(published, without=[name])
        tuning = published.tuning[published.tuning.dataset == name]
        tuning = tuning[tuning.test_split_seed == PROMPTED_SPLIT]
        shots = prompted(published.prompting, name, "random")
        nearest = prompted(published.prompting, name, "retrieval")
        bench = published.bench.set_index("Model").MMLU
        size = size_of(float(bench[BASES[0]]), known)
        for n_rows, tuned in tuning.groupby("n_train").accuracy.mean().items():
            usable = shots[shots.index <= n_rows]
            if usable.empty:
                continue
            at_most = min(float(usable.iloc[-1]), float(nearest[10]))
            nature = nature_of("classification", n_rows=int(n_rows), n_labels=n_labels)
            yield Crossing(
                name,
                int(n_rows),
                at_most,
                float(tuned),
                {m: expected(m, size, nature, known) for m in ("few_shot", "lora")},
            )


def crossing_table(found: Sequence[Crossing]) -> Iterator[str]:
    """Row by row what was reached and expected; then who chose right."""
    yield "In the prompt: what the ten nearest of so many rows reach at most, the lower of all"
    yield "rows in the prompt and the ten nearest of the whole set. Expected: the 10, 50 and 90 %"
    yield "points."
    yield ""
    yield "| set | rows | in the prompt | expected | tuned | expected | better | prior |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in found:
        shown = [
            " ".join(f"{100 * b.quantile(q):.0f}" for q in (0.1, 0.5, 0.9))
            for b in (row.beliefs["few_shot"], row.beliefs["lora"])
        ]
        yield (
            f"| {row.dataset} | {row.n_rows:,} | {100 * row.prompted:.0f} | {shown[0]} |"
            f" {100 * row.tuned:.0f} | {shown[1]} | {_better(row)} | {_said(row)} |"
        )
    told = [row for row in found if _better(row) != "alike"]
    right = sum(_better(row) == _said(row) for row in told)
    chart = sum(_better(row) == ("tune" if row.n_rows >= 1000 else "prompt") for row in told)
    pairs = [(row.beliefs["few_shot"], row.prompted) for row in found]
    pairs += [(row.beliefs["lora"], row.tuned) for row in found]
    inside = np.mean([b.quantile(0.1) <= x <= b.quantile(0.9) for b, x in pairs])
    yield ""
    yield (
        f"Where they differ by two points and more ({len(told)} of {len(found)}) the prior names"
        f" the better one {right} times, the flowchart (tune from 1,000 rows) {chart} times. 80 %"
        f" intervals hold {100 * inside:.0f} % of {len(pairs)} accuracies."
    )


def _better(row: Crossing) -> str:
    if abs(row.prompted - row.tuned) < 0.02:
        return "alike"
    return "prompt" if row.prompted > row.tuned else "tune"


def _said(row: Crossing) -> str:
    few, lora = row.beliefs["few_shot"], row.beliefs["lora"]
    return "prompt" if few.mean > lora.mean else "tune"


def page(published: Published) -> Iterator[str]:
    """The whole page."""
    found = list(tasks(published))
    yield "# The prior by itself"
    yield ""
    yield "Made by `python -m results.prior.backtest`; every task is left out of the fit that"
    yield "predicts it. One run a model and task: no seeds."
    yield ""
    yield "## LoRA Land: first choices"
    yield ""
    yield (
        f"{len(found)} tasks at targets of .5 to .9, where some option reaches the target. Exact:"
        " the cheapest option that is enough. Nearly all of these tasks have thousands of rows, so"
        " that the flowchart comes down to tuning."
    )
    yield ""
    yield "| chooser | questions | exact | enough, dearer | not enough | mean shortfall, points |"
    yield "|---|---|---|---|---|---|"
    choosers: list[tuple[str, Chooser]] = [
        (
            f"prior, {100 * share:.0f} % of the best chance{' (used)' * (share == NEARLY)}",
            by_prior(share),
        )
        for share in SHARES
    ]
    choosers += [
        ("prior, the share that was best on the others", by_share_of_others(found)),
        ("flowchart of the documents", by_flowchart),
        *((f"always {name}", fixed(name)) for name in ("lora @ 7B", "zero @ GPT-4", "zero @ 7B")),
    ]
    for name, choose in choosers:
        n, exact, dearer, short, points = judged(found, choose)
        yield f"| {name} | {n} | {exact} | {dearer} | {short} | {points:.1f} |"
    yield ""
    yield against_the_flowchart(found)
    yield ""
    yield habit(found)
    yield ""
    yield "## LoRA Land: calibration"
    yield ""
    yield from calibration(found)
    yield ""
    yield "## Long-context ICL: prompt or tune"
    yield ""
    yield from crossing_table(list(crossings(published)))


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("published", type=Path)
    text = "\n".join(page(read(parser.parse_args().published))) + "\n"
    OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
