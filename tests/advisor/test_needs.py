"""What the spec's needs rule out by licence."""

from __future__ import annotations

from advisor.needs import CONDITIONAL, NON_COMMERCIAL, PERMISSIVE
from knowledge.load import model_cards


def test_every_licence_of_a_card_is_of_one_kind() -> None:
    """A spelling that `needs` does not know would let a forbidden model pass."""
    kinds = (NON_COMMERCIAL, CONDITIONAL, PERMISSIVE)
    for card in model_cards().values():
        assert sum(card.licence.lower() in kind for kind in kinds) == 1, card.licence


def test_the_model_that_forbids_commerce_is_found() -> None:
    barred = {c.name for c in model_cards().values() if c.licence.lower() in NON_COMMERCIAL}
    assert barred == {"Qwen2.5-3B-Instruct"}
