"""Wrong labels: their share, the accuracy that no model can pass because of them, the suspects."""

from __future__ import annotations

from collections.abc import Iterator

from probes.audit.noise_estimate import Noise, noise_of
from probes.audit.records import NO_EFFECT, Effect, Found, NotChecked
from probes.audit.sheet import Sheet
from probes.audit.shown import shown
from probes.records import Estimate, Json

MOST_ROWS = 20_000
"""Rows that the noise is estimated on, for speed; our choice."""
FEW = 0.01
"""A share of wrong labels that is not worth a finding, and within reach of chance."""
MANY = 0.15
"""A share of wrong labels so large that not to rule it out is worth telling."""
FIX = "Read the suspect rows, most suspect first, and relabel or drop them."


def check(sheet: Sheet) -> Iterator[Found]:
    """Kind label-noise, or where none may be wrong but many may too label-noise-unknown.

    NotChecked where there is too little to tell.
    """
    if not sheet.labelled:
        raise NotChecked("outputs are no labels")
    positions = sheet.sample(MOST_ROWS)
    noise = noise_of(
        [sheet.entries[at].text for at in positions],
        [sheet.entries[at].output.strip() for at in positions],
    )
    if noise.rate.low <= FEW:
        if noise.rate.high >= MANY or not noise.identified:
            yield _unknown(noise)
        return
    yield Found(
        kind="label-noise",
        text=_text(noise),
        rows=[positions[at] for at, _ in noise.suspects],
        of=noise.rate.n,
        fix=FIX,
        effect=_effect(noise.rate),
        figures={"noise_rate": noise.rate, "accuracy_ceiling": noise.ceiling},
        details=_details(noise),
    )


def _unknown(noise: Noise) -> Found:
    rate = noise.rate
    return Found(
        kind="label-noise-unknown",
        text=f"Between {100 * rate.low:.0f} and {100 * rate.high:.0f} % of the labels may be wrong:"
        " cheap models cannot tell wrong labels from hard ones here.",
        rows=(),
        of=rate.n,
        fix="Have two people label 100 rows each on their own, and count where they differ.",
        effect=NO_EFFECT,
        figures={"noise_rate": rate},
        details={"identified": noise.identified},
    )


def _text(noise: Noise) -> str:
    rate, ceiling = noise.rate, noise.ceiling
    read = f"Read the {len(noise.suspects):,} most suspect"
    if not noise.identified:
        return (
            f"Between {_percent(rate.low)} and {_percent(rate.high)} % of the labels look wrong:"
            f" the texts tell too little of the labels to say more. {read}."
        )
    return (
        f"About {_percent(rate.value)} % of the labels look wrong [{_percent(rate.low)},"
        f" {_percent(rate.high)}], so no model can score above about {_percent(ceiling.value)} %"
        f" on them [{_percent(ceiling.low)}, {_percent(ceiling.high)}]. {read}."
    )


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f}" if percent < 3 or percent > 97 else f"{percent:.0f}"


def _effect(rate: Estimate) -> Effect:
    return Effect(
        points=100 * rate.value,
        low=100 * rate.low,
        high=100 * rate.high,
        on="figure",
        basis="accuracy that a model which is always right loses when it is scored against these"
        " labels; training suffers besides: LoRA on three pocket tasks lost 1 to 11 points"
        " with 20 % wrong labels and 17 to 32 with 40 % (results/pocket/dirty_data.md)",
    )


def _details(noise: Noise) -> Json:
    """Rates by label, the worst first, and the pairs of labels most often confused."""
    names = [shown(name) for name in noise.labels]
    by_label: list[Json] = []
    pairs: list[Json] = []
    for true, row in enumerate(noise.transitions):
        share = noise.shares[true]
        by_label.append({"label": names[true], "share": share, "wrong": 1 - row[true]})
        pairs += [
            {"true": names[true], "given": names[given], "share": share * chance}
            for given, chance in enumerate(row)
            if given != true
        ]
    by_label.sort(key=lambda each: -float(each["wrong"]))
    pairs.sort(key=lambda each: -float(each["share"]))
    return {
        "identified": noise.identified,
        "labels": by_label[:20],
        "pairs": pairs[:10],
        "suspects": [round(chance, 3) for _, chance in noise.suspects[:100]],
    }
