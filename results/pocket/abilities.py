"""Abilities of the pocket ladder by size: `python -m results.pocket.abilities`."""

import argparse
import csv
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from probes.pocket import RUNGS
from probes.pocket.questions import QUESTIONS, ask
from probes.pocket.tasks import TASKS, examples
from results.pocket.regimes import (
    Training,
    as_documents,
    handbook,
    trainings,
    with_shots,
)
from results.pocket.scoring import (
    Loaded,
    LoraSettings,
    accuracy,
    adapt,
    check_equal_to_greedy,
    generate,
    load,
    right,
)
from results.pocket.statistics import wilson

HERE = Path(__file__).parent
WEIGHTS = Path("probes/pocket/weights")
GREEDY_SAMPLE = 40
STUDY: dict[str, tuple[str, str, str]] = {
    "extract a field, request after the text": (".05", ".99", ".99"),
    "two fields as JSON, zero-shot": ("0", "0", "0"),
    "labels defined in the prompt": (".25", "1.00", "1.00"),
    "few-shot labels, 4 shots (chance .33)": (".40", ".84", ".84"),
    "few-shot labels, 8 shots": (".36", ".97", ".97"),
    "few-shot labels, 16 shots": (".36", "1.00", "1.00"),
    "1 passage (oracle)": (".13", "1.00", "1.00"),
    "3 passages, different attributes": (".13", ".97", ".96"),
    "3 passages, same attribute": (".11", ".41", ".45"),
    "2-digit addition, direct": (".01", ".06", ".05"),
    "2-digit addition, steps": (".01", ".87", ".90"),
    "2 hops, direct": ("-", ".05", ".05"),
    "2 hops, steps": (".01", ".80", ".81"),
    "handbook, closed book": (".05", ".05", ".03"),
    "handbook, 3 retrieved passages": (".05", ".44", ".41"),
    "handbook, 6 retrieved passages": (".04", ".24", ".23"),
    "handbook, closed book after LoRA on other facts": (".09", ".08", ".09"),
    "ticket routing, 16 shots": ("0", "0", "0"),
    "ticket routing, LoRA 480 x 10": ("0", "1.00", ".99"),
    "2-digit addition, LoRA 800 x 5": (".06", ".49", ".69"),
    "addition with steps after that LoRA": ("-", ".32", "-"),
    "memorise 200 facts, LoRA x 20": (".51", "1.00", "1.00"),
    "noisy labels, LoRA (ceiling .70)": (".44", ".67", ".67"),
    "hidden coin, LoRA (ceiling .50)": (".44", ".44", ".55"),
}
"""The feasibility study's figures (facts/pocket.md, n = 75 to 300, other probes and templates)."""


@dataclass(frozen=True)
class Row:
    """One measured figure: a proportion of n items, or the mean of three seeds with its range."""

    rung: str
    probe: str
    value: float
    low: float
    high: float
    n: int
    interval: str
    cpu_s: float


def proportion(rung: str, probe: str, verdicts: list[bool], cpu_s: float) -> Row:
    """A figure with its Wilson interval."""
    low, high = wilson(sum(verdicts), len(verdicts))
    share = sum(verdicts) / len(verdicts)
    return Row(rung, probe, share, low, high, len(verdicts), "95 % Wilson", cpu_s)


def prompted(rung: str, loaded: Loaded, n: int) -> list[Row]:
    """Every ability without training, on held-out templates and entities."""
    rows = []
    for probe in QUESTIONS:
        started = time.process_time()
        documents = ask(probe, n, "probe")
        rows.append(proportion(rung, probe, right(loaded, documents), 0.0))
        check_equal_to_greedy(loaded, documents[:GREEDY_SAMPLE])
        print(rung, probe, rows[-1].value, round(time.process_time() - started, 1), flush=True)
    return rows


def read_handbook(rung: str, loaded: Loaded, n: int) -> list[Row]:
    """Closed book, and with retrieved passages."""
    book = handbook(n)
    arms: dict[str, Callable[[tuple[str, str]], list[tuple[str, str]]]] = {
        "handbook, closed book": lambda key: [],
        "handbook, 3 retrieved passages": lambda key: book.retrieved(key, 3),
        "handbook, 6 retrieved passages": lambda key: book.retrieved(key, 6),
    }
    rows = []
    for probe, passages in arms.items():
        documents = [book.document(key, passages(key)) for key in book.facts]
        rows.append(proportion(rung, probe, right(loaded, documents), 0.0))
    found = sum(key in book.retrieved(key, 3) for key in book.facts) / n
    print(rung, "handbook recall@3", found, flush=True)
    return rows


def vote(rung: str, loaded: Loaded, n: int) -> list[Row]:
    """Addition with steps: greedy, one sample, and the majority of eight samples."""
    documents = ask("2-digit addition, steps", n, "probe")
    gold = [d[-1][1].split("Answer: ")[-1] for d in documents]
    started = time.process_time()
    greedy = [texts[0].split("Answer: ")[-1] for texts in generate(loaded, documents)]
    greedy_s = time.process_time() - started
    sampled = [[t.split("Answer: ")[-1] for t in ts] for ts in generate(loaded, documents, 8)]
    sampled_s = time.process_time() - started - greedy_s
    voted = [Counter(texts).most_common(1)[0][0] for texts in sampled]
    arms = {"greedy": greedy, "one sample at .8": [t[0] for t in sampled], "vote of 8": voted}
    costs = {"greedy": greedy_s, "one sample at .8": sampled_s / 8, "vote of 8": sampled_s}
    return [
        proportion(
            rung,
            f"addition with steps, final answer: {arm}",
            [a == b for a, b in zip(answers, gold, strict=True)],
            costs[arm],
        )
        for arm, answers in arms.items()
    ]


def example_tasks(rung: str, loaded: Loaded, n: int) -> list[Row]:
    """Zero, four and sixteen shots on the shipped example tasks."""
    rows = []
    for task in TASKS:
        pairs = examples(task)
        tested, title = pairs[-n:], task.name.replace("-", " ")
        zero = right(loaded, as_documents(task, tested))
        rows.append(proportion(rung, f"{title}, zero-shot", zero, 0.0))
        for shots in (4, 16):
            verdicts = right(loaded, with_shots(task, tested, pairs[:shots]))
            rows.append(proportion(rung, f"{title}, {shots} shots", verdicts, 0.0))
    return rows


def trained(rung: str, folder: Path, training: Training, seeds: int) -> list[Row]:
    """One LoRA regime over several seeds of order, initialisation and examples."""
    scores: dict[str, list[float]] = {probe: [] for probe in training.tests}
    costs = []
    for seed in range(seeds):
        settings = LoraSettings(epochs=training.epochs)
        adapted, cpu_s = adapt(folder, training.train(seed), settings, seed)
        costs.append(cpu_s)
        for probe, documents in training.tests.items():
            scores[probe].append(accuracy(adapted, documents))
    rows = []
    for probe, values in scores.items():
        mean, cost = sum(values) / seeds, sum(costs) / seeds
        size, kind = len(training.tests[probe]), f"min-max of {seeds} seeds"
        rows.append(Row(rung, probe, mean, min(values), max(values), size, kind, cost))
        print(rung, probe, values, round(cost, 1), flush=True)
    return rows


def measure(rung: str, folder: Path, n: int, seeds: int) -> list[Row]:
    """All figures of one rung."""
    loaded = load(folder)
    rows = prompted(rung, loaded, n) + read_handbook(rung, loaded, n)
    rows += vote(rung, loaded, n) + example_tasks(rung, loaded, n)
    for training in trainings(n):
        rows += trained(rung, folder, training, seeds)
    return rows


FIELDS = list(Row.__annotations__)


def read_rows(path: Path) -> list[Row]:
    """Rows of an earlier run, so that rungs can be measured one after another."""
    if not path.exists():
        return []
    with path.open() as lines:
        return [
            Row(
                line["rung"],
                line["probe"],
                float(line["value"]),
                float(line["low"]),
                float(line["high"]),
                int(line["n"]),
                line["interval"],
                float(line["cpu_s"]),
            )
            for line in csv.DictReader(lines)
        ]


def write_rows(path: Path, rows: list[Row]) -> None:
    """The rows as CSV."""
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(FIELDS)
        for row in rows:
            writer.writerow(
                [
                    *(row.rung, row.probe),
                    *(round(v, 4) for v in (row.value, row.low, row.high)),
                    *(row.n, row.interval, round(row.cpu_s, 1)),
                ]
            )


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    return f"{row.value:.2f} ({row.low:.2f}-{row.high:.2f})"


def markdown(rows: list[Row]) -> str:
    """The table: one line a probe, each rung's figure with its interval, then the study's."""
    rungs = [rung for rung in RUNGS if any(row.rung == rung for row in rows)]
    found = {(row.rung, row.probe): row for row in rows}
    probes = dict.fromkeys(row.probe for row in rows)
    lines = [
        "# Abilities of the pocket ladder by size",
        "",
        "Written by `python -m results.pocket.abilities`; exact match of greedy answers (teacher-",
        "forced, asserted equal to greedy generation on a sample). Prompted probes: held-out",
        "templates, entities, label words and compositions, 95 % Wilson interval. LoRA (r=16, lr",
        "4e-3, all linear layers): mean of the seeds, min-max in brackets. `cpu` is CPU-seconds of",
        "one training or generation run by rung. Study: the feasibility study's XS / S / M figures",
        "on its own probes (other templates and entities, one seed), for orientation only.",
        "",
        f"| probe | n | {' | '.join(rungs)} | cpu | study XS / S / M |",
        "|---|---|" + "---|" * (len(rungs) + 2),
    ]
    for probe in probes:
        cells = [found.get((rung, probe)) for rung in rungs]
        sizes = "/".join(dict.fromkeys(str(c.n) for c in cells if c))
        costs = " / ".join(f"{c.cpu_s:.1f}" for c in cells if c and c.cpu_s)
        study = " / ".join(STUDY.get(probe, ("-",) * 3))
        values = " | ".join(map(_cell, cells))
        lines.append(f"| {probe} | {sizes} | {values} | {costs or '-'} | {study} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the named rungs and rewrite table and CSV, keeping the other rungs' rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rungs", nargs="*", default=list(RUNGS), choices=RUNGS)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE)
    arguments = parser.parse_args()
    for rung in arguments.rungs:
        new = measure(rung, arguments.weights / rung, arguments.n, arguments.seeds)
        table = arguments.out / "abilities.csv"
        rows = [row for row in read_rows(table) if row.rung != rung] + new
        rows.sort(key=lambda row: RUNGS.index(row.rung))
        write_rows(table, rows)
        (arguments.out / "abilities.md").write_text(markdown(rows))


if __name__ == "__main__":
    main()
