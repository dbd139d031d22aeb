"""The example tasks: what is shipped is what the generator writes, and what the product takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.prepare import prepare
from advisor.task import read_task
from probes.documents import documents_of, read_documents
from probes.pocket import weights_folder
from probes.pocket.tasks import TASKS, Task, drawn, examples, write
from probes.split import split_examples

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
MAX_PROMPT_TOKENS = 400
BY_NAME = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(text: str) -> list[list[str]]:
    """Cells of the first table of a page, below its head."""
    rows = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1:]]


@BY_NAME
def test_what_is_shipped_is_what_the_generator_writes(task: Task, tmp_path: Path) -> None:
    written = write(task, tmp_path)
    shipped = EXAMPLES / task.name
    names = sorted(path.name for path in written.iterdir())
    assert sorted(path.name for path in shipped.iterdir()) == names
    for name in names:
        assert (shipped / name).read_bytes() == (written / name).read_bytes(), name


def test_every_shipped_pocket_task_has_a_generator() -> None:
    shipped = {
        spec.parent.name
        for spec in EXAMPLES.glob("*/spec.yaml")
        if "ladder: pocket\n" in spec.read_text()
    }
    assert shipped == {task.name for task in TASKS}


@BY_NAME
def test_the_product_plans_it(task: Task) -> None:
    assert prepare(read_task(EXAMPLES / task.name / "spec.yaml")).plan.cells


@BY_NAME
def test_no_input_twice_and_other_seeds_draw_other_data(task: Task) -> None:
    for seed in (0, 1):
        inputs = [pair[0] for pair in examples(task, seed)]
        assert len(inputs) == len(set(inputs)) == task.count
    assert examples(task, 0) == examples(task, 0)
    assert examples(task, 0) != examples(task, 1)


def test_ticket_routing_is_the_same_as_ever() -> None:
    task = next(task for task in TASKS if task.name == "ticket-routing")
    assert examples(task)[:2] == [
        ("Ticket: Razi needs diving before barber", "N3-STD"),
        ("Ticket: Fada urgently needs nail before honey", "M4-HOT"),
    ]


@BY_NAME
def test_gold_passages_are_there_and_hold_the_fact(task: Task) -> None:
    folder = EXAMPLES / task.name
    rows = lines(folder / "data.jsonl")
    if not (folder / "documents.jsonl").exists():
        assert not any("gold_passages" in row for row in rows)
        return
    texts = {passage["id"]: passage["text"] for passage in lines(folder / "documents.jsonl")}
    assert len(set(texts.values())) == len(texts)
    for row, made in zip(rows, drawn(task), strict=True):
        (gold,) = row["gold_passages"]
        assert texts[gold] == made.passages[0]
        if task.name != "coded-handbook":
            assert row["output"] in texts[gold].replace(".", " ").split()


@BY_NAME
def test_the_splits_keep_their_gold_passages(task: Task) -> None:
    path = EXAMPLES / task.name / "spec.yaml"
    ready = read_task(path)
    passages = read_documents(ready.spec, path)
    rows = [*ready.splits.train, *ready.splits.dev, *ready.splits.test]
    splits = split_examples(rows, None)
    assert len(splits.dev) >= 60
    documents = documents_of(passages, splits, ready.spec.data)
    if passages:
        assert documents.kind == "given"
        assert set(documents.gold) == {each.item.id for each in (*splits.dev, *splits.test)}


def test_prompts_are_far_shorter_than_trained_rows() -> None:
    from transformers import AutoTokenizer

    known = AutoTokenizer.from_pretrained(weights_folder("pocket-s"), local_files_only=True)
    for task in TASKS:
        rows = drawn(task)
        longest = max(rows, key=lambda row: len(row.input))
        texts = sorted({text for row in rows for text in row.passages}, key=len)[-5:]
        text = " ".join([task.instruction, *texts, longest.input, longest.output])
        assert len(known(text)["input_ids"]) < MAX_PROMPT_TOKENS, task.name


def test_no_task_type_gives_its_ceiling_away() -> None:
    """By what was measured (results/pocket/truth.md): two ceilings or more for every type."""
    rows = table((ROOT / "results/pocket/truth.md").read_text())
    assert [row[0] for row in rows] == [task.name for task in TASKS]
    ceilings: dict[str, set[str]] = {}
    for _, task_type, _, _, binds, *_ in rows:
        ceilings.setdefault(task_type, set()).add(binds.split(", ")[0])
    assert set(ceilings) == {"classification", "extraction", "qa", "reasoning"}
    assert all(len(kinds) >= 2 for kinds in ceilings.values()), ceilings
