"""Closed forms on layers that they were not fitted to, beside a trace of the real ones.

    python -m results.fit.families

Models whose family is none of those that forms were fitted to, one of each model type that can be
traced; writes families.md. What forms fall short by is what `advisor.fit.STAND_IN` adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from knowledge.load import model_cards
from knowledge.records import ModelCard
from probes.footprint.closed_form import is_fitted, places
from probes.footprint.run import footprints
from probes.footprint.settings import Architecture, Setting

PAGE = Path("results/fit/families.md")
SETTINGS = tuple(
    Setting.model_validate({"method": method, "seq_len": length, "batch": batch} | more)
    for length, batch in ((512, 4), (2048, 1))
    for method, more in (
        ("lora", {}),
        ("lora", {"checkpointing": True}),
        ("qlora", {"checkpointing": True, "loss": "chunked"}),
        ("full", {"checkpointing": True}),
        ("inference", {"new_tokens": 128}),
    )
)


def smallest_of_each() -> dict[str, ModelCard]:
    """By model type the card of the fewest parameters, of types that forms were not fitted to."""
    found: dict[str, ModelCard] = {}
    for card in sorted(model_cards().values(), key=lambda card: -card.n_params):
        architecture = Architecture.of_card(card)
        if not is_fitted(architecture) and not architecture.stands_in:
            found[architecture.config["model_type"]] = card
    return dict(sorted(found.items()))


def errors(card: ModelCard) -> list[tuple[Setting, float]]:
    """Of every setting, the closed form over the trace, less 1."""
    architecture = Architecture.of_card(card)
    traced = footprints(architecture, SETTINGS)
    forms = [max(places(architecture, setting).values()) for setting in SETTINGS]
    return [
        (setting, form / trace.allocated_bytes - 1)
        for setting, form, trace in zip(SETTINGS, forms, traced, strict=True)
    ]


def page() -> Iterator[str]:
    """The table, a row for each model."""
    yield "# Closed forms on layers that they were not fitted to"
    yield ""
    yield f"Made by `python -m results.fit.families`: {len(SETTINGS)} settings of each model"
    yield "(LoRA, QLoRA, full, inference; 4 rows of 512 tokens, one of 2,048). Peak of live bytes"
    yield "by the form over that of a trace of the real layers, in percent."
    yield ""
    yield "| model type | model | lowest | median | highest |"
    yield "|---|---|---|---|---|"
    for kind, card in smallest_of_each().items():
        off = [100 * error for _, error in errors(card)]
        row = f"{min(off):+.1f} | {median(off):+.1f} | {max(off):+.1f}"
        yield f"| {kind} | {card.name} | {row} |"
    yield ""
    others = sorted({card.family or name for name, card in model_cards().items() if _unknown(card)})
    yield f"Not traced, and taken for Llama's: {', '.join(others)}."


def _unknown(card: ModelCard) -> bool:
    return Architecture.of_card(card).stands_in


def main() -> None:
    """Prints and writes the page."""
    text = "\n".join(page()) + "\n"
    print(text)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
