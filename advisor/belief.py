"""From measurements to options: what each method reaches on each rung, and how sure that is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from advisor.chosen import chosen_runs, diagnosed
from advisor.needs import barred, too_dear, too_large
from advisor.prices import price, system_price, total_usd
from advisor.records import CurvePoint, Diagnosis, Option, Price
from advisor.room import Space, taken_by
from knowledge.records import Machine, ModelCard
from probes.documents import Documents
from probes.methods import DIAGNOSTIC, METHODS
from probes.records import Estimate, Example, Measurement
from probes.stats import (
    PairedDifference,
    estimate_runs,
    paired_runs,
    probability_at_least,
    shrink_best,
)
from probes.summary import is_item_mean
from probes.task import TaskSpec

Z = 1.959964
"""Normal quantile of a 95 % interval."""


def options(
    measurements: Iterable[Measurement],
    spec: TaskSpec,
    examples: Mapping[str, Example],
    cards: Mapping[str, ModelCard],
    machine: Machine,
    space: Space | None = None,
) -> list[Option]:
    """Every method on every rung in its best setting, cheapest first.

    Args:
        measurements: everything measured on the dev split; test measurements are ignored.
        examples: dev examples by item id, for groups.
        cards: architecture of each rung by name.
        machine: what prices are for.
        space: the CUDA card whose memory must hold training and serving; None where it is not
            looked at.
    """
    dev = [found for found in measurements if found.cell.split == "dev"]
    found = []
    for rung, card in cards.items():
        for method in METHODS:
            runs, n_tried = chosen_runs(dev, rung, method)
            if runs and method not in DIAGNOSTIC:
                paid = price(runs, card, spec, machine)
                option = _option(runs, n_tried, spec, examples, paid, card)
                found.append(_placed(option, runs, card, spec, space))
    for system in spec.systems:
        runs, _ = chosen_runs(dev, system.name, "existing")
        if runs:
            found.append(_option(runs, 1, spec, examples, system_price(system, spec), None))
    return sorted(found, key=lambda option: (total_usd(option.price), option.n_params))


def _placed(
    option: Option,
    runs: Sequence[Measurement],
    card: ModelCard,
    spec: TaskSpec,
    space: Space | None,
) -> Option:
    """The option with what it takes on the card, ruled out where it does not fit."""
    memory = taken_by(runs, card, spec, space) if space else ()
    return option.model_copy(
        update={"memory": memory, "barred": (*option.barred, *too_large(memory))}
    )


def diagnoses(
    dev: Sequence[Measurement], rungs: Iterable[str], documents: Documents
) -> list[Diagnosis]:
    """The best cell of each diagnostic method on each rung."""
    found = []
    for rung in rungs:
        for method in sorted(DIAGNOSTIC):
            top = diagnosed(dev, rung, method, documents)
            if top is not None and top.quality is not None:
                found.append(
                    Diagnosis(
                        name=option_name(method, rung),
                        rung=rung,
                        method=method,
                        quality=top.quality,
                        evidence=(top.id,),
                    )
                )
    return found


def _option(
    runs: Sequence[Measurement],
    n_tried: int,
    spec: TaskSpec,
    examples: Mapping[str, Example],
    price: Price,
    card: ModelCard | None,
) -> Option:
    """The option that some runs of one setting stand for; `card` is None for a user's system."""
    method, rung = runs[0].cell.method, runs[0].cell.rung
    clusters = groups(runs[0], examples)
    estimate = quality_of(runs, spec, clusters)
    optimism = shrink_best(estimate.value, estimate.n, max(1, n_tried))
    return Option(
        name=option_name(method, rung),
        rung=rung,
        method=method,
        n_params=card.n_params if card else 0,
        params=runs[0].cell.params,
        quality=estimate,
        form=estimate_runs(matrix(runs, "form"), clusters=clusters),
        content=estimate_runs(matrix(runs, "content"), clusters=clusters),
        n_runs=len(runs),
        n_tried=n_tried,
        optimism=round(optimism, 4),
        p_meets=p_meets(runs, spec, asked(spec.target, optimism), clusters),
        price=price,
        latency=runs[0].latency,
        figures=runs[0].figures,
        barred=(*barred(runs[0], card, spec), *too_dear(price, spec)),
        evidence=tuple(run.id for run in runs),
    )


def asked(target: float, optimism: float) -> float:
    """The target with the optimism on top, at most halfway from the target to 1.

    Without the limit no option could ever meet a target near 1.
    """
    return min(target + optimism, (1 + target) / 2)


def option_name(method: str, rung: str) -> str:
    """How an option is called in reports: `lora @ pocket-s`."""
    return f"{method.replace('_', '-')} @ {rung}"


def matrix(runs: Sequence[Measurement], layer: str) -> list[list[float]]:
    """Scores of one layer (`form`, `content`, `quality`), seeds x items, items in one order."""
    order = [score.item_id for score in runs[0].scores]
    by_run = [{score.item_id: float(getattr(score, layer)) for score in run.scores} for run in runs]
    return [[scores[item] for item in order] for scores in by_run]


def groups(run: Measurement, examples: Mapping[str, Example]) -> list[str] | None:
    """The group of each item, None where the data has no groups."""
    return _clusters([score.item_id for score in run.scores], examples)


def _clusters(items: Sequence[str], examples: Mapping[str, Example]) -> list[str] | None:
    named = [examples[item].group for item in items if item in examples]
    if len(named) != len(items) or not any(named):
        return None
    return [group or f"row {at}" for at, group in enumerate(named)]


def paired(
    a: Sequence[Measurement], b: Sequence[Measurement], examples: Mapping[str, Example]
) -> PairedDifference:
    """Quality of `a` less that of `b` on the items that both answered, groups as clusters.

    Always the mean over items, also where the task's own figure is macro-F1 or weighted by costs;
    the name of the test then says so in the report.
    """
    known = {score.item_id for score in b[0].scores}
    items = [score.item_id for score in a[0].scores if score.item_id in known]
    return paired_runs(_rows(a, items), _rows(b, items), clusters=_clusters(items, examples))


def _rows(runs: Sequence[Measurement], items: Sequence[str]) -> list[list[float]]:
    by_run = [{score.item_id: score.quality for score in run.scores} for run in runs]
    return [[scores[item] for item in items] for scores in by_run]


def curves(
    measurements: Iterable[Measurement], spec: TaskSpec, examples: Mapping[str, Example]
) -> list[CurvePoint]:
    """Learning curves of LoRA on dev: one point for each rung and amount of data."""
    by_point: dict[tuple[str, int], list[Measurement]] = {}
    for found in measurements:
        cell = found.cell
        trained = cell.method == "lora" and cell.role in ("curve", "repeat")
        if trained and cell.split == "dev" and found.status == "ok":
            by_point.setdefault((cell.rung, cell.n_train), []).append(found)
    return [
        CurvePoint(
            rung=rung,
            n_train=n_train,
            quality=quality_of(runs, spec, groups(runs[0], examples)),
            evidence=tuple(run.id for run in runs),
        )
        for (rung, n_train), runs in sorted(by_point.items())
    ]


def quality_of(
    runs: Sequence[Measurement], spec: TaskSpec, clusters: Sequence[str] | None = None
) -> Estimate:
    """Quality over the runs of one option, with the variance of seeds and of items.

    For a figure that is no mean over items (macro-F1, error costs) the runs' bootstrap variances
    are averaged and the variance between seeds, divided by their number, is added.
    """
    if is_item_mean(spec):
        return estimate_runs(matrix(runs, "quality"), clusters=clusters)
    found = [run.quality for run in runs if run.quality is not None]
    values = [estimate.value for estimate in found]
    mean = statistics.fmean(values)
    items = statistics.fmean(((e.high - e.low) / (2 * Z)) ** 2 for e in found)
    seeds = statistics.variance(values) / len(values) if len(values) > 1 else 0.0
    half = Z * math.sqrt(items + seeds)
    return Estimate(
        value=mean,
        low=max(0.0, mean - half),
        high=min(1.0, mean + half),
        n=found[0].n,
        basis=f"bootstrap(items), {len(found)} run(s)",
    )


def p_meets(
    runs: Sequence[Measurement],
    spec: TaskSpec,
    target: float,
    clusters: Sequence[str] | None = None,
) -> float:
    """Probability that the true quality is at least `target`, to four digits."""
    if is_item_mean(spec):
        p = probability_at_least(matrix(runs, "quality"), target, clusters=clusters)
    else:
        p = p_at(quality_of(runs, spec), target)
    return round(p, 4)


def p_at(estimate: Estimate, target: float) -> float:
    """P(quality >= target) by a normal through a 95 % interval."""
    sd = max(1e-6, (estimate.high - estimate.low) / (2 * Z))
    return 0.5 * math.erfc(-(estimate.value - target) / sd / math.sqrt(2))
