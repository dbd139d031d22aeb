"""Fits the closed forms of memory to traces and tries them on others.

    python -m results.fit.closed_form TRACES.jsonl [--write]

Every place of a run gets its own non-negative factors (`probes.footprint.closed_form`), by least
squares on relative errors, among the terms that grow with what the place holds. Every trace is
judged by a form fitted to three quarters of the others, itself left out; with `--write` all are
fitted and `knowledge/memory_forms/memory_forms.yaml` is written with those errors, and with what
the allocator held in replays of all.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML
from scipy.optimize import nnls

from knowledge.records import Factors
from probes.footprint.closed_form import Terms, group_of, terms, total
from probes.footprint.settings import Architecture, Setting

OUT = Path("knowledge/memory_forms/memory_forms.yaml")
PAGE = Path("results/fit/closed_form.md")
HEAD = (
    "# The closed form of memory beside tracing",
    "",
    "Made by `python -m results.fit.closed_form TRACES --write`. Traces of random settings:",
    "lengths to 8,192, batches to 16, ranks to 128, four sets of modules, dropout, padding,",
    "chunked losses, on known models and on random widths (`python -m results.fit.traces`).",
    "Errors of the peak of live bytes, of every trace by a form fitted to the other three quarters",
    "of its group; and what PyTorch's caching allocator held over live bytes, in replays of all.",
    "",
)
CHECKED = "2026-11-22"
FOLDS = 4
ROUNDS, SOUND = 8, 0.001
"""Rounds of reweighting, and the error above which a trace counts less (Huber's loss): in a few
settings attention takes another path, and the rest should not bend towards them."""
ENOUGH = 12
"""Traces of a group without which it gets no form."""
LEAST = 0.55
"""Share of the whole peak below which a place is left out: it never is the peak."""
NEAR = 0.03
"""Error below which the share of traces is printed."""
N_WORST = 3


@dataclass(frozen=True)
class Row:
    """A trace with its terms."""

    told: str
    """The model and the setting, in words."""
    depth: int
    terms: Terms
    places: Mapping[str, tuple[float, float]]
    """Bytes once, and for every layer."""
    held: int
    """Bytes that the allocator held in the replay."""

    def at(self, place: str) -> float:
        """Bytes at a place, at the model's own depth."""
        once, layer = self.places[place]
        return once + self.depth * layer

    @property
    def peak(self) -> float:
        """The most bytes of the run."""
        return max(map(self.at, self.places))


Off = Mapping[str, Sequence[tuple[float, Row]]]
"""By group the traces, each with the size of its relative error by a form fitted to others."""


def read(path: Path) -> dict[str, list[Row]]:
    """Traces by group."""
    found: dict[str, list[Row]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        architecture = Architecture.model_validate(told["architecture"])
        setting = Setting.model_validate_json(json.dumps(told["setting"]))
        places = {
            name: (3 * two - 2 * three, three - two)
            for name, (two, three) in told["places"].items()
        }
        row = Row(
            told=words(architecture, setting),
            depth=architecture.n_layers,
            terms=terms(architecture, setting),
            places=places,
            held=told["held"],
        )
        found[group_of(setting)].append(row)
    return {group: rows for group, rows in sorted(found.items()) if len(rows) >= ENOUGH}


def words(architecture: Architecture, setting: Setting) -> str:
    """What is unlike in runs of one group: widths, rows, rank."""
    config = architecture.config
    of_rank = f", rank {setting.rank} on {' '.join(setting.targets)}" if setting.adapted else ""
    return (
        f"{config['model_type']} of {architecture.n_layers} layers, {config['hidden_size']} wide,"
        f" {setting.batch} rows of {setting.seq_len}{', padded' * setting.padded}{of_rank},"
        f" {setting.loss} loss"
    )


def fit(rows: Sequence[Row]) -> dict[str, Factors]:
    """Factors by place: what comes once and what comes with a layer are fitted apart."""
    near = {p for row in rows for p in row.places if row.at(p) >= LEAST * row.peak}
    return {
        place: _of_place(place, [r for r in rows if place in r.places]) for place in sorted(near)
    }


def _of_place(place: str, rows: Sequence[Row]) -> Factors:
    return Factors(
        once=_factors(
            [row.terms.once for row in rows],
            [row.places[place][0] for row in rows],
            [1 / row.peak for row in rows],
        ),
        layer=_factors(
            [row.terms.layer for row in rows],
            [row.places[place][1] for row in rows],
            [row.depth / row.peak for row in rows],
        ),
    )


def _factors(
    held: Sequence[Mapping[str, float]], target: Sequence[float], weight: Sequence[float]
) -> dict[str, float]:
    """Non-negative factors by least squares, errors as shares of the whole peak."""
    names = sorted({name for each in held for name in each})
    weights = np.array(weight)
    matrix = np.array([[each.get(name, 0.0) for name in names] for each in held]) * weights[:, None]
    size = np.maximum(matrix.max(axis=0), 1e-12)
    matrix, aim, trust = matrix / size, np.array(target) * weights, np.ones(len(held))
    for _ in range(ROUNDS):
        factors, _ = nnls(matrix * trust[:, None], aim * trust, maxiter=10_000)
        off = np.abs(matrix @ factors - aim)
        trust = np.sqrt(np.minimum(1.0, SOUND / np.maximum(off, 1e-12)))
    return {
        name: float(f"{factor / unit:.6g}")
        for name, factor, unit in zip(names, factors, size, strict=True)
        if factor > 1e-6
    }


def predicted(row: Row, forms: Mapping[str, Factors]) -> float:
    """The peak by the closed form."""
    return max(
        total(row.terms.once, held.once) + row.depth * total(row.terms.layer, held.layer)
        for place, held in forms.items()
        if place in row.places
    )


def judged(rows: Sequence[Row]) -> list[tuple[float, Row]]:
    """Sizes of the errors of all traces, each by a fit to others."""
    found = []
    for fold in range(FOLDS):
        forms = fit([row for at, row in enumerate(rows) if at % FOLDS != fold])
        found += [(abs(predicted(row, forms) / row.peak - 1), row) for row in rows[fold::FOLDS]]
    return found


def table(found: Mapping[str, list[Row]], off: Off) -> Iterator[str]:
    """Errors by group, and what was held over live bytes."""
    yield "| group | traces | median | worst | held: median | 95 % | most |"
    yield "|---|---|---|---|---|---|---|"
    for group, rows in found.items():
        held = [row.held / row.peak for row in rows]
        yield (f"| {group} | {_errors(off[group])} | {_held(held)} |")
    every = [each for judged in off.values() for each in judged]
    held = [row.held / row.peak for rows in found.values() for row in rows]
    yield f"| all | {_errors(every)} | {_held(held)} |"
    within = sum(error <= NEAR for error, _ in every) / len(every)
    yield ""
    yield f"Within {100 * NEAR:g} %: {100 * within:.1f} % of {len(every)}. The worst:"
    yield ""
    for error, row in sorted(every, key=lambda each: -each[0])[:N_WORST]:
        yield f"- {100 * error:.1f} %: {row.told}"


def high(held: Sequence[float]) -> float:
    """What 95 % of the replays stayed below."""
    return float(np.quantile(held, 0.95))


def _held(held: Sequence[float]) -> str:
    return f"{statistics.median(held):.3f} | {high(held):.3f} | {max(held):.3f}"


def _errors(judged: Sequence[tuple[float, Row]]) -> str:
    off = [error for error, _ in judged]
    return f"{len(off)} | {100 * statistics.median(off):.2f} % | {100 * max(off):.1f} %"


def write(found: Mapping[str, list[Row]], off: Off) -> None:
    """The forms of all groups, fitted to all traces."""
    forms = []
    for group, rows in found.items():
        errors = [error for error, _ in off[group]]
        held = [row.held / row.peak for row in rows]
        forms.append(
            {
                "group": group,
                "places": {name: factors.model_dump() for name, factors in fit(rows).items()},
                "n": len(rows),
                "median_error": round(statistics.median(errors), 4),
                "worst_error": round(max(errors), 4),
                "held_median": round(statistics.median(held), 4),
                "held_high": round(high(held), 4),
                "checked": CHECKED,
            }
        )
    OUT.parent.mkdir(exist_ok=True)
    yaml = YAML()
    yaml.width = 100
    with OUT.open("w", encoding="utf-8") as file:
        file.write(
            "# Written by `python -m results.fit.closed_form TRACES --write`; do not edit.\n"
        )
        yaml.dump(forms, file)


def main() -> None:
    """Judges, and writes where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("traces", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    found = read(arguments.traces)
    off = {group: judged(rows) for group, rows in found.items()}
    lines = list(table(found, off))
    print("\n".join(lines))
    if arguments.write:
        write(found, off)
        PAGE.write_text("\n".join([*HEAD, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
