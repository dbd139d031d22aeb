"""A small knowledge base of the tests' own: one record of each kind, two claims."""

from __future__ import annotations

from typing import Any

from advisor.knowledge_index import Known
from advisor.rules import Asked, Rule, Ruling
from knowledge.records import Ladder, ModelCard
from knowledge.statements import Claim, Coverage, FailureMode, MethodCard, Symptom


def prefer_adapters(asked: Asked) -> Ruling | None:
    """Tune an adapter, not all weights.

    It costs less,
    and forgets less.
    """
    return Ruling("adapters do") if asked.method == "full" else None


ADAPTERS: dict[str, Any] = {
    "id": "adapters-forget-less",
    "statement": "Adapters of low rank forget less than full tuning does.",
    "topic": "tuning",
    "scope": {"task_types": ["code"], "params_b": [7, 7], "rows": [1000, 20000], "where": "two"},
    "effects": [
        {"what": "points lost", "value": 1.5, "low": -0.5, "high": 3, "unit": "points", "n": 1200},
        {"what": "time taken", "value": 0.5, "high": 0.6, "unit": "ratio"},
    ],
    "sources": [
        {
            "title": "On {50 %} & more",
            "arxiv": "2401.00001",
            "published": "2024-01-02",
            "part": "Table 3",
            "reading": "whole",
            "checked": "2026-01-01",
        }
    ],
    "grade": "primary",
    "lasts": "durable",
    "status": "relaxed",
    "against": [
        {
            "title": "A rejoinder",
            "url": "https://x.org/a_b",
            "reading": "abstract",
            "checked": "2026-01-01",
        }
    ],
    "note": "Relaxed for zebras.",
    "retest": {"by": "probe", "how": "Run a probe with both methods."},
    "checked": "2026-01-01",
}
HEARSAY: dict[str, Any] = {
    "id": "labels-are-enough",
    "statement": "Fifty labels are said to be enough.",
    "topic": "data",
    "grade": "ungrounded",
    "lasts": "perishable",
    "status": "holds",
    "retest": {"by": "reading", "how": "Look for a measurement of it."},
    "checked": "2026-03-01",
}
METHOD: dict[str, Any] = {
    "id": "adapters",
    "title": "Adapters",
    "measured_by": ["lora"],
    "changes": "A few weights beside the others.",
    "fits": ["A narrow task with rows."],
    "fits_not": ["Facts that change daily."],
    "data": "A thousand rows or more.",
    "risk": "A learning rate that is too high.",
    "cost": "Once, by the rows that are read.",
    "settings": [{"name": "rank", "value": "8 to 16", "claim": "labels-are-enough"}],
    "failures": ["adapters-forget-less"],
    "claims": ["adapters-forget-less", "a-claim-of-later"],
}
FAILURE: dict[str, Any] = {
    "id": "adapters-forget-less",
    "title": "Named as the claim is",
    "what": "Something goes wrong with it.",
    "signs": ["The form breaks."],
    "findings": ["lost-ability"],
    "audit": ["leak"],
    "fix": "Lower the learning rate.",
}
SYMPTOM: dict[str, Any] = {
    "id": "same-answers",
    "title": "The same answers again",
    "looks_like": "Every answer begins alike.",
    "causes": [
        {
            "what": "Too few rows",
            "measure": "The share of repeats.",
            "tells": "It is above a half.",
            "findings": ["data-limited"],
            "claims": ["labels-are-enough"],
        },
        {"what": "Wrong template", "measure": "The rendered prompt.", "tells": "It differs here."},
    ],
}
MODEL: dict[str, Any] = {
    "name": "Tiny-7M",
    "source": "hub",
    "location": "maker/Tiny-7M",
    "n_params": 7_000_000,
    "n_layers": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "n_heads": 4,
    "n_kv_heads": 2,
    "vocab_size": 1000,
    "context_tokens": 2048,
    "licence": "MIT",
    "tunability": ["adapters-forget-less"],
    "evidence": {"title": "A card", "url": "https://x.org", "checked": "2026-01-01"},
}
RULES = {
    "prefer-adapters": Rule(
        "prefer-adapters", prefer_adapters, ("adapters-forget-less",), "strong"
    ),
    "no-grounds": Rule("no-grounds", prefer_adapters, (), "weak"),
}


def small() -> Known:
    """All of these records together."""
    claims = [Claim.model_validate(row) for row in (ADAPTERS, HEARSAY)]
    ladder = {
        "name": "tiny", "title": "Tiny ones", "models": ["Tiny-7M"], "evidence": MODEL["evidence"]
    }  # fmt: skip
    covered = [
        {"document": "s1", "statement": "LoRA | forgets less", "claims": ["adapters-forget-less"]},
        {"document": "s2", "statement": "Buy now", "left_out": "an advert, *no* statement"},
    ]
    return Known(
        claims={claim.id: claim for claim in claims},
        methods={"adapters": MethodCard.model_validate(METHOD)},
        models={"Tiny-7M": ModelCard.model_validate(MODEL)},
        ladders={"tiny": Ladder.model_validate(ladder)},
        symptoms={"same-answers": Symptom.model_validate(SYMPTOM)},
        failures={"adapters-forget-less": FailureMode.model_validate(FAILURE)},
        coverage=tuple(Coverage.model_validate(row) for row in covered),
        rules=RULES,
    )
