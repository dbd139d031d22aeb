"""Which options the spec's needs and budgets rule out, and why."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.records import Price, Takes
from advisor.room import does_not_fit
from knowledge.records import ModelCard
from probes.records import Latency, Measurement
from probes.task import TRAINED, TaskSpec

NON_COMMERCIAL = frozenset({"qwen-research", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "research-only"})
"""Licences of model cards, in small letters, that forbid commercial use."""
CONDITIONAL = frozenset(
    {"qwen", "gemma", "llama-3.1-community", "llama-3.2-community", "llama-3.3-community"}
)
"""Licences that allow it on conditions: forbidden uses, and for Llama and Qwen very many users."""
PERMISSIVE = frozenset({"apache-2.0", "mit"})
"""Licences that allow it without conditions on use."""
STALE = frozenset({"weekly", "daily"})
"""Knowledge that changes so often is not trained into weights where documents can be searched."""


def too_dear(price: Price, spec: TaskSpec) -> list[str]:
    """Which of the spec's budgets an option passes, in words."""
    budget, month = spec.budget, price.serving_usd_per_month
    reasons = []
    if budget.training_usd is not None and price.training_usd > budget.training_usd:
        reasons.append(
            f"training costs {price.training_usd:.2g} USD, {budget.training_usd:g} are allowed"
        )
    if budget.serving_usd_per_month is not None:
        allowed = f"{budget.serving_usd_per_month:g} are allowed"
        if month is None:
            reasons.append(f"what serving costs is unknown, {allowed}")
        elif month > budget.serving_usd_per_month:
            reasons.append(f"serving costs {month:.2g} USD a month, {allowed}")
    return reasons


def too_large(memory: Sequence[Takes]) -> list[str]:
    """Why an option does not fit its card, in words; nothing where it fits, even if tightly."""
    return [does_not_fit(each) for each in memory if each.verdict == "does-not-fit"][:1]


def barred(run: Measurement, card: ModelCard | None, spec: TaskSpec) -> list[str]:
    """Which of the spec's needs rule an option out, in words; nothing where it may be chosen.

    Latency counts only where the machine that measured is the one that would serve.
    """
    needs, method = spec.needs, run.cell.method
    reasons: list[str] = []
    if card is not None:
        reasons += filter(None, [forbidden_by_licence(card, spec)])
    outside = [s for s in spec.systems if s.name == run.cell.rung and not s.on_premises]
    if needs.on_premises and method == "existing" and outside:
        reasons.append("the data would leave the premises")
    if needs.max_latency_s is not None and spec.hardware.gpu is None:
        reasons += _too_slow(run.latency, needs.max_latency_s)
    closed = "context" not in run.cell.params
    if needs.knowledge_changes in STALE and spec.data.documents and closed and method in TRAINED:
        reasons.append(trained_in(spec))
    return reasons


def forbidden_by_licence(card: ModelCard, spec: TaskSpec) -> str:
    """Why the licence rules the model out; empty where it does not."""
    if spec.needs.commercial and card.licence.lower() in NON_COMMERCIAL:
        return f"its licence ({card.licence}) allows no commercial use"
    return ""


def trained_in(spec: TaskSpec) -> str:
    """Why facts that change are not trained into weights, in words."""
    return (
        f"facts that change {spec.needs.knowledge_changes} would be trained into the weights;"
        " the documents can be searched instead"
    )


def _too_slow(latency: Latency | None, limit_s: float) -> list[str]:
    allowed = f"{limit_s:g} s are allowed"
    if latency is None:
        return [f"how long one answer takes is unknown, {allowed}"]
    slow_s = latency.p95_s or latency.p50_s
    if slow_s <= limit_s:
        return []
    basis = f"{'95th percentile' if latency.p95_s else 'median'} of {latency.n}"
    return [f"one answer takes {slow_s:.2g} s here ({basis}), {allowed}"]
