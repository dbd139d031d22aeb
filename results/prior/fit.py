"""Fits the prior of `advisor advise` to published results and writes `knowledge/prior/prior.yaml`.

    python -m results.prior.fit ../shared/data/published

LoRA Land (31 tasks, tuned and untuned), long-context ICL (learning curves of three label sets),
ObsScaling (94 base models: MMLU by size, GSM8K with and without examples and votes, BBH with and
without steps), the rectified benchmark (learning curves of three text tasks) and Spider. What of
them may not be redistributed stays out: only parameters are kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

from knowledge.expectations import Expectations
from knowledge.statements import Reference
from results.prior import curves, gains
from results.prior.ability import by_size
from results.prior.levels import levels
from results.prior.published import Published, read

OUT = Path("knowledge/prior/prior.yaml")
CHECKED = "2026-11-21"


def _source(title: str, **more: str) -> Reference:
    return Reference.model_validate(
        {"title": title, "reading": "computed", "checked": CHECKED, **more}
    )


SOURCES = (
    _source(
        "LoRA Land, Table 12", arxiv="2405.00732", url="https://github.com/predibase/lora_bakeoff",
        part="img/full_table.png at 2ac88b95, transcribed",
    ),
    _source(
        "In-Context Learning with Long-Context Models", arxiv="2405.00200",
        url="https://github.com/abertsch72/long-context-icl", part="final-results/ at 7ec32c26",
    ),
    _source(
        "Observational Scaling Laws", arxiv="2405.10938",
        url="https://github.com/ryoungj/ObsScaling", part="eval_results/ at 4d6e1e43",
    ),
    _source(
        "Selecting Large Language Model to Fine-tune via Rectified Scaling Law",
        arxiv="2402.02314", part="the benchmark's curves: flan, gigaword, wmt19",
    ),
    _source(
        "DB-GPT-Hub", arxiv="2406.11434", url="https://github.com/eosphoros-ai/DB-GPT-Hub",
        part="baseline.json at 3ed19c1f",
    ),
)  # fmt: skip


def fit(published: Published, *, without: Iterable[str] = ()) -> Expectations:
    """The prior, of all tables but the rows of the tasks and data sets `without`."""
    left = set(without)
    tables = Published(
        published.lora_land[~published.lora_land.task.isin(left)],
        published.tuning[~published.tuning.dataset.isin(left)],
        published.prompting[~published.prompting.dataset.isin(left)],
        published.bench,
        published.instruct,
        published.post,
        published.losses,
        published.spider,
    )
    return Expectations(
        ability=by_size(tables.bench),
        levels=tuple(levels(tables)),
        learnt=(
            curves.learnt_labels(tables, "tuning"),
            curves.learnt_labels(tables, "examples"),
            curves.learnt_text(tables),
        ),
        prompted_end=gains.prompted_end(tables),
        examples=gains.examples(tables.post),
        steps=gains.steps(tables.post),
        votes=tuple(gains.votes(tables.post)),
        votes_claim="test-time-compute-needs-a-pass-rate",
        found_at_one=gains.FOUND_AT_ONE,
        closed_book=gains.CLOSED_BOOK,
        sources=SOURCES,
    )


def main() -> None:
    """Fits and writes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("published", type=Path)
    found = fit(read(parser.parse_args().published))
    OUT.parent.mkdir(exist_ok=True)
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    with OUT.open("w", encoding="utf-8") as file:
        file.write("# Written by `python -m results.prior.fit`; do not edit.\n")
        yaml.dump([found.model_dump(exclude_defaults=True, mode="json")], file)
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
