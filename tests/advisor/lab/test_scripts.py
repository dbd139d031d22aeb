"""The laboratory's scripts: the order of measuring, spec-only classifiers, the page of families."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor import prepare
from advisor.lab.openings import PAGE, is_opened, read_page
from probes.lab.family import N_TRUTH, drawn
from probes.lab.measure import NUMBERS
from probes.lab.menu import STAGES
from probes.lab.packing import unpacked
from probes.lab.table import Table
from probes.split import splits_fingerprint
from results.lab.families import NAMES, family, rows
from results.lab.measure import LAST, order
from results.lab.overview import line
from results.lab.spec_only import fields, p_better, report, right
from tests.lab_tables import family as made_family
from tests.lab_tables import made_table

LAB = Path(__file__).resolve().parents[3] / "results" / "lab"
TABLES = sorted((LAB / "tables").glob("*.jsonl"))


def test_the_committed_page_is_what_the_rule_gives_and_enough_is_unopened() -> None:
    page = read_page(LAB)
    assert page["opened"] == sorted(name for name in NAMES if is_opened(name))
    assert page["unopened"] == sorted(name for name in NAMES if not is_opened(name))
    assert len(page["unopened"]) >= 20 and page["opened"]
    assert (LAB / PAGE).is_file() and page["log"]


def test_a_change_of_the_product_s_numbers_is_one_of_the_tables() -> None:
    assert NUMBERS == prepare.NUMBERS


def test_every_stage_of_every_family_comes_once_and_opened_ones_first() -> None:
    found = list(order(list(NAMES)))
    assert len(found) == len(set(found)) == len(NAMES) * len(STAGES)
    first = [name for name, stage in found if stage < LAST]
    n_opened = sum(map(is_opened, NAMES)) * LAST
    assert all(is_opened(name) for name in first[:n_opened])
    assert not any(is_opened(name) for name in first[n_opened:])


def test_a_page_tells_of_unopened_families_what_it_took_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = next(f"made-{at}" for at in range(100) if is_opened(f"made-{at}"))
    closed = next(f"made-{at}" for at in range(100) if not is_opened(f"made-{at}"))
    for name in (opened, closed):
        made_table(tmp_path / f"{name}.jsonl", name=name)
    monkeypatch.setattr("results.lab.overview.rows", lambda name: [])
    told = [line(made_family(n), tmp_path / f"{n}.jsonl") for n in (opened, closed)]
    empty = line(made_family("nowhere"), tmp_path / "nowhere.jsonl")
    assert "| tuning, capacity |" in told[0] and "| tuning, capacity |" not in told[1]
    assert "1, 0.5, 0.25, 0.125" in told[1]
    assert empty.endswith("| 0 | 0 | 0 |")


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_committed_table_is_of_its_family_and_nothing_in_it_failed(
    path: Path, tmp_path: Path
) -> None:
    table = Table(path)
    header = table.header
    assert header is not None and header.family.name == path.stem
    data = drawn(family(path.stem), rows(path.stem), tmp_path, tmp_path)
    assert header.data == splits_fingerprint(data.splits)
    for cell in table.cells.values():
        assert cell.status == "ok", cell.cause
        assert len(unpacked(cell.form)) == len(unpacked(cell.content)) == cell.cell.n_eval
    for truth in table.truths.values():
        assert len(unpacked(truth.form)) == header.n_truth == N_TRUTH
    assert b"/tmp/" not in path.read_bytes()


def test_a_classifier_that_knows_nothing_does_not_beat_the_largest_class() -> None:
    told = [fields(family(name), documents=False) for name in NAMES]
    classes = ["a" if at % 3 else "b" for at in range(len(NAMES))]
    plain = right(told, classes, None)
    assert sum(plain) == classes.count("a")
    assert p_better(plain, plain) == 1
    assert p_better([True] * 10, [False] * 10) == pytest.approx(2**-10)
    assert len(report(told, classes)) == 6
