"""The laboratory's own task families: a module each, with a generator and what is asked."""

from __future__ import annotations

from importlib import import_module
from random import Random

from probes.lab.family import SPARE, Family, Row

NAMES: tuple[str, ...] = (
    # classification
    *("shelf-table", "pair-grid", "parcel-grade", "full-cart"),
    *("hidden-desk", "guest-badge", "kind-cards", "vendor-codes", "house-rules"),
    # extraction
    *("pipe-line", "three-fields", "second-order", "two-scribes", "nonsense-verbs"),
    # qa
    *("lodgers", "far-cellar", "old-faces", "minor-folk"),
    *("town-codes", "crowded-room", "gossip", "twice-told"),
    # reasoning
    *("chain-of-command", "three-hops", "who-has-more", "wide-sums"),
    *("clock-face", "odd-ones", "reverse-roll"),
    # generation, most of it with a checker
    *("seating", "basket", "road-plan", "exact-change", "dispatch-note"),
    # function-calling
    *("book-order", "rare-functions", "total-call", "stock-call", "split-desk", "ledger-call"),
)
"""Every family, by task type. A name is the module's, with dashes."""


def family(name: str) -> Family:
    """What is asked of a family.

    Raises:
        ModuleNotFoundError: no such family.
    """
    module = _module(name)
    scorer: tuple[str, ...] = ()
    if module.SPEC["metric"] == "command":
        scorer = ("python", "-m", "results.lab.check", name)
    return Family(
        name=name,
        claim=module.CLAIM,
        scorer=scorer,
        **module.SPEC,
        **({"n_train": module.N_TRAIN} if hasattr(module, "N_TRAIN") else {}),
    )


def rows(name: str, seed: int = 0) -> list[Row]:
    """One draw of a family: always the same rows for a seed."""
    made = _module(name).rows(Random(f"{name}/{seed}"), family(name).n_rows + SPARE)
    return [
        Row(input=row.input, output=row.output, group=row.group, passages=row.passages)
        for row in made
    ]


def checker(name: str):  # type: ignore[no-untyped-def]
    """The function (input, answer) -> (form, score) of a family with a checker."""
    return _module(name).feasible


def _module(name: str):  # type: ignore[no-untyped-def]
    return import_module(f"results.lab.families.{name.replace('-', '_')}")
