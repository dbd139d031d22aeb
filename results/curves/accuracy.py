"""Accuracy curves: how far off predictions are, whether intervals hold, who wins at more rows.

    python -m results.curves.accuracy ../shared/data/published

Writes `results/curves/accuracy.md`. Each data set is judged with a prior and with widened intervals
that were made without it: `results.curves.fit` gets it as `without`, for long-context ICL one set
with all its test splits, for LCDB 1.1 a fifth of the data sets at a time. Takes five minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.stats import norm

from knowledge.curves import QualityCurves
from probes.curves import curve, widening_for
from results.curves.fit import NAMES, Case, cases_once, quality_curves
from results.curves.published import (
    BANDS,
    JUDGED_SPLIT,
    LONG_CONTEXT,
    Series,
    band,
    bootstrap_sets,
    prompted,
    tables,
    tuned,
)

Array = NDArray[np.float64]
OUT = Path("results/curves/accuracy.md")
FOLDS = 5
KNOWN = 128
"""Rows from which the winner at more is told."""
ASKED = (256, 1024, 4096)
PROMPTED = (LONG_CONTEXT, "togethercomputer+LLaMA-2-7B-32K", "mistralai+Mistral-7B-Instruct-v0.2")
Guess = Callable[[Array, Array, Array], Array]
"""n, errors, n asked for -> errors there."""


def last(n: Array, errors: Array, asked: Array) -> Array:
    """The last value."""
    return np.full(len(asked), errors[-1])


def log_linear(n: Array, errors: Array, asked: Array) -> Array:
    """A line in ln n through the last three errors."""
    line = np.polyfit(np.log(n[-3:]), errors[-3:], 1)
    return np.clip(np.polyval(line, np.log(asked)), 0, 1)


def pow2(n: Array, errors: Array, asked: Array) -> Array:
    """a n^-b by least squares in logarithms."""
    line = np.polyfit(np.log(n), np.log(np.maximum(errors, 0.002)), 1)
    return np.exp(np.polyval(line, np.log(asked)))


def pow3(n: Array, errors: Array, asked: Array) -> Array:
    """c + a n^-b by least squares, c and b at least 0."""

    def law(x: Array, c: float, a: float, b: float) -> Array:
        return c + a * (x / n[0]) ** -b

    bounds = ([0, 0, 0], [1, 5, 3])
    found, _ = curve_fit(law, n, errors, p0=(0.02, errors[0], 0.3), bounds=bounds, maxfev=20_000)
    return law(asked, *found)


GUESSES: dict[str, Guess] = {
    "last value": last, "log-linear": log_linear, "pow2": pow2, "pow3": pow3,
}  # fmt: skip


def off(one: Series, guess: Guess) -> list[list[float]]:
    """Absolute errors of the predicted accuracy in each band, from four points and more."""
    n = np.array([point.n for point in one.points])
    errors = np.array([1 - point.value for point in one.points])
    found: list[list[float]] = [[], [], []]
    for k in range(4, len(n)):
        for at, said in zip(range(k, len(n)), guess(n[:k], errors[:k], n[k:]), strict=True):
            found[band(n[at] / n[k - 1])].append(abs(said - errors[at]))
    return found


def posterior(one: Series, prior: QualityCurves) -> Guess:
    """What `probes.curves` says, with the seeds' variances of that curve."""

    def guess(n: Array, errors: Array, asked: Array) -> Array:
        known = curve(one.points[: len(n)], prior=prior)
        return np.array([1 - said.mean for said in known.however_far(list(asked))])

    return guess


def error_table(series: Sequence[Series], priors: dict[str, QualityCurves]) -> Iterator[str]:
    """Mean absolute errors, one row a method; differences to pow2 over sets."""
    yield "| method | 2x | 4-8x | >=16x |"
    yield "|---|---|---|---|"
    found = {name: [off(one, guess) for one in series] for name, guess in GUESSES.items()}
    found["posterior"] = [off(one, posterior(one, priors[one.set])) for one in series]
    for name, each in found.items():
        shown = [f"{np.mean([x for mine in each for x in mine[at]]):.4f}" for at in range(3)]
        yield f"| {name} | {' | '.join(shown)} |"
    counts = [sum(len(mine[at]) for mine in found["pow2"]) for at in range(3)]
    yield f"| predictions | {' | '.join(map(str, counts))} |"
    shown = []
    for at in range(3):
        gaps: dict[str, list[float]] = {}
        for one, ours, theirs in zip(series, found["posterior"], found["pow2"], strict=True):
            gaps.setdefault(one.set, []).extend(np.subtract(ours[at], theirs[at]))
        low, high = bootstrap_sets(list(gaps.values()))
        mean = np.mean([x for mine in gaps.values() for x in mine])
        shown.append(f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]{'' if low * high > 0 else ' tie'}")
    yield ""
    yield f"Posterior less pow2, bootstrap over sets, 95 %: {'; '.join(shown)}."
    yield ""
    yield "By set, posterior (pow2): " + "; ".join(
        f"{one.name} "
        + ", ".join(
            f"{np.mean(a):.3f} ({np.mean(b):.3f})" for a, b in zip(ours, theirs, strict=True)
        )
        for one, ours, theirs in zip(series, found["posterior"], found["pow2"], strict=True)
    )


def held(case: Case, prior: QualityCurves) -> list[tuple[bool, float]]:
    """At each of LEVELS: whether the interval held the value, and its width in accuracy."""
    row = widening_for(prior.widening, BANDS[case.band][0], case.points, case.spread)
    found = []
    for at, factor in enumerate((row.at_80, row.at_90, row.at_95)):
        centre, down, up = case.width[at]
        wide = min(1.0, np.exp(min(1.0, centre + factor * up))) - np.exp(centre - factor * down)
        found.append((case.needed[at] <= factor, float(wide)))
    return found


def coverage_table(judged: Sequence[tuple[Case, QualityCurves]]) -> Iterator[str]:
    """Shares held and mean widths by band, with 95 % intervals by bootstrap over data sets."""
    yield "| points | horizon | n | 80 % holds | width | 90 % holds | width |"
    yield "|---|---|---|---|---|---|---|"
    for few, many, name in ((4, 99, "4 and more"), (1, 4, "1 to 3")):
        for at, (_, horizon) in enumerate(BANDS):
            mine = [(c, held(c, p)) for c, p in judged if c.band == at and few <= c.points < many]
            cells = []
            for level in range(2):
                by_set: dict[str, list[float]] = {}
                for case, found in mine:
                    by_set.setdefault(case.set, []).append(float(found[level][0]))
                low, high = bootstrap_sets(list(by_set.values()))
                share = np.mean([found[level][0] for _, found in mine])
                wide = np.mean([found[level][1] for _, found in mine])
                cells.append(f"{100 * share:.0f} [{100 * low:.0f}, {100 * high:.0f}] | {wide:.3f}")
            yield f"| {name} | {horizon} | {len(mine)} | {' | '.join(cells)} |"


def winners(
    folder: Path, curves: dict[str, Series], priors: dict[str, QualityCurves]
) -> Iterator[str]:
    """Prompt or tune at 256, 1,024 and 4,096 rows, told from at most 128."""
    yield "| prompted model | set | rows | prompt | said | tuned | said | P(tuning wins) | won |"
    yield "|---|---|---|---|---|---|---|---|---|"
    found = []
    for model in PROMPTED:
        for name, shots in prompted(folder, model).items():
            rows = curves[name]
            ours, theirs = (
                curve([p for p in s.points if p.n <= KNOWN], prior=priors[name])
                for s in (rows, shots)
            )
            for asked in ASKED:
                real = next(p for p in rows.points if p.n == asked)
                most = max((p for p in shots.points if p.n <= asked), key=lambda p: p.n)
                tune = ours.however_far([asked])[0]
                prompt = theirs.however_far([most.n])[0]
                gap = (tune.mean - prompt.mean) / np.hypot(tune.sd, prompt.sd)
                p = float(norm.cdf(gap))
                won = real.value > most.value
                found.append((model, name, p, won, abs(real.value - most.value) < 0.02))
                yield (
                    f"| {model.split('+')[1]} | {name} | {asked:,} | {most.value:.3f} |"
                    f" {prompt.mean:.2f} | {real.value:.3f} | {tune.mean:.2f} | {p:.2f} |"
                    f" {'tuning' if won else 'prompt'} |"
                )
    yield ""
    for shown, mine in (
        ("Llama-2-7B-80k", [f for f in found if f[0] == LONG_CONTEXT]),
        ("three models", found),
        ("three models, two points and more apart", [f for f in found if not f[4]]),
    ):
        right = np.mean([(p > 0.5) == won for _, _, p, won, _ in mine])
        brier = np.mean([(p - won) ** 2 for _, _, p, won, _ in mine])
        base = []
        for _, name, _, won, _ in mine:
            others = [w for _, other, _, w, _ in mine if other != name]
            base.append((np.mean(others) - won) ** 2)
        rate = np.mean([won for *_, won, _ in mine])
        level = rate * (1 - rate)
        yield (
            f"- {shown}: {len(mine)} questions, right {100 * right:.0f} %, Brier {brier:.3f}; base"
            f" rate {level:.3f}, base rate of the other sets {np.mean(base):.3f}; tuning wins"
            f" {100 * rate:.0f} %."
        )


def page(folder: Path) -> Iterator[str]:
    """The whole page."""
    mine, learners = tuned(folder), tables(folder)
    series = mine + learners
    priors = {
        name: quality_curves(series, without={name}) for name in sorted({s.set for s in mine})
    }
    judged = [one for one in mine if one.name.endswith(f" {JUDGED_SPLIT}")]
    yield "# Learning curves of accuracy, each data set predicted without itself"
    yield ""
    yield "Made by `python -m results.curves.accuracy`. Long-context ICL: Llama-2-7B tuned on 32 to"
    yield "16,384 rows. Mean absolute error of the predicted accuracy from every first four points"
    yield "and more; the last column goes on to 128 times."
    yield ""
    yield "## Three curves, the test items that prompts were measured on"
    yield ""
    yield from error_table(judged, priors)
    yield ""
    yield "## All six curves (banking77 on four sets of items)"
    yield ""
    yield from error_table(mine, priors)
    yield ""
    yield "## Three curves, each run once"
    yield ""
    yield "Some runs stand in the published table up to four times; here each counts once."
    yield ""
    once = [one for one in tuned(folder, once=True) if one.name.endswith(f" {JUDGED_SPLIT}")]
    yield from error_table(once, priors)
    yield ""
    yield "Settings chosen without each set: " + "; ".join(
        f"{name}: " + ", ".join(f"{what} {getattr(prior, what)}" for what in NAMES)
        for name, prior in priors.items()
    )
    yield ""
    yield "## Intervals: LCDB 1.1, a fifth of the data sets at a time"
    yield ""
    sets = np.array(sorted({one.set for one in learners}))
    np.random.default_rng(1).shuffle(sets)
    told = []
    for fold in range(FOLDS):
        out = set(sets[fold::FOLDS].tolist())
        prior = quality_curves(series, without=out)
        told += [(c, prior) for one in learners if one.set in out for c in cases_once(one, prior)]
    yield from coverage_table(told)
    yield ""
    yield "## Intervals: long-context ICL, a set at a time, six curves"
    yield ""
    bare = [(case, priors[one.set]) for one in mine for case in cases_once(one, priors[one.set])]
    yield from coverage_table(bare)
    yield ""
    yield f"## Prompt or tune, told from at most {KNOWN} rows"
    yield ""
    yield "Prompt: as many random examples as there are rows, or as the context was filled with at"
    yield "most. 4,096 rows are 32 times what was seen: `Curve.at` refuses, the table does not."
    yield ""
    yield from winners(folder, {one.set: one for one in judged}, priors)


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("published", type=Path)
    text = "\n".join(page(parser.parse_args().published)) + "\n"
    OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
