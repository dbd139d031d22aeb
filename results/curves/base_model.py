"""Which base model to tune, told from other tasks: LoRA Land, each task left out of its own choice.

    python -m results.curves.base_model ../shared/data/published

Writes `results/curves/base_model.md`. Regret: the best tuned score of the task less that of the
model chosen, mean over 31 tasks of 10 models. Every rule sees the tuned scores of the other tasks
and, where it says so, the untuned scores of this one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

OUT = Path("results/curves/base_model.md")
Rule = Callable[[pd.DataFrame, pd.Series, pd.Series], pd.Series]
"""Tuned scores of other tasks (tasks x models), whether each is of this task's kind, untuned scores
of this task -> a score for each model."""


def centred(tuned: pd.DataFrame, most: float = 1.0) -> pd.DataFrame:
    """Scores less the task's median, at most so far from it."""
    return tuned.sub(tuned.median(axis=1), axis=0).clip(-most, most)


def by_kind(lean: float, most: float = 1.0) -> Rule:
    """Mean over tasks of this kind, shrunk to the mean over all with the weight of `lean` tasks."""

    def rule(tuned: pd.DataFrame, same: pd.Series, untuned: pd.Series) -> pd.Series:
        each = centred(tuned, most)
        return (each[same].sum() + lean * each.mean()) / (same.sum() + lean)

    return rule


def with_untuned(weight: float) -> Rule:
    """Mean over tasks, plus a share of what the model reaches here untuned."""

    def rule(tuned: pd.DataFrame, same: pd.Series, untuned: pd.Series) -> pd.Series:
        return centred(tuned).mean() + weight * (untuned - untuned.mean())

    return rule


def shrunk(tuned: pd.DataFrame, same: pd.Series, untuned: pd.Series) -> pd.Series:
    """Model effects shrunk by their own unrest over tasks (James-Stein), failed runs clipped."""
    each = centred(tuned, 0.2)
    noise = each.var(ddof=1) / len(each)
    return each.mean() * each.mean().var() / (each.mean().var() + noise)


RULES: dict[str, Rule] = {
    "best average on the other tasks": lambda tuned, same, untuned: tuned.mean(),
    "median of centred scores": lambda tuned, same, untuned: centred(tuned).median(),
    "mean of centred scores, at most .05": lambda tuned, same, untuned: centred(tuned, 0.05).mean(),
    "mean of centred scores, at most .1": lambda tuned, same, untuned: centred(tuned, 0.1).mean(),
    "shrunk model effects": shrunk,
    "mean rank": lambda tuned, same, untuned: tuned.rank(axis=1).mean(),
    "mean of ln error": lambda tuned, same, untuned: -np.log(1.005 - tuned).mean(),
    "kind, leaning 5": by_kind(5),
    "kind, leaning 5, at most .05": by_kind(5, 0.05),
    "kind, leaning 20": by_kind(20),
    "average and .02 of the untuned score": with_untuned(0.02),
    "average and .1 of the untuned score": with_untuned(0.1),
    "best untuned score": lambda tuned, same, untuned: untuned,
}


def regrets(table: pd.DataFrame, rule: Rule, tried: int = 1) -> pd.Series:
    """Regret by task when the `tried` best models are tuned and the better one is taken."""
    tuned = table.pivot(index="task", columns="base_model", values="ft_score")
    untuned = table.pivot(index="task", columns="base_model", values="base_score")
    kinds = table.groupby("task").category.first()
    found = {}
    for task in tuned.index:
        rest = tuned.drop(index=task)
        scores = rule(rest, kinds.loc[rest.index] == kinds[task], untuned.loc[task])
        taken = scores.sort_values(ascending=False).index[:tried]
        found[task] = tuned.loc[task].max() - tuned.loc[task, taken].max()
    return pd.Series(found)


def page(folder: Path) -> Iterator[str]:
    """The whole page."""
    table = pd.read_csv(folder / "lora_land" / "lora_land_310.csv")
    yield "# Which base model to tune, told from other tasks"
    yield ""
    yield "Made by `python -m results.curves.base_model`: LoRA Land, leave one task out. Difference"
    yield "to the best average: bootstrap over tasks, 95 %."
    yield ""
    yield "| rule | mean regret | tasks above .03 | less the best average |"
    yield "|---|---|---|---|"
    plainest = next(iter(RULES))
    plain = regrets(table, RULES[plainest])
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(plain), (2000, len(plain)))
    rows = [(name, rule, 1) for name, rule in RULES.items()]
    rows += [(f"{plainest}, the best {k} tuned", RULES[plainest], k) for k in (2, 3)]
    for name, rule, tried in rows:
        mine = regrets(table, rule, tried)
        gaps = (mine - plain).to_numpy()
        low, high = np.quantile(gaps[drawn].mean(axis=1), (0.025, 0.975))
        same = " tie" if low <= 0 <= high else ""
        yield (
            f"| {name} | {mine.mean():.4f} | {(mine > 0.03).sum()} |"
            f" {gaps.mean():+.4f} [{low:+.4f}, {high:+.4f}]{same} |"
        )
    yield ""
    worst = plain.sort_values(ascending=False)[:5]
    told = ", ".join(f"{task} {value:.3f}" for task, value in worst.items())
    yield (
        f"Of the best average's regret {100 * worst.sum() / plain.sum():.0f} % comes from five"
        f" tasks: {told}."
    )


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("published", type=Path)
    text = "\n".join(page(parser.parse_args().published)) + "\n"
    OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
