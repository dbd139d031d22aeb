"""Sections of the Markdown report: the arms of retrieval, speed, wrong answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisor.records import Option, Report
from advisor.room import taken_text
from probes.records import Estimate
from probes.retrieval_text import health_text
from probes.sinks import markdown


def interval(estimate: Estimate | None) -> str:
    """`93.1 [90.2, 95.3]` in percent, `–` for nothing."""
    if estimate is None:
        return "–"
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def memory(option: Option) -> Iterator[str]:
    """What training and serving the option take on the card, where there is one."""
    if option.memory:
        yield f"- **Memory:** {markdown(taken_text(option.memory))}"


def arms(report: Report) -> Iterator[str]:
    """Closed book, retrieved and oracle side by side, with what search found."""
    oracles = {d.rung: d.quality for d in report.diagnoses if d.method == "oracle"}
    retrieved = {o.rung: o for o in report.options if o.method == "rag"}
    if not oracles and not retrieved:
        return
    yield "## Closed book, retrieved, oracle: dev, on the same items"
    yield ""
    yield "| rung | closed book, % | retrieved, % | oracle, % | n | search | recall, % |"
    yield "|---|---|---|---|---|---|---|"
    for rung in dict.fromkeys([*retrieved, *oracles]):
        closed = [
            option.quality
            for option in report.options
            if option.rung == rung and option.method in ("zero_shot", "few_shot")
        ]
        rag = retrieved.get(rung)
        best = max(closed, key=lambda quality: quality.value, default=None)
        some = best or (rag.quality if rag else oracles[rung])
        yield (
            f"| {markdown(rung)} | {interval(best)} | {interval(rag.quality if rag else None)}"
            f" | {interval(oracles.get(rung))} | {some.n} | {_search(rag)} | {_recall(rag)} |"
        )
    yield ""


def _search(rag: Option | None) -> str:
    if rag is None:
        return "–"
    params = rag.params
    return f"{params['retriever']}, k = {params['k']}" if "k" in params else "all passages"


def _recall(rag: Option | None) -> str:
    found = rag.figures if rag is not None else {}
    told = [f"@{name[7:]} {interval(f)}" for name, f in found.items() if name.startswith("recall@")]
    return ", ".join(told) or "–"


def speed(options: Sequence[Option]) -> Iterator[str]:
    """Latency at batch 1 and throughput at batch, as measured on this machine."""
    timed = [option for option in options if option.latency is not None]
    if not timed:
        return
    yield "## Speed on the machine that measured"
    yield ""
    yield (
        "| option | one request: median, s | 95th percentile, s | requests timed"
        " | output tokens/s in batches |"
    )
    yield "|---|---|---|---|---|"
    for option in timed:
        latency = option.latency
        assert latency is not None
        in_batches = f"{latency.tokens_per_s:.0f}" if latency.tokens_per_s else "–"
        yield (
            f"| {markdown(option.name)} | {latency.p50_s:.3g} | {_seconds(latency.p95_s)}"
            f" | {latency.n or 'as the spec says'} | {in_batches} |"
        )
    yield ""


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def wrong_answers(report: Report) -> Iterator[str]:
    """Kinds of wrong answers of the option that the advice is about, and what they go with."""
    mistakes = report.mistakes
    if mistakes is None or not mistakes.n_wrong:
        return
    yield f"## Wrong answers of {markdown(mistakes.option)}: dev"
    yield ""
    yield "| kind | items | of all answers, % | some of them |"
    yield "|---|---|---|---|"
    for cluster in mistakes.clusters:
        some = ", ".join(f"`{name}`" for name in cluster.item_ids[:3])
        yield f"| {cluster.kind} | {cluster.n} | {interval(cluster.share_of_all)} | {some} |"
    yield ""
    for topic in mistakes.topics:
        yield (
            f"- inputs with **{markdown(topic.term)}**: {topic.wrong_with} of {topic.n_with} wrong,"
            f" {topic.wrong_without} of {topic.n_without} without (adjusted p ="
            f" {topic.p_value:.3f})"
        )
    for pair in mistakes.confusions:
        yield f"- {markdown(pair.wanted)} taken for {markdown(pair.given)}: {pair.n}"
    if mistakes.suspects:
        some = ", ".join(f"`{name}`" for name in mistakes.suspects[:5])
        yield (
            f"- {len(mistakes.suspects)} reference(s) that the best options all contradict with one"
            f" and the same answer, worth a look: {some}"
        )
    yield "- texts: `wrong_answers.md` and `items.jsonl` beside this report"
    yield ""


def documents(report: Report) -> Iterator[str]:
    """How well the documents can be searched, and what to label first."""
    if report.retrieval is None:
        return
    yield "## Documents"
    yield ""
    for sentence in health_text(report.retrieval):
        yield f"- {markdown(sentence)}"
    yield ""
