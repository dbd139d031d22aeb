"""What is wrong with a value of a spec, in the user's words."""

from __future__ import annotations

import difflib
from typing import Any

from knowledge.errors import UserError
from probes.sinks import one_line
from probes.yaml_text import Loc, Origin

_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_LIMITS = {
    "gt": "above",
    "ge": "at least",
    "lt": "below",
    "le": "at most",
}


def translated(details: dict[str, Any], value: dict[str, Any], origin: Origin) -> UserError:
    """The first complaint of pydantic, in the user's words."""
    kind = str(details["type"])
    loc: Loc = tuple(part for part in details["loc"] if part not in ("[key]", "str", "list[str]"))
    given = _at(value, loc)
    context = details.get("ctx") or {}
    if "[key]" in details["loc"]:
        return origin.error("KEY", f"the key {brief(loc[-1])} is not text", loc, hint="quote it")
    if kind == "missing":
        what = "a required field is missing"
        return origin.error("MISSING", what, loc, hint=f"add `{loc[-1]}: …`")
    if kind == "string_type" and isinstance(given, bool | int | float):
        shown = one_line(origin.written.get(loc, str(given)), 40)
        what = f"{shown} is read as {_kind_of(given)}, text is wanted"
        return origin.error("QUOTE", what, loc, hint=f'quote it: "{shown}"')
    if kind == "string_too_long":
        what = f"the text has {len(str(given))} characters"
        return origin.error("VALUE", what, loc, hint=f"at most {context['max_length']}")
    if kind == "too_long":
        what = f"the list has {context['actual_length']} entries"
        return origin.error("VALUE", what, loc, hint=f"at most {context['max_length']}")
    if kind == "string_pattern_mismatch":
        hint = "lower-case letters, digits, `.`, `_`, `-`; at most 64; a letter or digit first"
        return origin.error("VALUE", f"{brief(given)} is not a short name", loc, hint=hint)
    if kind == "value_error":
        what = one_line(str(details["msg"]).removeprefix("Value error, "), 120)
        loc = loc or (("scorer",) if "scorer" in value else ("metric",))
        return origin.error("VALUE", what, loc, hint="see `advisor schema spec`")
    if kind == "literal_error":
        hint = f"one of {one_line(str(context.get('expected')), 150)}"
        return origin.error("VALUE", f"{brief(given)} is not one of the choices", loc, hint=hint)
    wanted = _WANTED.get(kind)
    if wanted:
        shown = one_line(origin.written.get(loc) or brief(given))
        what = f"{shown} is {_kind_of(given)}, {wanted} is wanted"
        return origin.error("TYPE", what, loc, hint=f"give {wanted}")
    limit = next(
        (f"{word} {context[name]}" for name, word in _LIMITS.items() if name in context), ""
    )
    what = f"{brief(given)} is out of range"
    return origin.error("VALUE", what, loc, hint=f"it must be {limit}" if limit else "see the docs")


def _at(value: Any, loc: Loc) -> Any:
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _kind_of(value: Any) -> str:
    if value is None:
        return "empty"
    kinds: list[tuple[type, str]] = [
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
    ]
    return next((name for kind, name in kinds if isinstance(value, kind)), "a mapping")


def brief(value: Any) -> str:
    """A value as Python writes it, cut to one short line."""
    try:
        return "nothing" if value is None else one_line(repr(value)[:200])
    except ValueError:
        return "this"  # a number of more digits than Python prints


def known_names(given: str, names: tuple[str, ...]) -> str:
    """A hint with all names that may be given, the one most like `given` first."""
    near = difflib.get_close_matches(given, names, n=1)
    start = f"did you mean {near[0]}? " if near else ""
    return f"{start}known: {', '.join(names)}"
