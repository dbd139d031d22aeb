"""No check takes long or fails on texts made to hurt it."""

from __future__ import annotations

import time

import pytest

from probes.audit import chat, output_shapes, preference, safety
from probes.audit.records import Found
from probes.audit.sheet import Entry, Rung, Sheet
from probes.task import MetricName, TaskType

N = 60_000
HOSTILE = [
    " " * N + "x",
    "<|im_end|>" + " " * N + "x",
    "</s> " * (N // 5) + "x",
    "```" + " " * N + "x```x",
    "<a>" * (N // 3),
    "{" * N,
    "[" * N + "]" * N,
    "password=" * (N // 9),
    "1" * N,
    "1-" * (N // 2),
    "+1 " * (N // 3),
    "a@" * (N // 2),
    "a." * (N // 2) + "@",
    "://a:" * (N // 5),
    "AA00" * (N // 4),
    "eyJ" * (N // 3),
    "answer " * (N // 7),
    "the " * (N // 4) + "answer is",
    "&" * N + "<" * N,
    "f(" + "a=" * (N // 2) + ")",
    "_" * N,
    "_ " * (N // 2) + "!",
    '{"a": ' * 2000 + "1" + "}" * 2000,
    "\ud800\u202e\x00" * 1000,
    "1,000" * (N // 5),
    "Human:\nAssistant:\n" * (N // 18),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts(text: str) -> None:
    begun = time.process_time()
    rows = [Entry(f"case {at}", str(at), at, "train", "train", rejected="no") for at in range(40)]
    rows += [Entry(text, text, at, "train", "train", rejected=text + "!") for at in range(40, 42)]
    asked: list[tuple[TaskType, MetricName]] = [
        ("qa", "exact_match"),
        ("reasoning", "numeric"),
        ("extraction", "json_fields"),
        ("function-calling", "function_call"),
        ("classification", "accuracy"),
    ]
    for task, metric in asked:
        given = Sheet(rows, task, metric, rungs=[Rung("small", 100, len)])
        found = [
            f for module in (chat, output_shapes, preference, safety) for f in module.check(given)
        ]
        assert all(isinstance(each, Found) and each.text.isprintable() for each in found)
    assert time.process_time() - begun < 10
