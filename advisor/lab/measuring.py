"""Measures the families that were added to a laboratory's folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from advisor.lab.added import FAMILIES, kept_family
from advisor.lab.replay import TABLES
from knowledge.errors import UserError
from probes.lab.measure import Bench
from probes.lab.menu import STAGES


def measured(lab: Path, names: Sequence[str] = ()) -> Iterator[str]:
    """Measure what is missing, stage by stage over the families; a line for each stage.

    Raises:
        UserError: E-LAB-NAME, where a family was not added.
    """
    there = {path.name: path for path in sorted((lab / FAMILIES).glob("*/"))}
    for name in names or sorted(there) or [""]:
        if name not in there:
            what = f"no family '{name[:60]}' was added" if name else "no family was added"
            raise UserError("E-LAB-NAME", what, place=str(lab / FAMILIES))
    for stage in range(len(STAGES)):
        for name in names or sorted(there):
            yield _stage(lab, there[name], stage)


def _stage(lab: Path, folder: Path, stage: int) -> str:
    family, rows = kept_family(folder)
    scratch = Path(tempfile.mkdtemp(prefix="advisor-lab-"))
    try:
        table = lab / TABLES / f"{family.name}.jsonl"
        bench = Bench.of(family, rows, folder, table, scratch)
        new = sum(bench.measure(rung.ref.name, stage) for rung in bench.rungs)
    finally:
        shutil.rmtree(scratch)
    failed = sum(line.status != "ok" for line in bench.table.cells.values())
    return f"{family.name} stage {stage}: {new} new cells, {failed} not ok"
