"""Fits the closed forms of memory to traces and tries them on others.

    python -m results.fit.closed_form TRACES.jsonl [--write]

Every place of a run gets its own non-negative factors (`probes.footprint.closed_form`), by least
squares on relative errors, among the terms that grow with what the place holds. Every fourth trace
of a group is left out of the fit and judged by it; with `--write` all are fitted and
`knowledge/memory_forms/memory_forms.yaml` is written with the errors of those left out.
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
    "Errors of the peak of live bytes, on every fourth trace of a group, by a form fitted to the",
    "other three.",
    "",
)
CHECKED = "2026-11-22"
LEFT_OUT = 4
ENOUGH = 12
"""Traces of a group without which it gets no form."""
LEAST = 0.55
"""Share of the whole peak below which a place is left out: it never is the peak."""
Forms = Mapping[str, Factors]


@dataclass(frozen=True)
class Row:
    """A trace with its terms."""

    depth: int
    terms: Terms
    places: Mapping[str, tuple[float, float]]
    """Bytes once, and for every layer."""

    def at(self, place: str) -> float:
        """Bytes at a place, at the model's own depth."""
        once, layer = self.places[place]
        return once + self.depth * layer

    @property
    def peak(self) -> float:
        """The most bytes of the run."""
        return max(map(self.at, self.places))


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
        found[group_of(setting)].append(
            Row(architecture.n_layers, terms(architecture, setting), places)
        )
    return {group: rows for group, rows in found.items() if len(rows) >= ENOUGH}


def fit(rows: Sequence[Row]) -> dict[str, Factors]:
    """Factors by place: what comes once and what comes with a layer are fitted apart."""
    common = set.intersection(*(set(row.places) for row in rows))
    near = [place for place in common if any(row.at(place) >= LEAST * row.peak for row in rows)]
    return {
        place: Factors(
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
        for place in sorted(near)
    }


def _factors(
    held: Sequence[Mapping[str, float]], target: Sequence[float], weight: Sequence[float]
) -> dict[str, float]:
    """Non-negative factors by least squares, errors as shares of the whole peak."""
    names = sorted({name for each in held for name in each})
    weights = np.array(weight)
    matrix = np.array([[each.get(name, 0.0) for name in names] for each in held]) * weights[:, None]
    size = np.maximum(matrix.max(axis=0), 1e-12)
    factors, _ = nnls(matrix / size, np.array(target) * weights, maxiter=10_000)
    return {
        name: float(f"{factor / unit:.6g}")
        for name, factor, unit in zip(names, factors, size, strict=True)
        if factor > 1e-6
    }


def predicted(row: Row, forms: Forms) -> float:
    """The peak by the closed form."""
    return max(
        total(row.terms.once, held.once) + row.depth * total(row.terms.layer, held.layer)
        for held in forms.values()
    )


def errors(rows: Sequence[Row], forms: Forms) -> list[float]:
    """Relative errors of the peak."""
    return [predicted(row, forms) / row.peak - 1 for row in rows]


def judged(rows: Sequence[Row]) -> list[float]:
    """Errors of the traces left out, each by the fit of the others."""
    kept = [row for at, row in enumerate(rows) if at % LEFT_OUT]
    left = [row for at, row in enumerate(rows) if not at % LEFT_OUT]
    return errors(left, fit(kept))


def table(found: Mapping[str, list[Row]]) -> Iterator[str]:
    """Errors by group, of traces that were not fitted to."""
    yield "| group | traces | left out | median | worst |"
    yield "|---|---|---|---|---|"
    every: list[float] = []
    for group, rows in sorted(found.items()):
        off = [abs(error) for error in judged(rows)]
        every += off
        yield (
            f"| {group} | {len(rows)} | {len(off)} | {100 * statistics.median(off):.2f} % |"
            f" {100 * max(off):.1f} % |"
        )
    share = sum(error <= 0.03 for error in every) / len(every)
    yield (
        f"| all | {sum(map(len, found.values()))} | {len(every)} |"
        f" {100 * statistics.median(every):.2f} % | {100 * max(every):.1f} % |"
    )
    yield ""
    yield f"Within 3 %: {100 * share:.0f} % of {len(every)}."


def write(found: Mapping[str, list[Row]]) -> None:
    """The forms of all groups, fitted to all traces."""
    rows = []
    for group, traces in sorted(found.items()):
        off = [abs(error) for error in judged(traces)]
        rows.append(
            {
                "group": group,
                "places": {name: held.model_dump() for name, held in fit(traces).items()},
                "n": len(traces),
                "median_error": round(statistics.median(off), 4),
                "worst_error": round(max(off), 4),
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
        yaml.dump(rows, file)


def main() -> None:
    """Judges, and writes where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("traces", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    found = read(arguments.traces)
    lines = list(table(found))
    print("\n".join(lines))
    if arguments.write:
        write(found)
        PAGE.write_text("\n".join([*HEAD, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
