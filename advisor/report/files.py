"""Writes a run's report: report.json, report.md and the answers beside them."""

from __future__ import annotations

import json

from advisor.records import Report
from advisor.report.markdown import markdown_report
from probes.store import RunStore


def write_report(store: RunStore, report: Report) -> None:
    """Write `report.json` and `report.md`, each whole or not at all, then `items.jsonl`.

    The report holds aggregates only; inputs and answers lie in `items.jsonl`, so that a report can
    be shared without the data.
    """
    store.write_json("report.json", report.model_dump(mode="json"))
    store.write_text("report.md", markdown_report(report))
    store.write_text("items.jsonl", _items(store))


def _items(store: RunStore) -> str:
    """One line for each answer on dev and test: cell, item, text, scores."""
    lines = []
    for found in store.measurements():
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
