"""The report for people, in Markdown: verdict first, then the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.records import CurvePoint, Option, Report
from advisor.report.audit_text import audit_markdown
from advisor.report.ledger import ledger_table
from advisor.report.sections import arms, documents, interval, memory, speed, wrong_answers
from probes.sinks import markdown


def markdown_report(report: Report) -> str:
    """The report as Markdown. Text from data and specs is escaped, so that it stays text."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    advice = report.advice
    yield f"# {markdown(report.spec.name)}: {markdown(advice.headline)}"
    yield ""
    if report.status == "partial":
        yield "> **Unfinished.** The test split is unopened; start the probe again to go on."
        yield ""
    if report.rehearsal:
        yield "> **Rehearsal.** The rungs are the project's own pocket models. The verdict holds"
        yield "> for them only and says nothing about real models."
        yield ""
    yield f"- **Verdict:** {advice.verdict}"
    yield f"- **Confidence:** P(target met) = {advice.confidence:.2f} on dev{_test_note(report)}"
    yield f"- **Why not cheaper:** {markdown(advice.why_not_cheaper)}"
    yield f"- **Why not bigger:** {markdown(advice.why_not_bigger)}"
    if chosen := [option for option in report.options if option.name == advice.option]:
        yield from memory(chosen[0])
    if advice.ceilings:
        yield f"- **What binds:** {', '.join(advice.ceilings)}"
    if advice.runners_up:
        yield f"- **Runners-up:** {markdown(', '.join(advice.runners_up))}"
    yield f"- **Next step:** {markdown(advice.next_step)}"
    for work in advice.data_work:
        yield f"- **Data work:** {markdown(work)}"
    for flip in advice.what_would_change_it:
        yield f"- **What would change it:** {markdown(flip)}"
    yield f"- **Holds for:** {markdown(advice.domain)}"
    yield ""
    yield from _reasons(report)
    yield from _options(report.options, report.spec.target)
    yield from arms(report)
    yield from speed(report.options)
    yield from _comparisons(report)
    yield from _findings(report)
    yield from wrong_answers(report)
    yield from documents(report)
    yield from _curves(report.curves)
    yield from _data(report)
    if report.audit is not None:
        yield from audit_markdown(report.audit, level=2)
    yield from ledger_table(report.ledger)
    yield from _run(report)


def _test_note(report: Report) -> str:
    confirmed = report.advice.confirmed_on_test
    if confirmed is None:
        return ", neither confirmed nor refuted on test"
    return ", confirmed on test" if confirmed else ", NOT confirmed on test"


def _reasons(report: Report) -> Iterator[str]:
    yield "## Reasons"
    yield ""
    for reason in report.advice.reasons:
        yield f"- {markdown(reason.text)} ({_cite(reason.evidence)})"
    yield ""


def _cite(evidence: Sequence[str]) -> str:
    shown = ", ".join(f"`{identifier}`" for identifier in evidence[:6])
    return shown + (f" and {len(evidence) - 6} more" if len(evidence) > 6 else "")


def _options(options: Sequence[Option], target: float) -> Iterator[str]:
    yield "## Options, cheapest first"
    yield ""
    yield (
        "| option | quality on dev, % | n | runs | form, % | content, % |"
        f" P(≥ {100 * target:.0f} %) | quality on test, % | n | training, USD |"
        " serving, USD/month |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for option in options:
        test_n = str(option.test.n) if option.test else "–"
        yield (
            f"| {markdown(option.name)}{' (ruled out)' * bool(option.barred)}"
            f" | {interval(option.quality)} | {option.quality.n}"
            f" | {option.n_runs} | {100 * option.form.value:.1f} | {100 * option.content.value:.1f}"
            f" | {option.p_meets:.2f} | {interval(option.test)} | {test_n}"
            f" | {option.price.training_usd:.2g} | {_usd(option.price.serving_usd_per_month)} |"
        )
    yield ""
    if options:
        own = [option for option in options if option.method != "existing"] or options
        machine = markdown(own[0].price.machine)
        yield f"Prices: {machine}, shared by the second. Intervals are 95 %."
        yield ""


def _usd(price: float | None) -> str:
    return "unknown" if price is None else f"{price:.2g}"


def _comparisons(report: Report) -> Iterator[str]:
    if not report.comparisons:
        return
    yield "## The chosen option against the others, on the same items"
    yield ""
    yield "| split | better | worse | difference, points | adjusted p | test |"
    yield "|---|---|---|---|---|---|"
    for row in report.comparisons:
        yield (
            f"| {row.split} | {markdown(row.better)} | {markdown(row.worse)}"
            f" | {interval(row.difference)} | {row.p_value:.4f} | {markdown(row.test)} |"
        )
    yield ""


def _findings(report: Report) -> Iterator[str]:
    yield "## Findings"
    yield ""
    if not report.findings:
        yield "None."
    for finding in report.findings:
        enough = f" Enough would be: {markdown(finding.enough)}." if finding.enough else ""
        cited = f" ({_cite(finding.evidence)})" if finding.evidence else ""
        yield f"- **{finding.kind}**: {markdown(finding.text)}.{enough}{cited}"
    yield ""


def _curves(curves: Sequence[CurvePoint]) -> Iterator[str]:
    if not curves:
        return
    yield "## Learning curves of LoRA, dev"
    yield ""
    yield "| rung | training examples | quality, % | n | interval |"
    yield "|---|---|---|---|---|"
    for point in curves:
        yield (
            f"| {markdown(point.rung)} | {point.n_train} | {interval(point.quality)}"
            f" | {point.quality.n} | {markdown(point.quality.basis)} |"
        )
    yield ""


def _data(report: Report) -> Iterator[str]:
    data = report.data
    yield "## Data"
    yield ""
    yield (
        f"{data.n_train} train, {data.n_dev} dev and {data.n_test} test items, split by hash of the"
        " input. Smallest paired difference that the items used can show (80 % power, 20 % of items"
        f" differing): {100 * data.detectable_difference_dev:.1f} points on dev,"
        f" {100 * data.detectable_difference_test:.1f} on test."
    )
    yield ""
    for note in data.notes:
        yield f"- {markdown(note)}"
    for opening in report.test_openings:
        names = ", ".join(str(name) for name in opening.get("options", []))
        yield f"- test opened {opening.get('time', '(damaged record)')} for {markdown(names)}"
    yield ""


def _run(report: Report) -> Iterator[str]:
    cost, provenance = report.cost, report.provenance
    yield "## Run"
    yield ""
    cells = ", ".join(f"{count} {status}" for status, count in report.cells.items())
    yield f"- cells: {cells}"
    yield (
        f"- planned {report.planned_seconds:.0f} s of wall time; cells took {cost.wall_s:.0f} s of"
        f" worker time, {cost.cpu_s:.0f} CPU-s, {cost.train_tokens:,} training tokens,"
        f" peak {cost.peak_memory_bytes / 1e9:.2f} GB a worker"
    )
    yield f"- advisor {provenance.advisor_version}, commit {provenance.commit or 'unknown'}"
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    yield f"- {markdown(versions)}, Python {provenance.python}"
    yield f"- machine: {markdown(str(provenance.machine.get('cpu')))}; seed {provenance.seed}"
    yield f"- started {provenance.started}, finished {provenance.finished}"
    for note in report.not_run:
        yield f"- not run: {markdown(note)}"
