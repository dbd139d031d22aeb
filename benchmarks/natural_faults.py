"""Faults as they come about: an annotator, an export, a column's width; not a check's own inverse.

Each works by one rule on a part of the file (what one export, annotator or team wrote), where the
faults of `benchmarks.faults` strike single rows by lot.
"""

from __future__ import annotations

import html
import json
import random
from collections.abc import Callable, Mapping, Sequence

from benchmarks.faults import Row

Mechanism = Callable[[Sequence[Row], Sequence[Row], random.Random], list[Row]]
"""From clean rows to train on, the test rows and a generator to the rows that a user would have."""
BLOCK = 0.4
"""Share of the file that one export, annotator or team has written."""
ERRS = 0.5
"""How often an annotator errs where the mechanism says that one can; 20 % of all rows at most."""


def _block(rows: Sequence[Row]) -> int:
    return round(BLOCK * len(rows))


def _in_block(change: Callable[[Row, Sequence[str], random.Random], Row]) -> Mechanism:
    """The first rows of the file changed by one rule, which may know all outputs, sorted."""

    def plant(rows: Sequence[Row], test: Sequence[Row], rng: random.Random) -> list[Row]:
        outputs = sorted({row["output"] for row in rows})
        n = _block(rows)
        return [*(change(row, outputs, rng) for row in rows[:n]), *rows[n:]]

    return plant


# ---------------------------------------------------------------- exports


def exported_twice(rows: Sequence[Row], test: Sequence[Row], rng: random.Random) -> list[Row]:
    """A later export of the last rows is appended, by a tool that shouts and doubles spaces."""
    again = rows[-_block(rows) :]
    return [*rows, *({**row, "input": row["input"].upper().replace(" ", "  ")} for row in again)]


def tested_on_train(rows: Sequence[Row], test: Sequence[Row], rng: random.Random) -> list[Row]:
    """Two fifths of what is tested stand in train in other words: the file was split by lot after
    people had sent the same request again."""
    again = test[: round(BLOCK * len(test))]
    return [
        *rows,
        *({**row, "input": f"Hello, {row['input'].rstrip('.')}, thanks"} for row in again),
    ]


def _scraped(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """Inputs as a web page held them."""
    words = html.escape(row["input"]).replace(", ", ",&nbsp;")
    return {**row, "input": f'<p class="msg">{words}</p>'}


def inputs_cut(rows: Sequence[Row], test: Sequence[Row], rng: random.Random) -> list[Row]:
    """A field of the form was too narrow: two fifths of the inputs lose their last quarter."""
    lengths = sorted(len(row["input"]) for row in rows)
    longest = lengths[len(rows) - _block(rows)] - 1

    def cut(text: str) -> str:
        return text[: round(0.75 * longest)] if len(text) > longest else text

    return [{**row, "input": cut(row["input"])} for row in rows]


def outputs_cut(rows: Sequence[Row], test: Sequence[Row], rng: random.Random) -> list[Row]:
    """The same for outputs: all of more than four characters lose their end."""
    return [{**row, "output": row["output"][:4]} for row in rows]


def slipped(rows: Sequence[Row], test: Sequence[Row], rng: random.Random) -> list[Row]:
    """A cell was inserted in a spreadsheet: in a fifth of the file each output is the one above."""
    n = _block(rows) // 2
    above = [rows[n - 1], *rows[: n - 1]]
    found = [{**row, "output": up["output"]} for row, up in zip(rows, above, strict=False)]
    return [*found, *rows[n:]]


# ---------------------------------------------------------------- annotators


def _confused(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """Every other label is taken for the one before it in the list, never the other way round."""
    at = outputs.index(row["output"])
    return {**row, "output": outputs[at - 1]} if at % 2 and rng.random() < ERRS else row


def _left_first(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """The form's first choice stays where the annotator was in a hurry."""
    return {**row, "output": outputs[0]} if rng.random() < ERRS else row


def _left_blank(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """A placeholder where the annotator was in a hurry."""
    if rng.random() >= ERRS:
        return row
    filled = row["output"]
    if filled.startswith("{"):
        return {**row, "output": json.dumps(dict.fromkeys(json.loads(filled), "n/a"))}
    return {**row, "output": "n/a"}


def _own_style(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """One annotator writes answers as sentences begin and end."""
    return {**row, "output": f"{row['output'][:1].upper()}{row['output'][1:].lower()}."}


def _with_article(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """One annotator names things with their article."""
    return {**row, "output": f"{'an' if row['output'][0] in 'aeiou' else 'a'} {row['output']}"}


def annotated_twice(rows: Sequence[Row], test: Sequence[Row], rng: random.Random) -> list[Row]:
    """A second annotator, who errs in half of the rows, did two fifths again; both are kept."""
    outputs = sorted({row["output"] for row in rows})
    again = []
    for row in rows[: _block(rows)]:
        other = rng.choice([each for each in outputs if each != row["output"]])
        again.append({**row, "output": other} if rng.random() < ERRS else row)
    return [*rows, *again]


# ---------------------------------------------------------------- fields of JSON


def _as_float(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """One team's table had empty cells, so that its whole numbers became fractions."""
    fields = json.loads(row["output"])
    return {**row, "output": json.dumps({**fields, "count": f"{fields['count']}.0"})}


def _as_number(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """One team writes numbers as numbers."""
    fields = json.loads(row["output"])
    return {**row, "output": json.dumps({**fields, "count": int(fields["count"])})}


def _old_names(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """The fields had other names in the first version of the schema."""
    fields = json.loads(row["output"])
    return {**row, "output": json.dumps({"customer": fields["name"], "qty": fields["count"]})}


def _indented(row: Row, outputs: Sequence[str], rng: random.Random) -> Row:
    """One tool writes JSON over several lines."""
    return {**row, "output": json.dumps(json.loads(row["output"]), indent=2)}


ANY: Mapping[str, Mechanism] = {
    "exported-twice": exported_twice,
    "scraped-inputs": _in_block(_scraped),
    "inputs-cut": inputs_cut,
    "slipped-rows": slipped,
    "annotated-twice": annotated_twice,
    "tested-on-train": tested_on_train,
}
"""By what happened; for any task."""
LABELS: Mapping[str, Mechanism] = {
    "confused-classes": _in_block(_confused),
    "first-choice-left": _in_block(_left_first),
    "own-style": _in_block(_own_style),
}
SHORT_TEXTS: Mapping[str, Mechanism] = {
    "outputs-cut": outputs_cut,
    "left-blank": _in_block(_left_blank),
    "own-style": _in_block(_own_style),
    "with-article": _in_block(_with_article),
}
JSONS: Mapping[str, Mechanism] = {
    "left-blank": _in_block(_left_blank),
    "counts-as-fractions": _in_block(_as_float),
    "counts-as-numbers": _in_block(_as_number),
    "old-field-names": _in_block(_old_names),
    "indented-json": _in_block(_indented),
}
