"""Planted label noise, estimated by ours and by cleanlab: `python -m benchmarks.label_noise`.

Ten draws of each label set; exact counts of flips; rows are appended to a file as they come, so a
run that was stopped goes on where it was: `--page` writes results/benchmarks/label_noise.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pairing import RESULTS, write_page
from probes.audit.noise_estimate import noise_of
from probes.machine import this_machine
from probes.pocket.tasks import TASKS, drawn

Ints = NDArray[np.int64]

BANKING = Path("/work/shared/data/banking77")
ROWS = RESULTS / "label_noise.jsonl"
SETS = ("12", "4", "2", "tickets", "30", "77")
CASES = (
    ("none", 0.0),
    ("uniform", 0.1),
    ("uniform", 0.2),
    ("uniform", 0.45),
    ("pairwise", 0.2),
    ("pairwise", 0.45),
    ("by class", 0.45),
)
FEWER = (("none", 0.0), ("uniform", 0.2), ("pairwise", 0.45), ("by class", 0.45))
CLEANLAB = """
import json, sys
import numpy as np
from cleanlab.count import compute_confident_joint, estimate_joint
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
given = json.load(sys.stdin)
labels = np.array(given["labels"])
model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=300))
seen = cross_val_predict(model, given["texts"], labels, cv=5, method="predict_proba")
joint = estimate_joint(labels, seen, confident_joint=compute_confident_joint(labels, seen))
print(1 - float(np.trace(joint)))
"""


def cases(labels: str) -> tuple[tuple[str, float], ...]:
    """What is planted: of two labels a pair is all there is."""
    if labels in ("tickets", "30", "77"):
        return FEWER
    return tuple(case for case in CASES if labels != "2" or case[0] != "pairwise")


@dataclass(frozen=True)
class Run:
    """One estimate on one planted set."""

    labels: str
    flips: str
    planted: float
    seed: int
    n: int
    rate: float
    low: float
    high: float
    identified: bool
    precision: float | None
    """Of the suspects, how many were planted."""
    recall: float | None
    seconds: float
    cleanlab: float | None


def rows_of(labels: str, seed: int) -> tuple[list[str], Ints]:
    """Texts and their labels as numbers; other draws of intents for other seeds."""
    if labels == "tickets":
        task = next(task for task in TASKS if task.name == "ticket-routing")
        found = drawn(task, seed + 50, 2000)
        names = sorted({row.output for row in found})
        return [row.input for row in found], np.array([names.index(row.output) for row in found])
    everything: list[tuple[str, str]] = []
    for side in ("train", "test"):
        with (BANKING / f"{side}.csv").open() as lines:
            everything += [(row["text"], row["category"]) for row in csv.DictReader(lines)]
    intents = np.array(sorted({intent for _, intent in everything}))
    k = int(labels)
    many = {2: 16, 4: 16}.get(k, k)  # intents are put together to have 2,000 rows
    rng = np.random.default_rng(2000 + seed)
    number = {name: at for at, name in enumerate(rng.choice(intents, many, replace=False))}
    kept = [(text, number[intent] % k) for text, intent in everything if intent in number]
    return [text for text, _ in kept], np.array([code for _, code in kept])


def flipped(codes: Ints, flips: str, rate: float, seed: int) -> Ints:
    """`codes` with exactly that share changed: to any other, to the next, or by class (classes
    differ by up to a quarter from the mean rate; 6 of 10 flips to the next, the rest to any)."""
    rng = np.random.default_rng(seed)
    k, n = int(codes.max()) + 1, len(codes)
    m = round(rate * n)
    weights = np.linspace(0.75, 1.25, k)[codes] if flips == "by class" else np.ones(n)
    at = rng.choice(n, m, replace=False, p=weights / weights.sum())
    to_next = rng.random(m) < {"uniform": 0.0, "pairwise": 1.0}.get(flips, 0.6)
    out = codes.copy()
    out[at] = (codes[at] + np.where(to_next, 1, rng.integers(1, k, m))) % k
    return out


def run(labels: str, flips: str, planted: float, seed: int, peer: str | None) -> Run:
    """One estimate, timed; cleanlab's beside it where `peer` names a Python that has it."""
    texts, codes = rows_of(labels, seed)
    given = flipped(codes, flips, planted, seed)
    began = time.process_time()
    noise = noise_of(texts, [str(code) for code in given])
    seconds = time.process_time() - began
    theirs = None
    if peer:
        whole = json.dumps({"texts": texts, "labels": given.tolist()})
        done = subprocess.run(
            [peer, "-c", CLEANLAB], input=whole, capture_output=True, text=True, check=True
        )
        theirs = float(done.stdout)
    wrong, suspects = given != codes, [at for at, _ in noise.suspects]
    hits = int(wrong[suspects].sum())
    rate = noise.rate
    return Run(
        labels, flips, planted, seed, len(texts), rate.value, rate.low, rate.high,
        noise.identified,
        hits / len(suspects) if suspects and planted else None,
        hits / int(wrong.sum()) if planted else None,
        round(seconds, 1), theirs,
    )  # fmt: skip


def stored() -> list[Run]:
    """What was run so far."""
    if not ROWS.exists():
        return []
    return [Run(**json.loads(line)) for line in ROWS.read_text().splitlines()]


# ------------------------------------------------- the page


def _percent(values: Sequence[float]) -> str:
    return f"{100 * float(np.mean(values)):.1f}" if values else ""


def _table(runs: Sequence[Run]) -> Iterator[str]:
    yield "| labels | flips | planted, % | runs | n | estimate, % | MAE | covered | width | told |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for labels in SETS:
        for flips, planted in CASES:
            mine = [r for r in runs if (r.labels, r.flips, r.planted) == (labels, flips, planted)]
            if not mine:
                continue
            covered = sum(r.low - 1e-9 <= planted <= r.high + 1e-9 for r in mine)
            yield (
                f"| {labels} | {flips} | {100 * planted:g} | {len(mine)} | {mine[0].n} |"
                f" {_percent([r.rate for r in mine])} |"
                f" {_percent([abs(r.rate - planted) for r in mine])} | {covered} of {len(mine)} |"
                f" {_percent([r.high - r.low for r in mine])} |"
                f" {sum(r.identified for r in mine)} of {len(mine)} |"
            )


def _beside(runs: Sequence[Run]) -> Iterator[str]:
    yield "| labels | flips | planted, % | runs | MAE, ours | MAE, cleanlab | cleanlab says, % |"
    yield "|---|---|---|---|---|---|---|"
    for labels in SETS:
        for flips, planted in CASES:
            both = [
                (r.rate, r.cleanlab)
                for r in runs
                if (r.labels, r.flips, r.planted) == (labels, flips, planted)
                and r.cleanlab is not None
            ]
            if both:
                yield (
                    f"| {labels} | {flips} | {100 * planted:g} | {len(both)} |"
                    f" {_percent([abs(ours - planted) for ours, _ in both])} |"
                    f" {_percent([abs(theirs - planted) for _, theirs in both])} |"
                    f" {_percent([theirs for _, theirs in both])} |"
                )


def page(runs: Sequence[Run]) -> Iterator[str]:
    """The page, from what was run."""
    yield from ("# Label noise: planted and estimated", "")
    yield "`python -m benchmarks.label_noise --peer /tmp/peers/bin/python`, then `--page`."
    yield "Rates, MAE and widths in points; covered: 95 % intervals that hold the planted rate;"
    yield "told: those whose rate counts as told. 12, 30, 77: intents of banking77 (train"
    yield "and test); 2, 4: 16 intents put together; tickets: the pocket world's ticket-routing."
    yield "Settings were chosen on draws of banking77 with other seeds (12, 4 and 2 labels; their"
    yield "intents overlap with these), on all 77, untouched, at 10 and at 20 %, and on draws 1"
    yield "and 2 of tickets (the widening `_UNLEARNT`); 30 was not looked at. 12, 4, 2 and"
    yield "77 were run before that widening. banking77 has wrong labels of its own: here they"
    yield "are our error."
    yield ""
    yield from _table(runs)
    yield ""
    low = [r for r in runs if r.planted <= 0.2]
    half = [r for r in runs if r.planted > 0.4]
    for name, some in (("0 to 20 %", low), ("45 %", half)):
        if some:
            covered = np.mean([r.low - 1e-9 <= r.planted <= r.high + 1e-9 for r in some])
            mae = _percent([abs(r.rate - r.planted) for r in some])
            told = _percent([abs(r.rate - r.planted) for r in some if r.identified])
            yield f"Planted {name}: MAE {mae} points ({told} where the rate counts as told),"
            yield f"coverage {covered:.3f}, {len(some)} runs."
            yield ""
    yield from ("## Beside cleanlab", "")
    yield "Confident joint (Northcutt et al. 2021), probabilities out of 5 folds by TF-IDF (words,"
    yield "pairs) and logistic regression; the same rows and flips."
    yield ""
    yield from _beside(runs)
    yield ""
    found = [r for r in runs if r.recall is not None and r.precision is not None]
    precision, recall = [r.precision or 0.0 for r in found], [r.recall or 0.0 for r in found]
    yield f"Suspects: precision {_percent(precision)} %, recall {_percent(recall)} %."
    yield ""
    for labels in SETS:
        mine = [r.seconds for r in runs if r.labels == labels]
        if mine:
            yield f"- {labels}: {np.median(mine):.1f} s CPU (median), {max(mine):.1f} s at most"
    yield from ("", f"{this_machine().cpu}, one thread, {time.strftime('%Y-%m-%d')}.")


def main() -> None:
    """Run what is missing, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--peer", help="a Python that has cleanlab")
    parser.add_argument("--peer-seeds", type=int, default=3)
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    done = {(r.labels, r.flips, r.planted, r.seed) for r in stored()}
    for seed in range(1, 1 if asked.page else asked.seeds + 1):
        for labels in asked.sets:
            for flips, planted in cases(labels):
                if (labels, flips, planted, seed) in done:
                    continue
                peer = asked.peer if seed <= asked.peer_seeds else None
                found = run(labels, flips, planted, seed, peer)
                with ROWS.open("a") as out:
                    out.write(json.dumps(asdict(found)) + "\n")
                print(found, flush=True)
    write_page("label_noise", page(stored()))


if __name__ == "__main__":
    main()
