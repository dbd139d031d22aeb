"""From what `advisor fit` is asked to its answers: cards, settings, and the card at hand."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.fit import Fit, Work, fit
from knowledge.cost import Place, place
from knowledge.errors import UserError
from knowledge.load import ladder, model_cards
from knowledge.machine_names import machine_named
from knowledge.records import ModelCard
from probes.footprint.settings import Architecture, Setting
from probes.hardware.reading import known_as, read_hardware


@dataclass(frozen=True)
class Spot:
    """A card, and what is free on it."""

    place: Place
    available_bytes: int
    told: str
    """Where the figure is from."""


def where(gpu: str | None, usd_per_hour: float | None) -> Spot:
    """The card that is named, all of it free; else the first one of this machine.

    Raises:
        UserError: E-HARDWARE-UNKNOWN, E-HARDWARE-AMBIGUOUS; E-FIT-NO-CARD, none is named and none
            is here, or it is not in the table.
    """
    if gpu is not None:
        machine = machine_named(gpu)
        if machine.kind != "cuda":
            raise UserError(
                "E-FIT-NO-CARD",
                f"{machine.name} is no CUDA card, and nothing is known of other allocators",
                place="--gpu",
                hint="name a CUDA card",
            )
        told = f"all of {machine.name}, which is not looked at"
        return Spot(place(machine, usd_per_hour), machine.total_bytes, told)
    cards = read_hardware().gpus
    if not cards:
        raise UserError(
            "E-FIT-NO-CARD",
            "no GPU was found here",
            place="--gpu",
            hint="name one, such as --gpu rtx-4090; `advisor doctor` says what was looked for",
        )
    known = known_as(cards[0])
    if isinstance(known, str):
        raise UserError(
            "E-FIT-NO-CARD", f"{cards[0].name}: {known}", place="--gpu", hint="name one"
        )
    free = cards[0].free_bytes
    if free is None:
        told = f"all of {known.name}: what is free could not be read"
        return Spot(place(known, usd_per_hour), known.total_bytes, told)
    return Spot(place(known, usd_per_hour), free, f"free now, by {cards[0].taken_from}")


def cards_named(names: Sequence[str], of_ladder: str | None) -> list[ModelCard]:
    """Models by name or Hub id, or those of a ladder.

    Raises:
        UserError: E-MODEL-UNKNOWN, with near names; E-MODEL-QUANTISED; E-LADDER-UNKNOWN.
    """
    cards = model_cards()
    if not names:
        return [cards[name] for name in ladder(of_ladder or "qwen2.5").models]
    found = []
    for name in names:
        wanted = name.casefold()
        same = [c for c in cards.values() if wanted in (c.name.casefold(), c.location.casefold())]
        if not same:
            near = difflib.get_close_matches(name, list(cards), n=3, cutoff=0.4)
            raise UserError(
                "E-MODEL-UNKNOWN",
                f"no model is called '{name[:80]}'",
                place="--model",
                hint=f"near it are {', '.join(near)}"
                if near
                else "see `advisor knowledge list models`",
            )
        if same[0].source == "gguf-package":
            raise UserError(
                "E-MODEL-QUANTISED",
                f"{same[0].name} is a file of 4-bit weights for another runtime",
                place="--model",
                hint="name the model that it was made of",
            )
        found.append(same[0])
    return found


def settings_of(methods: Sequence[str], **asked: Any) -> list[Setting]:
    """One setting a method; what a method does not have is left out."""
    return [_setting(method, asked) for method in methods]


def _setting(method: str, asked: Mapping[str, Any]) -> Setting:
    fields: dict[str, Any] = {
        "method": method,
        "seq_len": asked["seq_len"],
        "batch": asked["batch"],
        "dtype": "float32" if asked["fp32"] and method != "qlora" else "bfloat16",
    }
    if method == "inference":
        four_bit = asked["nf4"] and not asked["fp32"]
        fields |= {"new_tokens": asked["new_tokens"], "four_bit": four_bit}
    else:
        fields["checkpointing"] = asked["checkpointing"]
    if method in ("lora", "qlora", "dpo"):
        fields["rank"] = asked["rank"]
    if method == "dpo":
        fields["four_bit"] = asked["nf4"] and not asked["fp32"]
    return Setting.model_validate(fields)


def answers(
    cards: Sequence[ModelCard],
    settings: Sequence[Setting],
    spot: Spot,
    asked: Mapping[str, Any],
    trace: bool,
) -> list[Fit]:
    """Every setting on every model, in the order of asking.

    Raises:
        UserError: E-FIT-FORM, none of them has a closed form; E-FOOTPRINT-…, a trace that failed.
    """
    work = Work(rows=asked["rows"], epochs=asked["epochs"], requests_per_month=asked["requests"])
    found = list(_answers(cards, settings, spot, work, trace))
    if all(each.memory is None for each in found):
        raise UserError(
            "E-FIT-FORM",
            "no closed form was fitted to such settings",
            place="--method",
            hint="add --trace, which traces the real modules",
        )
    return found


def _answers(
    cards: Sequence[ModelCard], settings: Sequence[Setting], spot: Spot, work: Work, trace: bool
) -> Iterator[Fit]:
    for card in cards:
        traces: Sequence[Any] = [None] * len(settings)
        if trace:
            from probes.footprint.run import footprints

            traces = footprints(Architecture.of_card(card), settings)
        for setting, traced in zip(settings, traces, strict=True):
            yield fit(card, setting, spot.place, spot.available_bytes, work, traced)
