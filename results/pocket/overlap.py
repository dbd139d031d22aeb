"""Overlap of pocket pre-training and probes: `python -m results.pocket.overlap`."""

import argparse
import csv
from pathlib import Path
from typing import NamedTuple

from probes.pocket import RUNGS
from probes.pocket.corpus import sample_documents
from probes.pocket.questions import QUESTIONS, ask
from probes.pocket.tasks import TASKS, examples
from probes.pocket.templates import BANKS
from probes.pocket.tokenizer import pocket_tokenizer
from probes.pocket.turns import Document, segments
from probes.pocket.vocabulary import Split
from probes.pocket.world import FULL_MIXTURE
from results.pocket.abilities import HERE, WEIGHTS
from results.pocket.scoring import load, right
from results.pocket.statistics import wilson

GRAM = 13
SPLITS: tuple[Split, ...] = ("pretrain", "new-templates", "new-entities", "probe")


class Score(NamedTuple):
    """Right answers of n for one rung, probe and split."""

    rung: str
    probe: str
    split: str
    hits: int
    n: int


def text(document: Document) -> str:
    """A document as the model reads it."""
    return "".join(piece for piece, _ in segments(document))


def grams(ids: list[int]) -> set[int]:
    """Hashes of the 13-grams of tokens, the length used for GPT-3 (Brown et al. 2020, app. C)."""
    return {hash(tuple(ids[i : i + GRAM])) for i in range(len(ids) - GRAM + 1)}


def shares(documents: list[Document], known: set[int]) -> tuple[float, float]:
    """Share of documents with any known 13-gram, and share of all their 13-grams."""
    ids = pocket_tokenizer()([text(d) for d in documents], add_special_tokens=False)["input_ids"]
    found = [grams(row) for row in ids]
    touched = sum(bool(row & known) for row in found) / len(found)
    total = sum(len(row) for row in found)
    return touched, sum(len(row & known) for row in found) / max(1, total)


def known_grams(documents: int) -> set[int]:
    """All 13-grams of a regenerated sample of the training stream of the middle rung."""
    sample = sample_documents("s/stage-1/0", documents, FULL_MIXTURE)
    ids = pocket_tokenizer()([text(d) for d in sample], add_special_tokens=False)["input_ids"]
    return set().union(*(grams(row) for row in ids))


def gram_lines(sampled: int, n: int) -> list[str]:
    """The table of 13-gram overlap for probes, seen-template probes and example tasks."""
    known = known_grams(sampled)
    lines = [
        "| documents | any 13-gram known | 13-grams known | same, fresh pre-training sample |",
        "|---|---|---|---|",
    ]
    for probe in QUESTIONS:
        held = shares(ask(probe, n, "probe"), known)
        seen = shares(ask(probe, n, "pretrain"), known)
        lines.append(f"| {probe} | {held[0]:.2f} | {held[1]:.3f} | {seen[0]:.2f} / {seen[1]:.3f} |")
    for task in TASKS:
        documents: list[Document] = [
            [("user", f"{task.instruction}\n{q}"), ("assistant", a)] for q, a in examples(task)[:n]
        ]
        held = shares(documents, known)
        lines.append(f"| task {task.name} | {held[0]:.2f} | {held[1]:.3f} | - |")
    return lines


def template_lines() -> list[str]:
    """Sizes of the wording banks, and their intersection, which must be empty."""
    lines = ["| bank | pre-training | held out | in both |", "|---|---|---|---|"]
    for bank, (seen, held) in BANKS.items():
        both = set(seen) & set(held)
        lines.append(f"| {bank} | {len(set(seen))} | {len(set(held))} | {len(both)} |")
    return lines


def measure(rung: str, weights: Path, n: int) -> list[Score]:
    """Right answers of one rung for every probe and split."""
    loaded = load(weights / rung)
    scores = []
    for probe in QUESTIONS:
        for split in SPLITS:
            hits = sum(right(loaded, ask(probe, n, split)))
            scores.append(Score(rung, probe, split, hits, n))
    return scores


def score_lines(scores: list[Score]) -> list[str]:
    """Base scores when templates, entities, both or neither are new."""
    lines = [
        "| rung | probe | all seen | new templates | new entities | both new |",
        "|---|---|---|---|---|---|",
    ]
    found = {(s.rung, s.probe, s.split): s for s in scores}
    for rung, probe in dict.fromkeys((s.rung, s.probe) for s in scores):
        cells = []
        for split in SPLITS:
            score = found[rung, probe, split]
            low, high = wilson(score.hits, score.n)
            cells.append(f"{score.hits / score.n:.2f} ({low:.2f}-{high:.2f})")
        lines.append(f"| {rung} | {probe} | {' | '.join(cells)} |")
    return lines


def read_scores(path: Path) -> list[Score]:
    """Scores of earlier runs, so that rungs can be measured one after another."""
    if not path.exists():
        return []
    with path.open() as lines:
        return [
            Score(row["rung"], row["probe"], row["split"], int(row["hits"]), int(row["n"]))
            for row in csv.DictReader(lines)
        ]


def write_scores(path: Path, scores: list[Score]) -> None:
    """The scores as CSV, smallest rung first."""
    ordered = sorted(scores, key=lambda s: RUNGS.index(s.rung))
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(Score._fields)
        writer.writerows(ordered)


def report(scores: list[Score], sampled: int, n: int) -> str:
    """The whole page."""
    parts = [
        "# Overlap of pocket pre-training and probes",
        "",
        "Written by `python -m results.pocket.overlap`. Held out: a fifth of wordings, names,",
        "label strings, category-label pairings, number pairs and labelled words, and 40 people.",
        "Not held out: single words as such (kinds, colours, cities), single digits, and facts",
        "about known people, which closed book asks for by design. Ticket routing and word labels",
        "use all words.",
        "",
        "## Wordings",
        "",
        "A held-out wording is a new composition of known parts, not a new language.",
        "",
        *template_lines(),
        "",
        f"## {GRAM}-grams of tokens",
        "",
        f"Known: all {GRAM}-grams of {sampled} regenerated pre-training documents (a sample, so",
        "these shares are lower bounds for the whole stream). Frames such as JSON keys and columns",
        "of written sums repeat without any answer repeating; compare the last column.",
        "",
        *gram_lines(sampled, n),
        "",
        "## Base score on seen and unseen templates and entities",
        "",
        f"n = {n} a cell, 95 % Wilson intervals.",
        "",
        *score_lines(scores),
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Measure the named rungs, keep the other rungs' scores, write overlap.csv and overlap.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rungs", nargs="*", default=list(RUNGS))
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--sampled", type=int, default=20_000)
    parser.add_argument("--n", type=int, default=300)
    arguments = parser.parse_args()
    table = HERE / "overlap.csv"
    for rung in arguments.rungs:
        kept = [score for score in read_scores(table) if score.rung != rung]
        write_scores(table, kept + measure(rung, arguments.weights, arguments.n))
    page = report(read_scores(table), arguments.sampled, arguments.n)
    (HERE / "overlap.md").write_text(page)


if __name__ == "__main__":
    main()
