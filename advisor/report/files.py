"""Writes a run's report: report.json, report.md and the answers beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from advisor.mistakes import clusters_of
from advisor.records import Report
from advisor.report.audit_html import audit_html
from advisor.report.inputs import Inputs
from advisor.report.markdown import markdown_report
from probes.sinks import markdown
from probes.store import RunStore


def write_report(store: RunStore, report: Report, inputs: Inputs) -> None:
    """Write `report.json` and `report.md`, each whole or not at all, then what holds texts.

    The report holds aggregates only; inputs and answers lie in `items.jsonl` and
    `wrong_answers.md`, so that a report can be shared without the data.
    """
    store.write_json("report.json", report.model_dump(mode="json"))
    store.write_text("report.md", markdown_report(report))
    if report.audit is not None:
        store.write_text("audit.html", audit_html(report.audit))
    store.write_text("items.jsonl", _items(store))
    store.write_text("wrong_answers.md", "\n".join(_wrong_answers(report, inputs)) + "\n")


def _wrong_answers(report: Report, inputs: Inputs) -> Iterator[str]:
    """Examples of each kind of wrong answer of the option that the advice is about."""
    chosen = next(option for option in report.options if option.name == report.advice.option)
    by_id = {found.id: found for found in inputs.measurements}
    run = by_id[chosen.evidence[0]]
    yield f"# Wrong answers of {markdown(chosen.name)} on dev"
    for cluster in clusters_of(run, inputs.examples, inputs.documents, inputs.labels):
        yield from ("", f"## {cluster.kind}: {cluster.n}", "")
        for shown in cluster.examples:
            yield f"- `{shown.item_id}`"
            yield f"  - input: {markdown(shown.input)}"
            yield f"  - wanted: {markdown(shown.wanted)}"
            yield f"  - given: {markdown(shown.given) or '(nothing)'}"


def _items(store: RunStore) -> str:
    """One line for each answer on dev and test: cell, item, text, scores."""
    lines = []
    for found in store.measurements():
        if found.cell.role == "screen":
            continue  # taken over elsewhere, or of a setting that lost
        scores = {score.item_id: score for score in found.scores}
        for answer in found.predictions:
            score = scores[answer.item_id]
            row = {
                "cell": found.id,
                "rung": found.cell.rung,
                "method": found.cell.method,
                "split": found.cell.split,
                "seed": found.cell.seed,
                "item": answer.item_id,
                "answer": answer.text,
                "reasoning": answer.reasoning,
                "passages": list(answer.passages),
                "form": score.form,
                "content": score.content,
                "quality": score.quality,
            }
            lines.append(json.dumps(row, ensure_ascii=True, sort_keys=True))
    return "\n".join(lines) + "\n"
