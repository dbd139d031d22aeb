"""Values of a row as text and as the turns of a conversation."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from probes.json_text import parse_json
from probes.records import Role, Turn
from probes.sinks import one_line

_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}


class Fault(Exception):
    """What is wrong with one row, in a clause."""


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of messages."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and ({"role", "from"} & each.keys()) for each in value)
    )


def conversation(value: Any) -> list[Turn]:
    """Turns of `role`/`content` or `from`/`value`, also as the JSON text of such a list."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = parse_json(value)
        except ValueError:
            raise Fault("the conversation is not a list of messages") from None
    if not is_conversation(value):
        raise Fault("the conversation is not a list of messages")
    turns = []
    for message in value:
        given = message.get("role", message.get("from"))
        role = _ROLES.get(given) if isinstance(given, str) else None
        if role is None:
            raise Fault(f"unknown role {one_line(repr(given), 40)}")
        turns.append(Turn(role=role, content=_content(message)))
    return turns


def _content(message: dict[str, Any]) -> str:
    content = message.get("content", message.get("value"))
    if not isinstance(content, list):
        return text_of(content)
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    if len(texts) != len(content) or not all(isinstance(text, str) for text in texts):
        raise Fault("a message has parts that are not text")
    return "\n".join(map(str, texts))


def answer_of(value: Any) -> str:
    """A value as an answer: of a conversation its last assistant turn, else its text."""
    if is_conversation(value):
        answers = [turn.content for turn in conversation(value) if turn.role == "assistant"]
        if not answers:
            raise Fault("no assistant turn in the answer")
        return answers[-1]
    return text_of(value)


def text_of(value: Any) -> str:
    """Text as it is, nothing as '', all else as compact JSON text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def ids_of(value: Any) -> tuple[str, ...]:
    """Ids from a list, from a list as JSON text, or from text with `;` between them."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with contextlib.suppress(ValueError):  # an id may begin with a bracket
            value = parse_json(value)
    parts = value if isinstance(value, list) else text_of(value).split(";")
    return tuple(filter(None, (text_of(part).strip() for part in parts)))
