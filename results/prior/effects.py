"""Fits what options of one task share, over tasks where everything was tried.

    python -m results.prior.effects

Tasks: the example tasks of the pocket ladder (`results/pocket/truth.csv`) and the opened families
of the laboratory that are measured whole. Means and spreads over tasks by expectation-maximisation
(Laird & Ware 1982); the spread of what an option shares with no other is then widened until
options that were left out are foretold best, each from half of the others, in tasks that the fit
has not seen, among those whose 80 % intervals hold 80 %. Writes `knowledge/prior/effects.yaml` and
`effects.md`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from advisor.belief import Z
from advisor.lab.laboratory import Laboratory
from advisor.lab.openings import is_opened
from advisor.lab.scenarios import VOLUMES, specification
from advisor.posterior import FEATURES, SURPRISED_SD, Floats, Place, Posterior, Seen, prior
from knowledge.effects import Effects
from knowledge.load import model_cards
from probes.lab.table import Table

OUT = Path("knowledge/prior/effects.yaml")
PAGE = Path("results/prior/effects.md")
TRUTH = Path("results/pocket/truth.csv")
LAB = Path("results/lab")
CHECKED = "2026-11-22"
NAMES = {
    "zero-shot": ("zero_shot", 1.0),
    "steps": ("steps", 1.0),
    "few-shot": ("few_shot", 1.0),
    "retrieved": ("rag", 1.0),
    "lora": ("lora", 1.0),
    "lora-rag": ("lora_rag", 1.0),
    "lora, half the rows": ("lora", 0.5),
    "lora, 4 times the rows": ("lora", 4.0),
}
"""Method in the table -> method, and multiple of the data."""
REFERENCE = 3e5
ROUNDS = 100
PRIOR_TASKS, PRIOR_SD = 2.0, 0.5
"""A spread over tasks is taken to have been seen in two tasks before, as half a logit."""
WIDER = (1.0, 1.25, 1.5, 1.75, 2.0)
SURPRISES = (0.0, 0.02, 0.05, 0.1)
LEAST_SURPRISE, HELD = 0.02, 0.8
"""What is never taken for impossible, and the share that 80 % intervals must hold at least."""
SEED_SD = 0.02
HALVES = 4
"""Random halves of a task's options that the others are foretold from."""


@dataclass(frozen=True)
class Tried:
    """An option of a task, measured for good."""

    place: Place
    quality: float
    items: float
    """Items of 0 and 1 that would leave it as uncertain, seeds counted."""

    @property
    def logit(self) -> float:
        """Of its quality, half an item inside 0 and 1."""
        held = self.held
        return math.log(held / (1 - held))

    @property
    def variance(self) -> float:
        """Of that logit, by the delta method."""
        return 1 / (self.items * self.held * (1 - self.held))

    @property
    def held(self) -> float:
        """The quality, half an item inside 0 and 1."""
        return (self.quality * self.items + 0.5) / (self.items + 1)


Tasks = dict[str, list[Tried]]


def example_tasks(path: Path = TRUTH) -> Tasks:
    """The example tasks of the pocket ladder, each method in its best setting."""
    cards = model_cards()
    found: Tasks = {}
    for (task, rung, method), rows in pd.read_csv(path).groupby(["task", "rung", "method"]):
        if method not in NAMES:
            continue
        name, data = NAMES[method]
        best = max((part for _, part in rows.groupby("setting")), key=lambda p: p.value.mean())
        quality, n, runs = float(best.value.mean()), float(best.n.iloc[0]), len(best)
        seeds = (
            (SEED_SD**2 + (runs - 1) * float(best.value.var() or 0)) / runs**2 if runs > 1 else 0
        )
        spread = (quality * n + 0.5) / (n + 1) * (1 - (quality * n + 0.5) / (n + 1))
        place = Place(name, cards[rung].n_params, data)
        found.setdefault(task, []).append(Tried(place, quality, spread / (spread / n + seeds)))
    return found


def families(lab: Path = LAB) -> Tasks:
    """The laboratory's opened families that are measured whole, each with all of its data."""
    paths = sorted((lab / "tables").glob("*.jsonl"))
    here = [Laboratory(Table(path)) for path in paths if is_opened(path.stem)]
    return {each.header.family.name: _tried(each) for each in here if each.complete}


def _tried(lab: Laboratory) -> list[Tried]:
    family = lab.header.family
    found = []
    for truth in lab.truths(specification(family, family.target, VOLUMES[1])):
        estimate, n = truth.quality, truth.quality.n
        held = (estimate.value * n + 0.5) / (n + 1)
        sd = max(1e-3, (estimate.high - estimate.low) / (2 * Z))
        items = max(4.0, min(float(n), held * (1 - held) / sd**2))
        found.append(Tried(Place(truth.method, truth.n_params), estimate.value, items))
    return found


def fit(
    tasks: Sequence[Sequence[Tried]], domain: str = "", wider: float = 1.0, surprise: float = 0.0
) -> Effects:
    """Means and spreads over tasks; ValueError for no tasks."""
    if not tasks:
        raise ValueError("no tasks")
    shapes = [np.array([t.place.features(REFERENCE) for t in task]) for task in tasks]
    logits = [np.array([t.logit for t in task]) for task in tasks]
    noises = [np.array([t.variance for t in task]) for task in tasks]
    mean, spread, own = np.zeros(len(FEATURES)), np.full(len(FEATURES), 2.0), 1.0
    for _ in range(ROUNDS):
        means, covs, own_sum, n_cells = [], [], 0.0, 0
        for shape, logit, noise in zip(shapes, logits, noises, strict=True):
            weight = 1 / (noise + own)
            cov = np.linalg.inv(np.diag(1 / spread) + shape.T @ (shape * weight[:, None]))
            effect = cov @ (mean / spread + shape.T @ (weight * logit))
            share = own / (noise + own)
            rest = share * (logit - shape @ effect)
            unsure = share**2 * np.einsum("ij,jk,ik->i", shape, cov, shape) + own * (1 - share)
            own_sum += float((rest**2 + unsure).sum())
            n_cells += len(logit)
            means.append(effect)
            covs.append(np.diag(cov))
        every = np.array(means)
        mean = every.mean(axis=0)
        seen = ((every - mean) ** 2 + np.array(covs)).sum(axis=0)
        spread = (seen + PRIOR_TASKS * PRIOR_SD**2) / (len(tasks) + PRIOR_TASKS)
        own = (own_sum + PRIOR_TASKS * PRIOR_SD**2) / (n_cells + PRIOR_TASKS)
    return Effects(
        domain=domain,
        reference_params=REFERENCE,
        means={name: round(float(v), 4) for name, v in zip(FEATURES, mean, strict=True)},
        sds={name: round(math.sqrt(v), 4) for name, v in zip(FEATURES, spread, strict=True)},
        own_sd=round(math.sqrt(own) * wider, 4),
        surprise=surprise,
        n_tasks=len(tasks),
        basis=f"own spread times {wider:g}; surprises of {surprise:g}, the least by hand",
        checked=CHECKED,
    )


def left_out(tasks: Tasks) -> dict[str, Effects]:
    """By task the fit to all others."""
    return {name: fit([task for other, task in tasks.items() if other != name]) for name in tasks}


def foretold(
    tasks: Tasks, fits: dict[str, Effects], wider: float, surprise: float
) -> Iterator[tuple[str, float, float]]:
    """For options of tasks that the fit has not seen: task, log density, and the share of what was
    believed that lies below.

    Each from a random half of the task's other options, the density that of the measured logit.
    """
    for name, mine in tasks.items():
        own_sd = wider * fits[name].own_sd
        effects = fits[name].model_copy(update={"own_sd": own_sd, "surprise": surprise})
        rng = np.random.default_rng(0)
        for _ in range(HALVES):
            order = [int(at) for at in rng.permutation(len(mine))]
            half = len(order) // 2
            believed = prior([t.place for t in mine], effects)
            for at in order[:half]:
                believed = believed.given(Seen(at, mine[at].quality, mine[at].items))
            for at in order[half:]:
                yield name, *_score(believed, mine[at], at)


def _score(believed: Posterior, tried: Tried, at: int) -> tuple[float, float]:
    density = below = 0.0
    away = tried.logit - float(believed.mean[at])
    for share, spread in (
        (1 - believed.surprise, float(believed.sd[at])),
        (believed.surprise, SURPRISED_SD),
    ):
        part = NormalDist(0, math.hypot(spread, math.sqrt(tried.variance)))
        density += share * part.pdf(away)
        below += share * part.cdf(away)
    return math.log(max(1e-300, density)), below


def chosen(tasks: Tasks) -> tuple[float, float, list[str]]:
    """The widening and the chance of a surprise that foretell best, and a table of all tried."""
    lines = [
        "| own spread times | surprise | log density | within the 80 % interval [90 %, tasks] |"
    ]
    lines.append("|---|---|---|---|")
    best, fits = (-math.inf, 1.0, 0.0), left_out(tasks)
    for surprise in SURPRISES:
        for wider in WIDER:
            found = list(foretold(tasks, fits, wider, surprise))
            density = fmean(each[1] for each in found)
            held = np.array([0.1 < each[2] < 0.9 for each in found])
            low, high = _over_tasks([each[0] for each in found], held)
            inside = f"{100 * held.mean():.0f} % [{low:.0f}, {high:.0f}]"
            lines.append(f"| {wider:g} | {surprise:g} | {density:.3f} | {inside} |")
            if surprise >= LEAST_SURPRISE and held.mean() >= HELD:
                best = max(best, (density, wider, surprise))
    return best[1], best[2], lines


def _over_tasks(names: Sequence[str], held: Floats) -> tuple[float, float]:
    """90 % interval of the share, in percent, by drawing tasks anew."""
    rng, by = np.random.default_rng(0), pd.Series(held).groupby(list(names)).mean().to_numpy()
    drawn = rng.choice(by, (2000, len(by))).mean(axis=1)
    return float(100 * np.quantile(drawn, 0.05)), float(100 * np.quantile(drawn, 0.95))


def main() -> None:
    """Fits, judges, writes."""
    tasks = example_tasks() | families()
    wider, surprise, lines = chosen(tasks)
    domain = "pocket models on the project's own tasks"
    found = fit(list(tasks.values()), domain, wider, surprise)
    yaml = YAML()
    yaml.width = 100
    with OUT.open("w", encoding="utf-8") as file:
        file.write("# Written by `python -m results.prior.effects`; do not edit.\n")
        yaml.dump([found.model_dump(mode="json")], file)
    head = [
        "# What options of one task share",
        "",
        f"Made by `python -m results.prior.effects` from {len(tasks)} tasks of the pocket ladder",
        "where everything was tried. Options foretold from half of the others of their task, by a",
        "fit to the other tasks:",
        "",
    ]
    effects = ["", "| effect | mean, logits | spread over tasks |", "|---|---|---|"]
    effects += [f"| {n} | {found.means[n]:.2f} | {found.sds[n]:.2f} |" for n in FEATURES]
    effects.append(f"| an option's own | | {found.own_sd:.2f} |")
    PAGE.write_text("\n".join([*head, *lines, *effects]) + "\n", encoding="utf-8")
    print("\n".join([*lines, *effects]))


if __name__ == "__main__":
    main()
