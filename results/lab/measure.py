"""Measure every family exhaustively, once: `python -m results.lab.measure`.

Tables lie in `results/lab/tables/`, one a family; what is there is not measured again. The opened
families come first, then the others, both in turns, stage by stage, so that a run that is stopped
has as much as possible of all of them. What is printed says which cells succeeded and what they
took, never what they scored.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from advisor.lab.openings import is_opened
from probes.lab.measure import Bench
from probes.lab.menu import STAGES
from results.lab.families import NAMES, family, rows

HERE = Path(__file__).parent
TABLES = HERE / "tables"
ROOT = HERE.parent.parent
"""Where the checkers run: they are modules of this repository."""


LAST = 5
"""Stages from this one on come after all others of all families."""


def order(names: list[str]) -> Iterator[tuple[str, int]]:
    """(family, stage) in the order of measuring."""
    for stages in (range(LAST), range(LAST, len(STAGES))):
        for opened in (True, False):
            for stage in stages:
                yield from ((name, stage) for name in names if is_opened(name) == opened)


def bench_of(name: str, tables: Path, scratch: Path) -> Bench:
    """A family ready to be measured."""
    bench = Bench.of(family(name), rows(name), ROOT, tables / f"{name}.jsonl", scratch / name)
    bench.tell = lambda text: print(text, flush=True)
    return bench


def measured(name: str, stage: int, tables: Path) -> str:
    """Measure one stage of a family; what it took, in one line."""
    cpu, wall = time.process_time(), time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="advisor-lab-"))
    try:
        bench = bench_of(name, tables, scratch)
        cells = [bench.measure(rung.ref.name, stage) for rung in bench.rungs]
    finally:
        shutil.rmtree(scratch)
    lines = list(bench.table.cells.values())
    failed = sum(line.status != "ok" for line in lines)
    return (
        f"{time.strftime('%H:%M:%S')} {name} stage {stage}: {cells} new cells, {len(lines)} in all,"
        f" {failed} not ok, {time.process_time() - cpu:.1f} CPU s,"
        f" {time.monotonic() - wall:.1f} s"
    )


def main() -> None:
    """Measure the stages that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="*", default=list(NAMES), choices=NAMES)
    parser.add_argument("--stages", nargs="*", type=int, default=list(range(len(STAGES))))
    parser.add_argument("--tables", type=Path, default=TABLES)
    arguments = parser.parse_args()
    for name, stage in order(arguments.families):
        if stage in arguments.stages:
            print(measured(name, stage, arguments.tables), flush=True)


if __name__ == "__main__":
    main()
