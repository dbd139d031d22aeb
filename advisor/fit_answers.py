"""From what `advisor fit` is asked to its answers: models, settings, and what they take."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from advisor.fit import Fit, fit
from advisor.fit_devices import FreeDevice
from advisor.fit_time import Work, job_of
from knowledge.errors import UserError
from knowledge.load import ladder, model_cards
from knowledge.local_speed import LocalSpeed
from knowledge.records import ModelCard
from knowledge.throughput import Job
from probes.footprint.settings import Architecture, Footprint, Setting


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


def settings_of(methods: Sequence[str], device: FreeDevice, **asked: Any) -> list[Setting]:
    """One setting a method; what a method does not have is left out."""
    return [_setting(method, device, asked) for method in methods]


def _setting(method: str, device: FreeDevice, asked: Mapping[str, Any]) -> Setting:
    whole = (asked["fp32"] or device.kind == "cpu") and method != "qlora"
    fields: dict[str, Any] = {
        "method": method,
        "seq_len": asked["seq_len"],
        "batch": asked["batch"],
        "dtype": "float32" if whole and not asked["nf4"] else "bfloat16",
        "device": device.kind,
    }
    if method == "inference":
        fields |= {"new_tokens": asked["new_tokens"], "four_bit": asked["nf4"]}
    else:
        fields["checkpointing"] = asked["checkpointing"]
    if method in ("lora", "qlora", "dpo"):
        fields["rank"] = asked["rank"]
    if method == "dpo":
        fields["four_bit"] = asked["nf4"]
    return Setting.model_validate(fields)


def answers(
    cards: Sequence[ModelCard],
    settings: Sequence[Setting],
    device: FreeDevice,
    asked: Mapping[str, Any],
) -> list[Fit]:
    """Every setting on every model, in the order of asking.

    Raises:
        UserError: E-FIT-FORM, none of them has a closed form; E-FOOTPRINT-…, a trace that failed;
            E-SPEED-PROBE, the device's speed could not be measured.
    """
    work = Work(rows=asked["rows"], epochs=asked["epochs"], requests_per_month=asked["requests"])
    found = []
    for card in cards:
        traces = _traces(card, settings) if asked["trace"] else [None] * len(settings)
        probe = _probe(card, settings, device) if asked["measure"] else None
        for setting, traced in zip(settings, traces, strict=True):
            found.append(fit(card, setting, device, work, traced, probe))
    if all(each.memory is None for each in found):
        raise UserError(
            "E-FIT-FORM",
            "no closed form was fitted to such settings",
            place="--method",
            hint="add --trace, which traces the real modules",
        )
    return found


def _traces(card: ModelCard, settings: Sequence[Setting]) -> Sequence[Footprint | None]:
    from probes.footprint.run import footprints

    return footprints(Architecture.of_card(card), settings)


def _probe(card: ModelCard, settings: Sequence[Setting], device: FreeDevice) -> LocalSpeed:
    """The speed of LoRA steps, reading and writing at the model's width, on the device at hand."""
    from probes.speed_probe import probed, settings_for

    trained = [setting for setting in settings if setting.method != "inference"]
    first = (trained or settings)[0]
    job = job_of(first) if trained else Job("lora", first.seq_len, first.batch)
    dtype = first.dtype if device.kind == "cuda" else "float32"
    return probed(settings_for(card, job, device=device.kind, dtype=dtype))
