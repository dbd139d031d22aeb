"""What a person reads: narration on stderr while it runs, the verdict on stdout at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import click

from advisor.decide import percent
from advisor.pace import Pace, cell_label
from advisor.records import DataSummary, Report, Takes
from advisor.report.audit_text import points, to_act_on
from advisor.room import taken_text
from probes.audit.records import Audit
from probes.records import Estimate, Event, Json
from probes.sinks import terminal

AUDIT_LINES = 3
"""Findings of the data audit that are told while a probe runs."""


class Narrator(Protocol):
    """Tells a person what happens; used as a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def data(self, summary: DataSummary) -> None:
        """Tell what the data are."""
        ...

    def event(self, event: Event) -> None:
        """Tell what has happened."""
        ...


def narrator(kind: str) -> Narrator:
    """`auto`: a bar with ETA on a terminal, else lines; `none`: silence."""
    if kind == "none":
        return Silent()
    return Bar() if sys.stderr.isatty() else Lines()


class Silent:
    """Tells nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def data(self, summary: DataSummary) -> None:
        """Nothing."""

    def event(self, event: Event) -> None:
        """Nothing."""


class Lines:
    """One line for each thing that happens, for logs."""

    def __init__(self) -> None:
        self.pace = Pace()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def say(self, text: str) -> None:
        """One line on stderr."""
        click.echo(terminal(text), err=True)

    def data(self, summary: DataSummary) -> None:
        """The sizes of the splits and what is noteworthy."""
        self.say(data_text(summary))

    def event(self, event: Event) -> None:
        """Finished and failed cells, the plan, the opening of the test split."""
        self.pace.event(event)
        text = event_text(event)
        if text:
            self.say(f"[{self.pace.done:4.0%}, {self.pace.left()} left] {text}")


class Bar(Lines):
    """A progress bar with ETA, the lines scrolling above it."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.console = Console(stderr=True, highlight=False)
        self.progress = Progress(
            TextColumn("{task.percentage:3.0f} %"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[left]} left", markup=False),
            TextColumn("{task.description}", markup=False),
            console=self.console,
        )
        self.bar = self.progress.add_task("starting", total=1.0, left="?")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def say(self, text: str) -> None:
        """One line above the bar, as plain text."""
        self.console.print(terminal(text), markup=False, soft_wrap=True)

    def event(self, event: Event) -> None:
        """A line for what is finished, the bar for what goes on."""
        self.pace.event(event)
        text = event_text(event)
        if text:
            self.say(text)
        where = self.pace.where()
        self.progress.update(
            self.bar, completed=self.pace.done, left=self.pace.left(), description=terminal(where)
        )


def _figure(payload: Json, name: str) -> str:
    if payload.get(name) is None:
        return "–"
    return f"{100 * Estimate.model_validate(payload[name]).value:.1f} %"


def event_text(event: Event) -> str:
    """The line of an event, "" for events that a person need not read."""
    payload = event.payload
    if event.kind == "run":
        return f"run: {payload['folder']}"
    if event.kind == "audit":
        return audit_text(Audit.model_validate(payload, strict=False))
    if event.kind == "plan":
        return plan_text(payload)
    if event.kind == "cell-finished" and not payload["cached"]:
        status = "" if payload["status"] == "ok" else f" {payload['status']}: {payload['cause']}"
        figures = f"quality {_figure(payload, 'quality')}, form {_figure(payload, 'form')}"
        return f"{cell_label(payload)}: {figures}{status} ({payload['wall_s']:.1f} s)"
    if event.kind == "cell-failed":
        return f"{cell_label(payload)}: {payload['cause']}; tried again"
    if event.kind == "note":
        return str(payload["text"])
    if event.kind == "test-opened":
        return f"test split opened for {', '.join(payload['options'])}"
    return ""


def audit_text(audit: Audit) -> str:
    """The dearest findings of the data audit in a few lines; "" where there is nothing to do."""
    found = to_act_on(audit)
    shown = [
        f"data audit: {each.kind}: {each.text}{f' ({cost})' if (cost := points(each.effect)) else ''}"
        for each in found[:AUDIT_LINES]
    ]
    if len(found) > AUDIT_LINES:
        shown.append(f"data audit: {len(found) - AUDIT_LINES} more; see `advisor audit`")
    return "\n".join(shown)


def data_text(summary: DataSummary) -> str:
    """The data in a few lines."""
    lines = [
        f"data: {summary.n_train} train, {summary.n_dev} dev, {summary.n_test} test items;"
        f" the smallest difference that can be shown is"
        f" {100 * summary.detectable_difference_dev:.1f} points on dev,"
        f" {100 * summary.detectable_difference_test:.1f} on test"
    ]
    lines += [f"data: {note}" for note in summary.notes]
    return terminal("\n".join(lines))


def plan_text(plan: Json) -> str:
    """The plan as a small table."""
    battery = plan["battery"]
    larger = battery.get("larger_trials") or battery["n_trials"]
    lines = [
        f"plan: {plan['cells']} cells, battery '{battery['name']}': {battery['n_trials']} trials"
        f" ({larger} on larger rungs),"
        f" fractions {', '.join(f'{f:g}' for f in battery['fractions'])} and 1,"
        f" {battery['seeds']} seeds; about {plan['seconds'] / 60:.1f} minutes of"
        f" {plan['budget_seconds'] / 60:g} ({plan['workers']} worker(s), {plan['threads']}"
        f" thread(s) each); {plan['price_note']}",
        f"  each option answers {plan['n_dev']} dev items, finalists {plan['n_test']} test items:"
        f" differences from {100 * plan['detectable_difference_dev']:.1f} points up can be shown",
        f"  {'rung':28} {'params':>12} {'cells':>6} {'tokens':>12} {'minutes':>8} {'memory':>9}",
    ]
    lines[2:2] = [f"  note: {note}" for note in plan["notes"]]
    for row in plan["rungs"]:
        lines.append(
            f"  {row['rung']:28} {row['n_params']:>12,} {row['cells']:>6} {row['tokens']:>12,}"
            f" {row['seconds'] / 60:>8.1f} {row['memory_bytes'] / 1e9:>6.2f} GB"
        )
    lines += _on_card(plan["rungs"])
    return terminal("\n".join(lines))


def _on_card(rungs: Sequence[Json]) -> Iterator[str]:
    """What tuning and serving take on the card: the most where all fits, else who does not fit."""
    found = [
        (row["rung"], Takes.model_validate(taken, strict=False))
        for row in rungs
        for taken in row.get("on_card", [])
    ]
    most: dict[str, Takes] = {}
    for _, each in found:
        most[each.way] = max(each, most.get(each.way, each), key=lambda taken: taken.safe_bytes)
    short = [(rung, each) for rung, each in found if each.verdict != "fits"]
    for rung, each in short:
        yield f"  {rung} on {taken_text([each])}"
    if found and not short:
        yield f"  the largest rung on {taken_text(list(most.values()))}"


def verdict_text(folder: Path) -> str:
    """The report's verdict and options for a terminal."""
    report = Report.model_validate_json((folder / "report.json").read_bytes())
    advice = report.advice
    lines = ["", advice.headline, ""]
    if report.status == "partial":
        lines.insert(1, "UNFINISHED run; start the probe again to go on")
    for option in report.options:
        mark = "*" if option.name == advice.option else " "
        tested = f"; test {percent(option.test)}" if option.test else ""
        lines.append(
            f" {mark} {option.name:28} dev {percent(option.quality)};"
            f" P(meets) {option.p_meets:.2f}{tested}"
        )
    lines.append("")
    lines += [
        f"memory:          {taken_text(option.memory)}"
        for option in report.options
        if option.name == advice.option and option.memory
    ]
    lines.append(f"why not cheaper: {advice.why_not_cheaper}")
    lines += [f"why not bigger:  {advice.why_not_bigger}"]
    lines += [f"finding:         {finding.kind}: {finding.text}" for finding in report.findings]
    lines += [f"would change it: {flip}" for flip in advice.what_would_change_it]
    lines += [f"next:            {advice.next_step}", f"holds for:       {advice.domain}"]
    lines += ["", f"report: {folder / 'report.md'} (and report.json)"]
    return terminal("\n".join(lines))
