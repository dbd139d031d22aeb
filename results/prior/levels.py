"""What tasks of a kind end at, tuned and untuned, by the ability of the model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from knowledge.expectations import Ability, Kind, Level
from results.prior.ability import ability_of, by_size
from results.prior.published import (
    INSTRUCT,
    KINDS,
    MEASURES,
    MMLU,
    Published,
    above_chance,
    logit,
)

LEAN = 5.0
"""Weight of the slope over all kinds, in squared logits of ability: that of some 25 models that lie
.45 logits from their mean, as those of LoRA Land do."""


def levels(tables: Published) -> Iterable[Level]:
    """Levels by kind and arm: slopes and spreads of few tasks lean on those of all."""
    for arm in ("untuned", "tuned"):
        points = _points(tables, arm)
        centred = points.ability - points.groupby("task").ability.transform("mean")
        height = points.quality - points.groupby("task").quality.transform("mean")
        shared = float((centred * height).sum() / (centred**2).sum())
        spread = _spreads(points, shared)
        for kind in KINDS:
            mine = (points.kind == kind).to_numpy()
            if mine.any():
                held = points[mine].assign(x=centred[mine], y=height[mine])
                yield _level(kind, arm, held, shared, spread)


def _level(
    kind: Kind, arm: str, points: pd.DataFrame, shared: float, spread: tuple[float, float]
) -> Level:
    """A kind's level from its points (x and y from their task's mean) and what all kinds share."""
    x, y = points.x.to_numpy(float), points.y.to_numpy(float)
    slope = ((x * y).sum() + LEAN * shared) / (float((x**2).sum()) + LEAN)
    at_half = (points.quality - slope * points.ability).groupby(points.task).mean()
    n = len(at_half)
    own = float(at_half.var(ddof=1)) if n > 1 else 0.0
    sd_task = np.sqrt(((n - 1) * own + 4 * spread[0] ** 2) / (n - 1 + 4) * (1 + 1 / n))
    left = y - slope * x
    df = max(0, len(left) - n - 1)
    sd_model = np.sqrt(((left**2).sum() + 10 * spread[1] ** 2) / (df + 10))
    return Level.model_validate(
        {
            "kind": kind,
            "arm": arm,
            "beyond_guessing": (kind, arm) != ("labels", "tuned"),
            "measure": MEASURES[kind],
            "at_half": round(float(at_half.mean()), 3),
            "slope": round(float(slope), 3),
            "sd_task": round(float(sd_task), 3),
            "sd_model": round(float(sd_model), 3),
            "n_tasks": n,
            "n_models": len(points) // n,
            "claim": f"published-levels-{arm}",
        }
    )


def _points(tables: Published, arm: str) -> pd.DataFrame:
    """Rows of task, kind, ability and logit of quality."""
    known = tables.bench.set_index("Model").MMLU
    large = tables.instruct.set_index("Model").MMLU
    kinds = {task: kind for kind, tasks in KINDS.items() for task in tasks}
    by = by_size(tables.bench)
    rows = []
    for row in tables.lora_land.itertuples():
        if row.task not in kinds:
            continue
        base = next(name for stem, name in MMLU.items() if str(row.base_model).startswith(stem))
        spoken = any(word in str(row.base_model) for word in INSTRUCT)
        task, kind = str(row.task), kinds[str(row.task)]
        if arm == "tuned":  # by size: what tuning reaches follows it better than MMLU
            size = float(row.approx_params_b) * 1e9
            score = logit(row.ft_score if kind == "labels" else above_chance(row.ft_score, task))
            rows.append((task, kind, ability_of(size, by), score))
        elif spoken:
            score = logit(above_chance(row.base_score, task))
            rows.append((task, kind, logit(known[base]), score))
    if arm == "untuned":
        for task, group in tables.lora_land.groupby("task"):
            for name, score in (
                ("gpt-3.5-turbo-0613", group.gpt35_score.iloc[0]),
                ("gpt-4-0613", group.gpt4_score.iloc[0]),
            ):
                if task in kinds:
                    beyond = logit(above_chance(score, str(task)))
                    rows.append((task, kinds[str(task)], logit(large[name]), beyond))
    rows += _spider(tables, arm, by)
    return pd.DataFrame(rows, columns=["task", "kind", "ability", "quality"])


def _spider(tables: Published, arm: str, by: Ability) -> list[tuple[str, str, float, float]]:
    """Queries to a database: the models whose MMLU is known."""
    names = {
        "llama2-7b-chat": "meta-llama/Llama-2-7b-hf",
        "llama2-13b-chat": "meta-llama/Llama-2-13b-hf",
        "qwen-7b-chat": "Qwen/Qwen-7B",
        "qwen-14b-chat": "Qwen/Qwen-14B",
    }
    known = tables.bench.set_index("Model")
    method = "lora" if arm == "tuned" else "base"
    rows = tables.spider[(tables.spider.difficulty == "all") & (tables.spider.method == method)]
    found = []
    for row in rows.itertuples():
        if row.model in names:
            base = known.loc[names[row.model]]
            size = float(base["Model Size (B)"]) * 1e9
            x = ability_of(size, by) if arm == "tuned" else float(logit(base.MMLU))
            found.append(("spider", "calls", x, float(logit(row.ex))))
    return found


def _spreads(points: pd.DataFrame, slope: float) -> tuple[float, float]:
    """Spread of tasks within their kind, and of models within a task, over all kinds."""
    at_half = points.assign(start=points.quality - slope * points.ability)
    tasks = at_half.groupby(["kind", "task"]).start.mean().reset_index()
    within = tasks.start - tasks.groupby("kind").start.transform("mean")
    df = len(tasks) - tasks.kind.nunique()
    left = at_half.start - at_half.groupby("task").start.transform("mean")
    return (
        float(np.sqrt((within**2).sum() / max(1, df))),
        float(np.sqrt((left**2).sum() / max(1, len(left) - len(tasks) - 1))),
    )
