"""Function calls: read out of an answer without running anything, and compared as BFCL does.

BFCL is the Berkeley Function-Calling Leaderboard (Patil et al., ICML 2025); the comparison follows
its AST checker for single calls in Python.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from probes.readings import clip, first_object, strict_json

_MAX_CALL = 20_000  # characters given to the parser
_MAX_STARTS = 50
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\s*\(")
_FENCE = re.compile(r"^```[a-zA-Z]*\n?|```\s*$")
_WORDS = {"true": True, "false": False, "null": None, "none": None}


@dataclass(frozen=True)
class Call:
    """A function's name and arguments, as plain values."""

    name: str
    arguments: dict[str, Any]
    positional: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """The calls that count as right: for each argument its accepted values."""

    name: str
    arguments: dict[str, list[Any]] = field(default_factory=dict)
    """`""` among the values of an argument means that it may be left out."""


def strict_call(text: str) -> Call | None:
    """The call that `text` is: `f(a=1)`, `[f(a=1)]`, `{"name": …, "arguments": {…}}`, or None."""
    stripped = text.strip()
    if len(stripped) > _MAX_CALL:
        return None
    try:
        value = strict_json(stripped)
    except ValueError:
        return _python_call(stripped)
    return _json_call(value)


def lenient_call(text: str) -> Call | None:
    """The call that `text` is, or else the first that occurs in it, fences and prose aside."""
    bare = _FENCE.sub("", clip(text).strip())
    found = strict_call(bare)
    if found is not None:
        return found
    found = _json_call(first_object(bare))
    if found is not None:
        return found
    for count, match in enumerate(_DOTTED.finditer(bare)):
        if count == _MAX_STARTS:
            break
        end = _closing(bare, match.end())
        found = _python_call(bare[match.start() : end]) if end else None
        if found is not None:
            return found
    return None


def read_accepted(reference: str) -> Accepted:
    """The calls that a reference accepts; ValueError where it is not a call.

    `{"f": {"a": [1, 2]}}` lists the accepted values of each argument (BFCL's answers); a call in
    Python or `{"name": …, "arguments": …}` accepts exactly its own values.
    """
    call = strict_call(reference)
    if call is not None and not call.positional:
        return Accepted(call.name, _only_these(call.arguments))
    value = _only(strict_json(reference))
    if isinstance(value, dict) and len(value) == 1:
        ((name, arguments),) = value.items()
        if isinstance(arguments, dict) and all(isinstance(v, list) for v in arguments.values()):
            return Accepted(name, arguments)
    raise ValueError("not a call with named arguments")


def _only_these(arguments: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Plain arguments in the notation of accepted values, each with itself as the only one."""
    return {key: [_only_this(value)] for key, value in arguments.items()}


def _only_this(value: Any) -> Any:
    if isinstance(value, dict):
        return _only_these(value)
    return [_only_this(part) for part in value] if isinstance(value, list) else value


def matches(call: Call, accepted: Accepted) -> bool:
    """Right name, no unknown argument, none missing that is required, every value accepted.

    Arguments by position take the names of the reference in order. Types count: 5 is accepted for
    5.0 but neither "5" nor true for it. Strings are compared without case, spaces and `,./-_*^`.
    """
    names = [name for name in accepted.arguments if name not in call.arguments]
    if call.name != accepted.name or len(call.positional) > len(names):
        return False
    given = {**dict(zip(names, call.positional, strict=False)), **call.arguments}
    return _fields_match(given, accepted.arguments)


def _fields_match(given: Mapping[str, Any], accepted: Mapping[str, Any]) -> bool:
    if any(name not in accepted for name in given):
        return False
    return all(
        any(_equal(given[name], value) for value in _options(values))
        if name in given
        else "" in _options(values)
        for name, values in accepted.items()
    )


def _options(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _equal(given: Any, accepted: Any) -> bool:
    if isinstance(given, bool) or isinstance(accepted, bool):
        return given is accepted
    if isinstance(given, int | float) and isinstance(accepted, int | float):
        return given == accepted or (
            isinstance(accepted, float) and abs(given - accepted) <= 1e-9 * abs(accepted)
        )
    if isinstance(given, str) and isinstance(accepted, str):
        return _standard(given) == _standard(accepted)
    if isinstance(given, list) and isinstance(accepted, list):
        return len(given) == len(accepted) and all(map(_equal, given, accepted))
    if isinstance(given, dict) and isinstance(accepted, dict):
        return _fields_match(given, accepted)
    return given is None and accepted is None


def _standard(text: str) -> str:
    return re.sub(r"[ ,./\-_*^]", "", text).lower().replace("'", '"')


# ---------------------------------------------------------------- parsing


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _json_call(value: Any) -> Call | None:
    call = _only(value)
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    rest = {key: held for key, held in call.items() if key != "name"}
    arguments = rest.get("arguments", rest.get("parameters"))
    if isinstance(arguments, str):  # as the OpenAI API gives them
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return None
    return Call(call["name"], arguments) if isinstance(arguments, dict) else None


def _python_call(text: str) -> Call | None:
    if len(text) > _MAX_CALL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unknown escapes such as '\d'
            node = ast.parse(text, mode="eval").body
            if isinstance(node, ast.List) and len(node.elts) == 1:
                node = node.elts[0]
            if not isinstance(node, ast.Call) or any(k.arg is None for k in node.keywords):
                return None
            named = {str(k.arg): _literal(k.value) for k in node.keywords}
            if len(named) < len(node.keywords):
                return None
            return Call(_dotted(node.func), named, tuple(_literal(arg) for arg in node.args))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ValueError("not a name")
    return ".".join([node.id, *reversed(parts)])


def _literal(node: ast.expr) -> Any:
    """The plain value of a node; ValueError for anything that would have to be run."""
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.Name(id=name) if name.lower() in _WORDS:
            return _WORDS[name.lower()]
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return [_literal(element) for element in elements]
        case ast.Dict(keys=keys, values=values):
            return {
                str(_literal(key)): _literal(value)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            }
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    raise ValueError("not a literal")


def _closing(text: str, start: int) -> int | None:
    """Place after the parenthesis that closes the one just before `start`."""
    depth, quote, at = 1, "", start
    stop = min(len(text), start + _MAX_CALL)
    while at < stop:
        character = text[at]
        if quote:
            if character == "\\":
                at += 1
            elif character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return None
