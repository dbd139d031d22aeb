"""Every example on one side, decided by a hash of its content: for good."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from knowledge.errors import UserError
from probes.data import normalised, wording
from probes.records import Example, SplitName, Splits
from probes.sinks import one_line

MIN_SPLIT_ROWS = 8
SALT = "advisor-split-1"
_SHARES: dict[SplitName, float] = {"train": 0.60, "dev": 0.20, "test": 0.20}
_SHARES_WITH_TEST_FILE: dict[SplitName, float] = {"train": 0.75, "dev": 0.25}


def train_share(*, test_file: bool) -> float:
    """Share of the rows of `data.train` that are trained on."""
    return (_SHARES_WITH_TEST_FILE if test_file else _SHARES)["train"]


def split_examples(
    examples: Sequence[Example],
    test_examples: Sequence[Example] | None,
    *,
    salt: str = SALT,
) -> Splits:
    """Train, dev and test, each in an order that makes any prefix a random sample.

    The side of a row depends on its group, or on its normalised input, and on nothing else: more
    rows never move old ones. With `test_examples` these alone are the test split. A row of train
    (or dev) that shares its input or its group with a split further right is dropped and noted, and
    so is one that shares its wording and its answer: the input but for punctuation.

    Raises UserError `E-DATA-SPLIT` where a split has fewer than 8 rows.
    """
    notes: list[str] = []
    shares = _SHARES if test_examples is None else _SHARES_WITH_TEST_FILE
    sides: dict[SplitName, list[Example]] = {"train": [], "dev": [], "test": []}
    for example in _without_repeats(examples, " of the data", notes):
        sides[_side(salt, group_key(example), shares)].append(example)
    if test_examples is not None:
        sides["test"] = _without_repeats(test_examples, " of the test file", notes)
    sides["dev"] = _apart(sides["dev"], "dev", sides["test"], "test", notes)
    sides["train"] = _apart(sides["train"], "train", sides["test"], "test", notes)
    sides["train"] = _apart(sides["train"], "train", sides["dev"], "dev", notes)
    for name, rows in sides.items():
        if len(rows) < MIN_SPLIT_ROWS:
            raise _too_small(name, len(rows), examples)
    _note_contradictions([*sides["train"], *sides["dev"], *sides["test"]], notes)
    _note_unseen_labels(sides, notes)
    ordered = {name: tuple(sorted(rows, key=_order(salt))) for name, rows in sides.items()}
    return Splits(
        train=ordered["train"], dev=ordered["dev"], test=ordered["test"], notes=tuple(notes)
    )


def group_key(example: Example) -> str:
    """What must stay on one side: the group where there is one, else the normalised input."""
    return example.group if example.group is not None else normalised(example.item.text)


def splits_fingerprint(splits: Splits) -> str:
    """SHA-256 (64 hexadecimal digits) of all that a model or a score can see of the splits.

    Row numbers and notes are left out: the same rows in another order give the same splits.
    """
    names: tuple[SplitName, ...] = ("train", "dev", "test")
    digest = hashlib.sha256()
    for name in names:
        for example in getattr(splits, name):
            line = [name, example.model_dump(mode="python", exclude={"row"})]
            digest.update(json.dumps(line, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def side_of(key: str, *, test_file: bool, salt: str = SALT) -> SplitName:
    """The side of a row with this `group_key`, where a file of its own is the test split or not."""
    return _side(salt, key, _SHARES_WITH_TEST_FILE if test_file else _SHARES)


def _fraction(salt: str, key: str) -> float:
    """A number in [0, 1] that belongs to the key."""
    digest = hashlib.sha256(f"{salt}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()
    return int(digest[:16], 16) / 2**64


def _side(salt: str, key: str, shares: dict[SplitName, float]) -> SplitName:
    fraction, edge = _fraction(salt, key), 0.0
    for name, share in shares.items():
        edge += share
        if fraction < edge:
            return name
    return list(shares)[-1]


def _order(salt: str) -> Callable[[Example], tuple[float, str]]:
    # Another salt than that of the sides, or a prefix of train would hold the lowest fractions.
    return lambda example: (_fraction(f"{salt}/order", example.item.id), example.item.id)


def _without_repeats(examples: Iterable[Example], of: str, notes: list[str]) -> list[Example]:
    kept: dict[tuple[str, str, str | None, str | None], Example] = {}
    total = 0
    # Sorted, so that which of the repeats stays does not depend on the order of rows.
    for example in sorted(examples, key=lambda each: each.item.id):
        total += 1
        same = (normalised(example.item.text), example.output, example.rejected, example.group)
        kept.setdefault(same, example)
    if total > len(kept):
        notes.append(f"left out{of}: {_rows(total - len(kept))}, repeats of others")
    return list(kept.values())


def _apart(
    rows: list[Example], name: str, others: list[Example], other: str, notes: list[str]
) -> list[Example]:
    inputs = {normalised(example.item.text) for example in others}
    groups = {example.group for example in others if example.group is not None}
    asked = {(wording(example.item.text), example.output) for example in others}
    kept = [
        example
        for example in rows
        if normalised(example.item.text) not in inputs
        and example.group not in groups
        and (wording(example.item.text), example.output) not in asked
    ]
    if len(kept) < len(rows):
        lost = _rows(len(rows) - len(kept))
        notes.append(f"left out of {name}: {lost}, with an input, a wording or a group of {other}")
    return kept


def _note_contradictions(examples: list[Example], notes: list[str]) -> None:
    outputs: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        outputs[normalised(example.item.text)].add(example.output)
    several = [answers for answers in outputs.values() if len(answers) > 1]
    if several:
        rows = sum(len(answers) for answers in several)
        notes.append(f"{_count(len(several), 'input')} with different outputs ({_rows(rows)})")


def _note_unseen_labels(sides: dict[SplitName, list[Example]], notes: list[str]) -> None:
    outputs = [example.output for rows in sides.values() for example in rows]
    # Only where outputs are labels, which come again; free text is new in every row.
    if 2 * len(set(outputs)) > len(outputs):
        return
    seen = {example.output for example in sides["train"]}
    unseen = sorted({example.output for example in sides["test"]} - seen)
    if unseen:
        shown = ", ".join(one_line(label, 40) for label in unseen[:5])
        more = ", …" if len(unseen) > 5 else ""
        notes.append(f"{_count(len(unseen), 'label')} of test never in train: {shown}{more}")


def _too_small(name: str, count: int, examples: Sequence[Example]) -> UserError:
    what = f"the {name} split has {_rows(count)}, {MIN_SPLIT_ROWS} are needed"
    groups = {example.group for example in examples if example.group is not None}
    hint = "give more rows"
    if name == "test":
        hint = "give more rows, in `data.test` if you have that"
    if groups:
        hint = f"give more groups; there are {len(groups)}"
    return UserError("E-DATA-SPLIT", what, place="data", hint=hint)


def _rows(count: int) -> str:
    return _count(count, "row")


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
