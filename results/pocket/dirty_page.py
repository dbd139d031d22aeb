"""The page of `results.pocket.dirty_data`: what each fault cost, and what the audit said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from probes.records import Json

Interval = tuple[float, float, float]
SURE = 2.0
"""Points: a fault whose interval lies beyond them surely costs something, one within them not."""
LOUD = 5.0
"""Points that the audit should not say of a fault that surely costs nothing."""


@dataclass(frozen=True)
class Line:
    """One fault of one task over its seeds."""

    task: str
    fault: str
    natural: bool
    state: str
    seeds: int
    rate: float
    model: Interval
    """What is lost on the clean test rows."""
    figure: Interval | None
    """What is lost on the user's own, to which the same has happened; None where not measured."""
    then: float | None
    """The dearest new finding by the audit of the day of the run."""
    now: float
    kind: str
    """Of the dearest new finding by the audit of the page; "" where nothing is new."""

    @property
    def name(self) -> str:
        """The fault with its rate and task."""
        return f"{self.fault} {self.rate:.0%} ({self.task})"

    @property
    def cost(self) -> Interval:
        """What the user sees where it is known, else the model's loss."""
        return self.figure or self.model


def page(found: Sequence[Json], natural: Mapping[str, Sequence[str]], says: str) -> Iterator[str]:
    """Losses in points by task, fault, rate and state, and how the ranking agrees.

    Args:
        natural: names of the natural faults, by task.
        says: what the page is about, in Markdown.
    """
    lines = lines_of(found, natural)
    yield from ("# What dirty data cost", "", *says.strip().splitlines())
    for title, wanted in (("Planted faults", False), ("Natural faults", True)):
        yield from ("", f"## {title}", "")
        yield "| task | fault | rows | state | seeds | model | figure | said | says | as |"
        yield "|---|---|---|---|---|---|---|---|---|---|"
        yield from (_shown(line) for line in lines if line.natural == wanted)
    yield from _agreement([line for line in lines if line.state == "dirty"])
    yield from ("", "What was learnt of it: [LOG.md](../LOG.md).")


def _shown(line: Line) -> str:
    said = "—" if line.then is None else f"{line.then:.1f}"
    says = f"{line.now:.1f} | {line.kind or '—'}" if line.state == "dirty" else "— | —"
    return (
        f"| {line.task} | {line.fault} | {line.rate:.0%} | {line.state} | {line.seeds} |"
        f" {_interval(line.model)} | {_interval(line.figure)} | {said} | {says} |"
    )


def _interval(loss: Interval | None) -> str:
    return f"{loss[0]:.1f} [{loss[1]:.1f}, {loss[2]:.1f}]" if loss else "—"


# ---------------------------------------------------------------- lines


def lines_of(found: Sequence[Json], natural: Mapping[str, Sequence[str]]) -> list[Line]:
    """Runs of one fault over their seeds, task by task."""
    clean = {
        (row["task"], row["rung"], row["seed"]): row for row in found if row["state"] == "clean"
    }
    groups: dict[tuple[object, ...], list[Json]] = {}
    for row in found:
        if row["state"] != "clean":
            is_natural = row["fault"] in natural[row["task"]]
            rate = None if is_natural else row["rate"]
            key = (row["task"], row["fault"], row["rung"], rate, row["state"], is_natural)
            groups.setdefault(key, []).append(row)
    return [
        _line(runs, [clean[row["task"], row["rung"], row["seed"]] for row in runs], bool(key[-1]))
        for key, runs in groups.items()
    ]


def _line(runs: Sequence[Json], clean: Sequence[Json], natural: bool) -> Line:
    model = [
        100 * (np.array(was["scores"]) - np.array(row["scores"]))
        for row, was in zip(runs, clean, strict=True)
    ]
    own = [
        (100 * np.array(was["scores"]), 100 * np.array(row["own"]))
        for row, was in zip(runs, clean, strict=True)
        if "own" in row
    ]
    then = [
        _new(row["said"], was.get("said") or was.get("now"))[0]
        for row, was in zip(runs, clean, strict=True)
        if "said" in row
    ]
    now, kind = _new(runs[0].get("now"), clean[0].get("now"))
    return Line(
        task=runs[0]["task"],
        fault=runs[0]["fault"],
        natural=natural,
        state=runs[0]["state"],
        seeds=len(runs),
        rate=float(np.mean([row["rate"] for row in runs])),
        model=interval([(each,) for each in model]),
        figure=interval(own) if own else None,
        then=float(np.mean(then)) if then else None,
        now=now,
        kind=kind,
    )


def _new(said: Json | None, clean: Json | None) -> tuple[float, str]:
    """The dearest finding beyond what is said of clean rows: points above those, and its kind."""
    before = _flat(clean)
    beyond = {kind: points - before.get(kind, 0.0) for kind, points in _flat(said).items()}
    fresh = {kind: points for kind, points in beyond.items() if points > 0.5 or kind not in before}
    kind = max(fresh, key=lambda kind: fresh[kind], default="")
    return max(0.0, fresh.get(kind, 0.0)), kind


def _flat(said: Json | None) -> dict[str, float]:
    """Points by kind; the oldest runs have them without what they bear on."""
    if not said or "model" not in said:
        return dict(said or {})
    return {**said["model"], **said["figure"]}


def interval(seeds: Sequence[tuple[np.ndarray, ...]]) -> Interval:
    """The mean over seeds and items, or of the first less the second, with a 95 % bootstrap
    interval that draws both."""
    rng = np.random.default_rng(0)

    def value(parts: Sequence[np.ndarray]) -> float:
        means = [float(part.mean()) for part in parts]
        return means[0] - sum(means[1:])

    draws = []
    for _ in range(2000):
        chosen = rng.integers(len(seeds), size=len(seeds))
        resampled = [[rng.choice(part, len(part)) for part in seeds[at]] for at in chosen]
        draws.append(np.mean([value(parts) for parts in resampled]))
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(np.mean([value(parts) for parts in seeds])), float(low), float(high)


# ---------------------------------------------------------------- agreement


def _agreement(dirty: Sequence[Line]) -> Iterator[str]:
    yield from ("", "## How the ranking agrees", "")
    yield "Spearman's rank correlation of the dearest new finding and the loss, whatever its sign:"
    yield from ("", "| faults | n | said, model | says, model | n | said, figure | says, figure |")
    yield "|---|---|---|---|---|---|---|"
    for name, some in _sets(dirty):
        seen = [line for line in some if line.figure]
        yield (
            f"| {name} | {len(some)} | {_rho(some, False, False)} | {_rho(some, False, True)} |"
            f" {len(seen)} | {_rho(seen, True, False)} | {_rho(seen, True, True)} |"
        )
    costly = [line for line in dirty if line.cost[1] > SURE or line.cost[2] < -SURE]
    silent = [line.name for line in costly if line.now < 1]
    cheap = [line for line in dirty if line.cost[2] < SURE and line.cost[1] > -SURE]
    loud = [line.name for line in cheap if line.now > LOUD]
    yield from ("", f"Of {len(costly)} faults that surely cost more than {SURE:.0f} points (of the"
                f" figure, where it is known) the audit says less than a point of {len(silent)}:"
                f" {', '.join(silent) or 'none'}.")  # fmt: skip
    yield from ("", f"Of {len(cheap)} that surely cost less it says more than {LOUD:.0f} of"
                f" {len(loud)}: {', '.join(loud) or 'none'}.")  # fmt: skip


def _sets(dirty: Sequence[Line]) -> Iterator[tuple[str, list[Line]]]:
    yield "all", list(dirty)
    yield "planted", [line for line in dirty if not line.natural]
    yield "natural", [line for line in dirty if line.natural]
    for task in dict.fromkeys(line.task for line in dirty):
        yield task, [line for line in dirty if line.task == task]


def _rho(lines: Sequence[Line], figure: bool, now: bool) -> str:
    if len(lines) < 3:
        return "—"
    losses = [abs((line.cost if figure else line.model)[0]) for line in lines]
    return f"{spearman(losses, [(line.now if now else line.then) or 0.0 for line in lines]):.2f}"


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Rank correlation, equals at their mean rank (Spearman 1904); 0 where one side is constant."""
    ranks = [[_rank(value, values) for value in values] for values in (one, other)]
    if min(np.ptp(ranks, axis=1)) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _rank(value: float, values: Sequence[float]) -> float:
    return sum(each < value for each in values) + (sum(each == value for each in values) - 1) / 2
