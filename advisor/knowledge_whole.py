"""One record of what is believed, whole, as lines of a terminal: not yet made safe for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from advisor.knowledge_index import KINDS, Known, named_by
from advisor.knowledge_text import counted, record_title, rule_text
from knowledge.records import Fact, Ladder, ModelCard, Source
from knowledge.statements import (
    DUE_DAYS,
    Cause,
    Claim,
    Effect,
    FailureMode,
    MethodCard,
    Reference,
    Scope,
    Symptom,
    age_days,
    stale,
)

if TYPE_CHECKING:
    from advisor.rules import Rule

LASTS = {
    "durable": "should outlive today's models",
    "direction": "its direction should outlive today's models, its size should not",
    "perishable": "holds for today's models",
}
READ = {
    "whole": "read whole",
    "abstract": "its abstract read",
    "secondary": "read at second hand",
    "computed": "computed from its tables",
    "project": "measured by this project",
}


def record_lines(known: Known, kind: str, name: str, record: Fact, today: date) -> Iterator[str]:
    """A record whole, and what names it."""
    topic = f", {record.topic}" if isinstance(record, Claim) else ""
    yield from (f"{name} ({KINDS[kind]}{topic})", "")
    yield from LINES[kind](record, known, today)
    if naming := named_by(known, kind, name):
        yield from _listed("Named by", naming)


def _claim(claim: Claim, known: Known, today: date) -> Iterator[str]:
    age = counted(age_days(claim, today), "day")
    due = ", due for another look" if stale((claim,), today, DUE_DAYS) else ""
    yield from (claim.statement, "")
    yield f"Grade: {claim.grade}"
    yield f"Status: {claim.status}"
    yield f"Lasts: {claim.lasts} ({LASTS[claim.lasts]})"
    yield f"Checked: {claim.checked}, {age} ago{due}"
    if scope := scope_text(claim.scope):
        yield f"Seen on: {scope}"
    yield from _listed("Figures", map(effect_text, claim.effects))
    yield from _listed("Sources", [source_text(each) for each in claim.sources] or ["none"])
    yield from _listed("Against it", map(source_text, claim.against))
    if claim.note:
        yield from ("", f"Note: {claim.note}")
    yield from ("", f"Re-test by {claim.retest.by}: {claim.retest.how}")


def scope_text(scope: Scope) -> str:
    """Where a claim was seen to hold, in words; '' where it is not limited."""
    parts = []
    if scope.task_types:
        parts.append(", ".join(scope.task_types))
    if scope.params_b:
        low, high = scope.params_b
        size = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        parts.append(f"{size} billion parameters")
    if scope.rows:
        parts.append(f"{scope.rows[0]:,} to {scope.rows[1]:,} training examples")
    return "; ".join([*parts, *filter(None, [scope.where])])


def effect_text(effect: Effect) -> str:
    """A figure with its interval and its n."""
    ends = [end for end in (effect.low, effect.high) if end is not None]
    both = len(ends) == 2
    end = f" [{_number(ends[0])}, {_number(ends[1])}]" if both else ""
    if ends and not both:
        end = f" ({'from' if effect.high is None else 'up to'} {_number(ends[0])})"
    n = f" (n={effect.n:,})" if effect.n else ""
    return f"{effect.what}: {_number(effect.value)}{end} {effect.unit}{n}"


def _number(value: float) -> str:
    return f"{value:,.10g}"


def source_text(source: Source) -> str:
    """A source in one line: title, part, address, date, how it was read and when."""
    parts = [source.title, source.part]
    parts += [f"arXiv:{source.arxiv}" if source.arxiv else "", source.url, source.published or ""]
    if isinstance(source, Reference):
        parts.append(READ[source.reading])
    return "; ".join([*filter(None, parts), f"checked {source.checked}"])


def _method(card: MethodCard, known: Known, today: date) -> Iterator[str]:
    yield from (card.title, "")
    measured = ", ".join(card.measured_by)
    yield f"Measured by: {measured or 'no method of a probe yet'}"
    yield f"Changes: {card.changes}"
    yield f"Data: {card.data}"
    yield f"Risk: {card.risk}"
    yield f"Cost: {card.cost}"
    yield from _listed("Fits", card.fits)
    yield from _listed("Does not fit", card.fits_not)
    settings = [f"{each.name}: {each.value} ({each.claim})" for each in card.settings]
    yield from _listed("Typical settings", settings)
    yield from _listed("Prone to", (_titled(known.failures, each) for each in card.failures))
    yield from _rests_on(card.claims, known, today)


def _failure(failure: FailureMode, known: Known, today: date) -> Iterator[str]:
    yield from (failure.title, "", failure.what)
    yield from _listed("Signs", failure.signs)
    yield from _pointing(failure.findings, failure.audit)
    yield from ("", f"Fix: {failure.fix}")
    yield from _rests_on(failure.claims, known, today)


def _symptom(symptom: Symptom, known: Known, today: date) -> Iterator[str]:
    yield from (symptom.title, "", symptom.looks_like)
    for at, cause in enumerate(symptom.causes, start=1):
        yield from ("", f"Cause {at}: {cause.what}")
        yield from _cause(cause)


def _cause(cause: Cause) -> Iterator[str]:
    yield f"  - measure: {cause.measure}"
    yield f"  - speaks for it: {cause.tells}"
    if cause.findings:
        yield f"  - findings: {', '.join(cause.findings)}"
    if cause.claims:
        yield f"  - claims: {', '.join(cause.claims)}"


def _model(card: ModelCard, known: Known, today: date) -> Iterator[str]:
    revision = f" at {card.revision}" if card.revision else ""
    yield f"From: {card.source}, {card.location}{revision}"
    yield f"Parameters: {card.n_params:,}"
    yield f"Context: {card.context_tokens:,} tokens"
    heads = f"{card.n_heads} heads ({card.n_kv_heads} of keys and values)"
    if card.head_size:
        heads += f" of {card.head_size}"
    yield (
        f"Shape: {counted(card.n_layers, 'layer')}, width {card.hidden_size:,}"
        f" ({card.intermediate_size:,} inside), {heads}, vocabulary {card.vocab_size:,}"
    )
    tied = {True: "one matrix", False: "two matrices", None: "not looked up"}
    yield f"Embeddings in and out: {tied[card.tied_embeddings]}"
    yield f"Family: {card.family or 'not recorded'}"
    yield f"Chat template: {card.chat_template or 'none recorded'}"
    yield f"Languages: {', '.join(card.languages) or 'none recorded'}"
    yield f"Licence: {card.licence}"
    sources = filter(None, (card.evidence, card.licence_source))
    yield from _listed("Sources", map(source_text, sources))
    yield from _rests_on(card.tunability, known, today, "How it takes to tuning")


def _ladder(row: Ladder, known: Known, today: date) -> Iterator[str]:
    yield row.title
    if row.rehearsal:
        yield "A rehearsal: a verdict holds for these models only and says nothing of real ones."
    yield from _listed(
        "Rungs, smallest first", (_titled(known.models, name) for name in row.models)
    )
    yield from _listed("Source", [source_text(row.evidence)])


LINES: dict[str, Callable[[Any, Known, date], Iterator[str]]] = {
    "claims": _claim,
    "methods": _method,
    "models": _model,
    "ladders": _ladder,
    "symptoms": _symptom,
    "failures": _failure,
}
"""How a record of each kind is told."""


def _listed(heading: str, entries: Iterable[str]) -> Iterator[str]:
    lines = [f"- {entry}" for entry in entries]
    if lines:
        yield from ("", f"{heading}:", *lines)


def _titled(records: Mapping[str, Fact], name: str) -> str:
    return f"{name}: {record_title(records[name])}" if name in records else name


def _pointing(findings: Sequence[str], audit: Sequence[str]) -> Iterator[str]:
    yield from _listed("Findings of a report that point to it", findings)
    yield from _listed("Findings of `advisor audit` that point to it", audit)


def _rests_on(
    names: Iterable[str], known: Known, today: date, heading: str = "Rests on"
) -> Iterator[str]:
    yield from _listed(heading, (claim_text(known.claims.get(each), each, today) for each in names))


def claim_text(claim: Claim | None, name: str, today: date) -> str:
    """A claim in a line, as what something rests on."""
    if claim is None:
        return f"{name} (no such claim in this version)"
    age = counted(age_days(claim, today), "day")
    return f"{name}: {claim.statement} ({claim.grade}, {claim.status}, checked {age} ago)"


def rule_lines(rule: Rule, known: Known, today: date) -> Iterator[str]:
    """What a rule does, how strong it is, and the claims behind it."""
    yield from (f"{rule.name} (rule)", "")
    for paragraph in rule_text(rule).split("\n\n"):
        yield from (" ".join(paragraph.split()), "")
    yield f"Strength: {rule.strength}"
    if rule.claims:
        yield from _rests_on(rule.claims, known, today)
    else:
        yield from ("", "Rests on no claim.")
