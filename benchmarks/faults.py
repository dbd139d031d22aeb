"""Faults planted into rows whose number is known: each returns the rows and which are faulty."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Row = dict[str, str]


@dataclass(frozen=True)
class Planted:
    """Rows with a fault in some of them; rows are numbered from 1, as their lines are."""

    rows: list[Row]
    faulty: set[int]
    """Rows that a check must find."""
    involved: set[int]
    """Rows that it may name as well: the other half of a pair."""
    test: list[Row] | None = None


Fault = Callable[[Sequence[Row], int, random.Random], Planted]
"""Rows, how many faults, and a generator."""


def repeated(rows: Sequence[Row], n: int, rng: random.Random) -> Planted:
    """Copies of rows with other case and spaces."""
    return _copies(rows, n, rng, lambda row: {**row, "input": _other_spaces(row["input"], rng)})


def reworded(rows: Sequence[Row], n: int, rng: random.Random) -> Planted:
    """Copies of rows with a word of politeness more and other punctuation."""
    words = ("please", "hi,", "hello,", "ok", "thanks")

    def other(row: Row) -> Row:
        text = row["input"].rstrip("?.! ")
        return {**row, "input": f"{rng.choice(words)} {text}{rng.choice(('?', '.', '', ' ??'))}"}

    return _copies(rows, n, rng, other)


def contradicted(rows: Sequence[Row], n: int, rng: random.Random) -> Planted:
    """Copies of rows with the answer of a row that has another."""

    def other(row: Row) -> Row:
        return {**row, "output": _another(rows, row["output"], rng)}

    return _copies(rows, n, rng, other)


def leaked(rows: Sequence[Row], n: int, rng: random.Random) -> Planted:
    """A test file of a quarter of the rows, with `n` of them still in train."""
    drawn = rng.sample(range(len(rows)), max(2 * n, len(rows) // 4))
    again = set(drawn[:n])
    train = [row for at, row in enumerate(rows) if at not in drawn or at in again]
    kept = [at for at in range(len(rows)) if at not in drawn or at in again]
    faulty = {place for place, at in enumerate(kept, 1) if at in again}
    return Planted(train, faulty, faulty, [rows[at] for at in drawn])


def _copies(
    rows: Sequence[Row], n: int, rng: random.Random, other: Callable[[Row], Row]
) -> Planted:
    drawn = rng.sample(range(len(rows)), n)
    found = [*rows, *(other(rows[at]) for at in drawn)]
    faulty = set(range(len(rows) + 1, len(found) + 1))
    return Planted(found, faulty, faulty | {at + 1 for at in drawn})


def changed(change: Callable[[Row, Sequence[Row], random.Random], Row]) -> Fault:
    """A fault that changes rows where they stand."""

    def plant(rows: Sequence[Row], n: int, rng: random.Random) -> Planted:
        drawn = set(rng.sample(range(len(rows)), n))
        found = [change(row, rows, rng) if at in drawn else row for at, row in enumerate(rows)]
        faulty = {at + 1 for at in drawn}
        return Planted(found, faulty, faulty)

    return plant


def _another(rows: Sequence[Row], output: str, rng: random.Random) -> str:
    return rng.choice(sorted({row["output"] for row in rows} - {output}))


def _other_spaces(text: str, rng: random.Random) -> str:
    return rng.choice((text.upper(), f"  {text} ", text.replace(" ", "  "), text + " "))


def _mislabelled(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    return {**row, "output": _another(rows, row["output"], rng)}


def _respelled(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    output = row["output"]
    forms = (output.title(), output.upper(), f"{output}.", output.replace("_", " "))
    return {**row, "output": rng.choice([form for form in forms if form != output])}


def _wrapped(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    return {**row, "output": f"The answer is: {row['output']}."}


def _fenced(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    return {**row, "output": f"```json\n{row['output']}\n```"}


def _broken(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    return {**row, "output": row["output"].rstrip("}] ") or "{"}


def _personal(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    name = rng.choice(("ann.lee", "bob_jones", "c.moreau", "d-schmidt"))
    kinds = (
        f"my mail is {name}@{rng.choice(('gmx.net', 'posteo.de', 'mailbox.org'))}",
        f"call +44 20 7946 0{rng.randint(100, 999)}",
        f"card 4539 1488 0343 6467, exp {rng.randint(1, 12)}/29",
    )
    return {**row, "input": f"{row['input']} {rng.choice(kinds)}"}


def _secret(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    tail = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))
    body = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=36))
    return {**row, "input": f"{row['input']} {rng.choice((f'AKIA{tail}', f'ghp_{body}'))}"}


def _hidden(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    mark = rng.choice(("\u202e", "\u200b", "\x1b[31m", "\u2066"))
    return {**row, "input": row["input"].replace(" ", f" {mark}", 1) + mark}


def _special(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    mark = rng.choice(("<|im_start|>user ", "[INST] ", "<|eot_id|>", "<start_of_turn>"))
    return {**row, "input": f"{mark}{row['input']}"}


def _garbled(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    return {**row, "input": f"{row['input']} itâ€™s cafÃ©"}


def _empty(row: Row, rows: Sequence[Row], rng: random.Random) -> Row:
    return {**row, "output": rng.choice(("", "  "))}


ANYWHERE: Mapping[str, Fault] = {
    "exact-duplicates": repeated,
    "near-duplicates": reworded,
    "contradictions": contradicted,
    "test-leakage": leaked,
    "personal-data": changed(_personal),
    "secrets": changed(_secret),
    "hidden-characters": changed(_hidden),
    "template-tokens": changed(_special),
    "mojibake": changed(_garbled),
    "empty-output": changed(_empty),
}
"""By the kind that should find them; for any task."""
LABELS: Mapping[str, Fault] = {
    "label-noise": changed(_mislabelled),
    "label-variants": changed(_respelled),
}
TEXTS: Mapping[str, Fault] = {"wrapped-outputs": changed(_wrapped)}
JSONS: Mapping[str, Fault] = {
    "fenced-outputs": changed(_fenced),
    "invalid-outputs": changed(_broken),
}


def is_json(text: str) -> bool:
    """Whether the text is a JSON object or array."""
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
