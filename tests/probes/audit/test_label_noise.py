"""Planted wrong labels are counted and named; clean and tiny data raise no alarm."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from probes.audit.label_noise import check
from probes.audit.noise_estimate import noise_of
from probes.audit.records import NO_EFFECT, NotChecked
from probes.audit.sheet import Entry, Sheet


def generated(n: int, n_labels: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of 8 words, half of them of the label's own 12, half of 60 common ones."""
    rng = Random(seed)
    texts, labels = [], []
    for number in range(n):
        label = number % n_labels
        own = [f"w{label}x{rng.randrange(12)}" for _ in range(4)]
        words = own + [f"common{rng.randrange(60)}" for _ in range(4)]
        rng.shuffle(words)
        texts.append(" ".join(words))
        labels.append(f"label {label}")
    return texts, labels


def flipped(labels: Sequence[str], share: float, seed: int = 1) -> tuple[list[str], set[int]]:
    rng = Random(seed)
    names = sorted(set(labels))
    wrong = set(rng.sample(range(len(labels)), round(share * len(labels))))
    out = [
        rng.choice([name for name in names if name != label]) if at in wrong else label
        for at, label in enumerate(labels)
    ]
    return out, wrong


def sheet(texts: Sequence[str], labels: Sequence[str], task: str = "classification") -> Sheet:
    entries = [
        Entry(text=text, output=label, row=at + 1, file="train", side="train")
        for at, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]
    return Sheet(entries=entries, task_type=task, metric="accuracy")  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_planted_noise_is_counted_and_the_rows_named(share: float) -> None:
    texts, labels = generated(500, 4)
    given, wrong = flipped(labels, share)
    noise = noise_of(texts, given)
    assert noise.identified
    assert abs(noise.rate.value - share) < 0.03
    assert noise.rate.low <= share <= noise.rate.high
    assert noise.ceiling.value == pytest.approx(1 - noise.rate.value)
    suspects = [at for at, _ in noise.suspects]
    assert len(wrong & set(suspects)) > 0.85 * len(wrong)
    assert len(wrong & set(suspects)) > 0.85 * len(suspects)
    chances = [chance for _, chance in noise.suspects]
    assert chances == sorted(chances, reverse=True)


def test_flips_of_nearly_half_into_the_next_label_are_found() -> None:
    texts, labels = generated(800, 4)
    rng = Random(3)
    wrong = set(rng.sample(range(800), 340))
    given = [labels[(at + 1) % 4] if at in wrong else label for at, label in enumerate(labels)]
    assert abs(noise_of(texts, given).rate.value - 340 / 800) < 0.04


def test_the_finding() -> None:
    texts, labels = generated(400, 3)
    given, wrong = flipped(labels, 0.2)
    (found,) = check(sheet(texts, given))
    assert found.kind == "label-noise" and found.of == 400
    assert set(found.figures) == {"noise_rate", "accuracy_ceiling"}
    assert len(wrong & set(found.rows[:40])) >= 38
    assert "of the labels look wrong [" in found.text and "no model can score above" in found.text
    assert found.effect.low <= found.effect.points <= found.effect.high
    assert len(found.details["pairs"]) == 6
    with pytest.raises(NotChecked, match="no labels"):
        list(check(sheet(texts, given, "qa")))


def test_no_alarm_on_clean_labels() -> None:
    for n_labels in (2, 6):
        assert list(check(sheet(*generated(400, n_labels)))) == []


def test_labels_drawn_by_lot_are_not_told() -> None:
    texts, labels = generated(300, 2)
    Random(5).shuffle(labels)
    noise = noise_of(texts, labels)
    assert noise.rate.high >= 0.5 and not (noise.identified and noise.rate.high < 0.45)
    (found,) = check(sheet(texts, labels))
    assert found.kind == "label-noise-unknown" and not found.rows and found.effect == NO_EFFECT
    high = f"{100 * noise.rate.high:.0f}"
    assert found.text.startswith(f"Between 0 and {high} % of the labels may be wrong: cheap models")
    assert "two people" in found.fix and found.figures["noise_rate"] == noise.rate


def test_the_same_every_time_and_hostile_labels_are_shortened() -> None:
    texts, labels = generated(400, 3)
    given, _ = flipped([label + "\x1b[31m" + "y" * 99 for label in labels], 0.2)
    assert noise_of(texts, given) == noise_of(texts, given)
    (found,) = check(sheet(texts, given))
    assert "\x1b" not in str(found.details["labels"][0]["label"])
    assert len(found.details["labels"][0]["label"]) <= 50


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["a b"] * 40, ["x", "y"] * 20),
        (["a b c"] * 200, ["x"] * 200),
        ([f"text {n}" for n in range(200)], [f"label {n}" for n in range(200)]),
        ([chr(0x4E00 + n) for n in range(200)], ["x", "y"] * 100),
    ],
)
def test_too_little_is_said_so(texts: list[str], labels: list[str]) -> None:
    with pytest.raises(NotChecked):
        list(check(sheet(texts, labels)))


def test_equal_texts_and_rare_labels_do_not_crash() -> None:
    texts, labels = generated(200, 2)
    texts[:50] = [texts[0]] * 50
    labels[-2:] = ["rare", "rarer"]
    assert noise_of(texts, labels).rate.n == 198
