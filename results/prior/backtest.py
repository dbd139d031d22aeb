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
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from advisor.prior import logit
from advisor.weighing import NEARLY
from results.prior.choosers import (
    SHARES,
    TARGETS,
    Chooser,
    by_flowchart,
    by_prior,
    by_share_of_others,
    fixed,
    judged,
)
from results.prior.crossings import crossing_table, crossings
from results.prior.published import KINDS, Published, read
from results.prior.tasks import ORDER, Task, tasks

OUT = Path("results/prior/backtest.md")


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
