"""Outputs that stand in for an answer that nobody gave: `n/a`, `TBD`, `???`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from probes.audit.kinds import Kind
from probes.audit.records import Found, NotChecked
from probes.audit.sheet import Sheet
from probes.readings import strict_json

FEWEST = 3
"""One or two may well be answers; our choice."""
_WORDS = frozenset(
    ("n/a", "n.a.", "#n/a", "tbd", "tba", "todo", "to do", "fixme", "null", "nan", "undefined",
     "placeholder", "lorem ipsum", "not available", "xxx", "asdf")
)  # fmt: skip
# Not `none`, `unknown`, `no answer`, `NA` or `0`: these are answers too.
_SIGNS = re.compile(r"[-–—_.…?*#\s]{1,20}")
PLACEHOLDERS = Kind(
    name="placeholder-outputs",
    says="{have} a placeholder where an answer should be (n/a, TBD, ??? and the like)",
    fix="Answer these rows or leave them out, unless that is what is wanted where the input holds"
    " no answer; then say so in the instruction.",
    on="figure",
    basis="LoRA on two pocket tasks lost 10 and 14 points with such outputs in a fifth of the rows,"
    " and the figure 26 and 25 (results/pocket/dirty_data.md); in half of all data they are taken"
    " to be right",
    factors=(0.6, 0.0, 1.3),
)


def check(sheet: Sheet) -> Iterator[Found]:
    """Kind placeholder-outputs; a label may have any name, and code any text."""
    if sheet.labelled or sheet.task_type == "code":
        raise NotChecked("labels and code may read so")
    rows = [at for at in sheet.usable if is_placeholder(sheet.entries[at].output)]
    if len(rows) >= FEWEST:
        yield from PLACEHOLDERS.found(rows, len(sheet.usable))


def is_placeholder(output: str) -> bool:
    """Whether a text says nothing, or an object nothing in any of its fields."""
    bare = output.strip()
    if len(bare) <= 20 and _says_nothing(bare):
        return True
    if not bare.startswith("{"):
        return False
    try:
        return _empty(strict_json(bare))
    except (ValueError, RecursionError):
        return False


def _empty(value: Any) -> bool:
    """An object with fields, all of which hold nothing, and one at least a placeholder: null and ''
    alone are the right answer where nothing is there."""
    if not isinstance(value, dict) or not value:
        return False
    held = [each for each in value.values() if each not in (None, "")]
    return bool(held) and all(isinstance(each, str) and _says_nothing(each) for each in held)


def _says_nothing(text: str) -> bool:
    return text.strip().casefold() in _WORDS or _SIGNS.fullmatch(text) is not None
