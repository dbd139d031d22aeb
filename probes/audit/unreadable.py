"""Outputs that the metric itself cannot read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from probes.audit.costs import REFUSED, counted, have, listed
from probes.audit.output_forms import FENCED, container, unfenced
from probes.audit.records import Found, Remedy
from probes.audit.sheet import Sheet
from probes.calls import read_accepted
from probes.readings import final_answers, read_number, shared_marker

_PLAIN_CALL = re.compile(
    r"[A-Za-z_][\w.]*\((?:(?:\s*[A-Za-z_]\w*=(?:-?(?:0|[1-9]\d*)(?:\.\d+)?|\"[^\"\\\n]*\""
    r"|'[^'\\\n]*'|True|False|None))(?:,(?=\s*\w)|(?=\))))*\)"
)
_ENDS_IN_NUMBER = re.compile(r"(?:^|[\s$=+-])\d[\d,]*(?:\.\d+)?[.\s]*$")
_WANTED = {
    "numeric": "number",
    "json_fields": "JSON object",
    "function_call": "call",
}


def invalid(sheet: Sheet) -> Iterator[Found]:
    """Kind invalid-outputs: references that the metric refuses (probes/judges.py)."""
    reason = _reader(sheet)
    if reason is None:
        return
    reasons: Counter[str] = Counter()
    rows: list[int] = []
    outputs: dict[int, str] = {}
    for at in sheet.usable:
        text = sheet.entries[at].output
        why = reason(text)
        if why:
            rows.append(at)
            reasons[why] += 1
            inner = unfenced(text) if why == FENCED else None
            if inner is not None and not reason(inner):
                outputs[at] = inner
    if not rows:
        return
    n, of, wanted = len(rows), len(sheet.usable), _WANTED[sheet.metric]
    yield Found(
        kind="invalid-outputs",
        text=f"{counted(n, of)} {have(n)} an output that holds no {wanted}: {listed(reasons, 5)}.",
        rows=rows,
        of=of,
        fix=f"Correct these outputs, or choose another metric than `{sheet.metric}`:"
        " no probe starts with a reference that it cannot read.",
        effect=REFUSED,
        remedy=Remedy.writing(outputs),
        details={"reasons": dict(reasons)},
    )


def _reader(sheet: Sheet) -> Callable[[str], str] | None:
    """For the sheet's metric: why an output is not valid, '' where it is."""
    if sheet.metric == "numeric":
        marker = shared_marker([sheet.entries[at].output for at in sheet.usable])
        return lambda text: _no_number(text, marker)
    if sheet.metric == "json_fields":
        return _no_object
    return _no_call if sheet.metric == "function_call" else None


def _no_number(text: str, marker: str | None) -> str:
    if _ENDS_IN_NUMBER.search(text[-40:]):
        return ""
    if marker:
        found = final_answers(text, (marker,))
        text = found[0] if found else text
    return "" if read_number(text) is not None else "no number"


def _no_object(text: str) -> str:
    name, value = container(text)
    if isinstance(value, dict):
        return ""
    if name == "JSON call in a list":
        return "JSON array"
    return name


def _no_call(text: str) -> str:
    if _PLAIN_CALL.fullmatch(text.strip()):
        return ""
    try:
        read_accepted(text)
    except ValueError:
        return container(text)[0]
    return ""
