"""Policies: from a question and somebody who measures to a method, a size and how sure that is.

Those of others are written here as plainly as their authors tell them. Each is a function of a
`Place`; what it asks for is paid at the recorded price.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Literal, NamedTuple

from advisor import belief
from advisor.choice import choose
from advisor.lab.adaptive import probed
from advisor.lab.laboratory import Place, driven
from advisor.next_probe import NOTHING
from advisor.prices import reference_machine
from advisor.records import Option
from probes.lab.menu import FRACTIONS, at_fraction, everything, proposals
from probes.lab.menu import TRAINED as TRAINED_HERE
from probes.methods import Situation
from probes.methods.zero_shot import variants
from probes.records import Cell, Measurement
from probes.task import TRAINED

SCREENED_ITEMS = 32
"""Items that halving begins with, and that uniform spending gives to each arm."""
ENOUGH_ROWS = 1000
"""Examples from which the documents' flowchart tunes."""
ENOUGH_ROWS_HERE = 100
"""The same for models of a thousandth of the size, whose rows cost a thousandth as much."""


class Choice(NamedTuple):
    """What a policy says."""

    verdict: Literal["use", "nothing"]
    method: str
    rung: str
    """Of the option to use, or of the best one where nothing is enough."""
    p_meets: float
    """Probability that this option's true quality reaches the target."""
    chances: Mapping[str, float] = {}
    """The same for every option that it looked at, by name."""


Policy = Callable[[Place], Choice]


# ---------------------------------------------------------------- ours


def plan_order(place: Place) -> list[Measurement]:
    """Everything, rung by rung and method by method, in the order of the product's plan.

    The seam for whoever chooses the next probe by its value: another function of the same form.
    """
    found: list[Measurement] = []
    for rung, situation in place.situations.items():
        for measured in driven(everything(situation, place.wholes[rung]), place.ask):
            found += measured
    return found


def decided(place: Place, measured: Sequence[Measurement]) -> Choice:
    """The product's belief and choice on what was measured."""
    options = belief.options(
        measured, place.spec, place.examples, place.cards, reference_machine(place.spec)
    )
    verdict, chosen = choose(options, place.spec)
    use = verdict == "use" or (verdict != "nothing-is-enough" and chosen.p_meets >= 0.5)
    return _choice("use" if use else "nothing", chosen, options)


def _choice(
    verdict: Literal["use", "nothing"], chosen: Option, options: Sequence[Option]
) -> Choice:
    chances = {option.name: option.p_meets for option in options}
    return Choice(verdict, chosen.method, chosen.rung, chosen.p_meets, chances)


def ours(place: Place) -> Choice:
    """The product as it is: the whole plan, then its belief and its choice."""
    return decided(place, plan_order(place))


def by_value(place: Place) -> Choice:
    """The product's belief over all options, probing what could change the decision most."""
    prober, outlook = probed(place)
    chances = outlook.posterior.p_at_least(place.spec.target)
    medians = outlook.posterior.quantile(0)
    best = max(prober.measured, key=lambda at: medians[at])  # of those that were measured
    at = outlook.chosen if outlook.chosen != NOTHING else best
    method, rung = prober.keys[at]
    use = outlook.chosen != NOTHING and chances[at] >= 0.5
    names = [belief.option_name(*key) for key in prober.keys]
    by_name = {name: float(p) for name, p in zip(names, chances, strict=True)}
    return Choice("use" if use else "nothing", method, rung, float(chances[at]), by_name)


# ---------------------------------------------------------------- without measuring


def flowchart(place: Place, enough_rows: int = ENOUGH_ROWS) -> Choice:
    """The documents' rules: facts in documents are retrieved; too few examples, prompt the largest;
    otherwise tune, small for labels and fields and large for the rest. It measures nothing."""
    situations = list(place.situations.values())
    largest, middle = situations[-1], situations[len(situations) // 2]
    if largest.n_passages:
        return Choice("use", "rag", largest.rung, 0.5)
    if largest.n_train < enough_rows:
        return Choice("use", "zero_shot", largest.rung, 0.5)
    small = place.spec.task_type in ("classification", "extraction")
    return Choice("use", "lora", (middle if small else largest).rung, 0.5)


def flowchart_here(place: Place) -> Choice:
    """The same, with the number of rows scaled to these models."""
    return flowchart(place, ENOUGH_ROWS_HERE)


# ---------------------------------------------------------------- fixed habits


def always_largest(place: Place) -> Choice:
    """Fine-tune the largest, once, and look at what it reaches."""
    situation = list(place.situations.values())[-1]
    measured = [place.ask(cell) for cell in place.runs("lora", situation)[:1]]
    return _judged(place, measured, use_best=True)


def best_zero_shot(place: Place) -> Choice:
    """Ask every rung as it is; the cheapest that reaches the target, else the best."""
    measured = [
        place.ask(cell) for situation in place.situations.values() for cell in _zero_shot(situation)
    ]
    return _judged(place, measured, use_best=True)


def uniform(place: Place) -> Choice:
    """Every arm on the same few items, once each; the cheapest that looks enough, else the best."""
    measured = [
        place.ask(cell, SCREENED_ITEMS)
        for situation in place.situations.values()
        for arm in _arms(place, situation).values()
        for cell in arm
    ]
    return _judged(place, measured)


def halving(place: Place) -> Choice:
    """Successive halving over arms with curves drawn out to the whole data, in the manner of AtS
    (Lin et al., 2402.02314): what trains begins with an eighth of the data, and the figure that it
    is judged by is the line through its last two amounts; half of the arms are left each time."""
    going = {
        (name, rung): math.inf  # an arm that could not be looked at yet is kept
        for rung, situation in place.situations.items()
        for name in _arms(place, situation)
    }
    points: dict[tuple[str, str], list[tuple[float, float]]] = {arm: [] for arm in going}
    last: dict[tuple[str, str], Measurement] = {}
    shares = [share for share in sorted(FRACTIONS) if share <= place_fraction(place)]
    n_items = SCREENED_ITEMS
    for share in shares:
        for name, rung in going:
            cell = _arm_at(place, name, rung, share)
            found = place.ask(cell, n_items) if cell else None
            if found is not None and found.quality is not None:
                last[name, rung] = found
                points[name, rung].append((share, found.quality.value))
                trains = name in TRAINED_HERE
                told = points[name, rung] if trains else points[name, rung][-1:]
                going[name, rung] = _drawn_out(told, shares[-1])
        n_items *= 2
        kept = sorted(going, key=lambda arm: -going[arm])[: max(2, math.ceil(len(going) / 2))]
        if share != shares[-1]:
            going = {arm: going[arm] for arm in kept}
    return _judged(place, [last[arm] for arm in going if arm in last])


def _arm_at(place: Place, name: str, rung: str, share: float) -> Cell | None:
    """An arm with a share of the data, where the table has it; prompts have all that there is."""
    if name not in TRAINED_HERE:
        return _arms(place, place.situations[rung])[name][0]
    return next(iter(place.runs(name, at_fraction(place.wholes[rung], share))), None)


def _drawn_out(points: Sequence[tuple[float, float]], to: float) -> float:
    """The line through the last two points in the logarithm of the data, within 0 and 1."""
    if len(points) < 2:
        return points[-1][1]
    (a, low), (b, high) = points[-2:]
    slope = (high - low) / math.log(b / a)
    return min(1.0, max(0.0, high + slope * math.log(to / b)))


def at_random(place: Place) -> Choice:
    """Any method on any rung: the floor."""
    r = Random(place.spec.seed)
    rung = r.choice(list(place.situations))
    return Choice("use", r.choice(list(_arms(place, place.situations[rung]))), rung, 0.5)


POLICIES: dict[str, Policy] = {
    "ours": by_value,
    "ours, everything": ours,
    "flowchart": flowchart,
    "flowchart-scaled": flowchart_here,
    "always-largest": always_largest,
    "best-zero-shot": best_zero_shot,
    "halving": halving,
    "uniform": uniform,
    "random": at_random,
}


# ---------------------------------------------------------------- parts


def place_fraction(place: Place) -> float:
    """The share of the table's training data that there is."""
    rung = next(iter(place.situations))
    return place.situations[rung].n_train / place.wholes[rung].n_train


def _judged(place: Place, measured: Sequence[Measurement], *, use_best: bool = False) -> Choice:
    """The cheapest option whose figure reaches the target; else the best one, as it is or as the
    best that is not enough."""
    counted = [_as_run(each) for each in measured if each.cell.role != "tune"]
    options = belief.options(
        counted, place.spec, place.examples, place.cards, reference_machine(place.spec)
    )
    enough = [option for option in options if option.quality.value >= place.spec.target]
    if enough:
        return _choice("use", enough[0], options)
    top = max(options, key=lambda option: option.quality.value)
    return _choice("use" if use_best else "nothing", top, options)


def _as_run(measured: Measurement) -> Measurement:
    """A trained cell as the belief counts it: a repeat."""
    if measured.cell.method not in TRAINED:
        return measured
    return measured.model_copy(update={"cell": measured.cell.model_copy(update={"role": "repeat"})})


def _zero_shot(situation: Situation) -> list[Cell]:
    return [
        situation.cell("zero_shot", "baseline", params=params) for params in variants(situation)
    ]


def _arms(place: Place, situation: Situation) -> dict[str, list[Cell]]:
    """One plain cell for each method: what a hurried person would try.

    Trained ones take over the setting that the table was tuned to, and pay nothing for finding it.
    """
    arms: dict[str, list[Cell]] = {}
    for name in ("zero_shot", "steps", "rag"):
        first = next(proposals(name, situation, {}, place.wholes[situation.rung]), [])
        arms[name] = first[:1]
    shots = next(proposals("few_shot", situation, {}, place.wholes[situation.rung]), [])
    arms["few_shot"] = [c for c in shots if c.params["selection"] == "nearest"][-1:]
    for name in TRAINED_HERE:
        arms[name] = place.runs(name, situation)[:1]
    return {name: cells for name, cells in arms.items() if cells}
