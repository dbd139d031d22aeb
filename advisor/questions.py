"""The plain questions that find out a task's nature, as the command and the wizard ask them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Answers = Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """One question; its answer is a field of the nature or of the spec's needs."""

    field: str
    text: str
    choices: Mapping[str, str]
    """Value -> what it means, in plain words; empty for a number."""
    default: Any
    """What Enter means; None where it depends on the task's type (`nature_of`)."""
    when: Callable[[Answers], bool] = lambda answers: True
    """Whether it is asked, by the answers so far."""


ASKS = (
    Ask(
        "task_type",
        "What is an answer?",
        {
            "classification": "one of a few labels",
            "extraction": "fields or spans from a text",
            "qa": "the answer to a question",
            "generation": "free text in a certain style or form",
            "summarization": "a shorter text",
            "reasoning": "the result of several steps of thought",
            "function-calling": "a call of a function, or a query",
            "code": "a program",
            "synthetic-data": "many different examples",
        },
        "classification",
    ),
    Ask(
        "answers_from",
        "Could a careful person answer from the input alone?",
        {
            "input": "yes, everything needed is there",
            "documents": "with documents at hand",
            "memory": "only who knows the facts by heart",
        },
        None,
        lambda answers: answers["task_type"] in ("qa", "generation", "reasoning", "code"),
    ),
    Ask(
        "hard_part",
        "What changes from example to example, and must be right?",
        {
            "form": "the form or the habit: labels, fields, style",
            "facts": "the facts",
            "steps": "the steps of thought",
            "constraints": "a plan that must keep hard constraints",
            "variety": "each output must differ from the others",
        },
        None,
        lambda answers: answers["task_type"] not in ("classification", "extraction"),
    ),
    Ask(
        "knowledge_changes",
        "How often do the facts change that answers rest on?",
        {
            "never": "never",
            "yearly": "yearly",
            "monthly": "monthly",
            "weekly": "weekly",
            "daily": "daily",
        },
        "never",
        lambda answers: answers.get("answers_from") in ("documents", "memory"),
    ),
    Ask("n_rows", "How many examples with their answers are there?", {}, 0),
    Ask(
        "n_labels",
        "How many different labels?",
        {},
        2,
        lambda answers: answers["task_type"] == "classification",
    ),
    Ask("target", "Which share of right answers is good enough, from 0 to 1?", {}, 0.9),
    Ask(
        "high_stakes",
        "Does a wrong answer do lasting harm?",
        {"no": "no", "yes": "yes: ask for more certainty"},
        "no",
    ),
)
"""In the order of asking."""
