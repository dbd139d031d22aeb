"""JSON answers: the schema that examples imply, and how many fields of an answer are right."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from knowledge.errors import UserError
from probes.readings import first_object, named_values, strict_json, strict_number

_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def infer_schema(values: Sequence[Any]) -> dict[str, Any]:
    """JSON Schema that all `values` satisfy: types as seen, fields required where always there.

    Whole numbers and fractions are one type. No field beyond those seen is allowed.
    """
    by_type: dict[str, list[Any]] = {}
    for value in values:
        by_type.setdefault(_TYPES[type(value)], []).append(value)
    parts = [_infer_one(name, held) for name, held in sorted(by_type.items())]
    return parts[0] if len(parts) == 1 else {"anyOf": parts} if parts else {}


def _infer_one(name: str, values: Sequence[Any]) -> dict[str, Any]:
    if name == "array":
        return {"type": name, "items": infer_schema([item for value in values for item in value])}
    if name != "object":
        return {"type": name}
    seen: dict[str, list[Any]] = {}
    for value in values:
        for key, held in value.items():
            seen.setdefault(key, []).append(held)
    return {
        "type": name,
        "properties": {key: infer_schema(held) for key, held in seen.items()},
        "required": sorted(key for key, held in seen.items() if len(held) == len(values)),
        "additionalProperties": False,
    }


def validator(schema: dict[str, Any]) -> Callable[[Any], bool]:
    """Whether a value satisfies `schema` (JSON Schema 2020-12).

    UserError E-SCHEMA where the schema is not valid, holds regular expressions (a hostile one
    never ends) or refers to anything outside itself.
    """
    import jsonschema
    import referencing

    if {"pattern", "patternProperties"} & set(_keywords(schema)):
        raise UserError("E-SCHEMA", "the schema holds `pattern`", hint="use `enum` or `type`")
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise UserError("E-SCHEMA", f"not a JSON Schema: {error.message[:200]}") from None
    checker = jsonschema.Draft202012Validator(schema, registry=referencing.Registry())

    def valid(value: Any) -> bool:
        try:
            return bool(checker.is_valid(value))
        except referencing.exceptions.Unresolvable:
            raise UserError("E-SCHEMA", "the schema refers to something outside itself") from None

    return valid


def _keywords(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            if key in ("properties", "$defs", "definitions") and isinstance(value, dict):
                for part in value.values():
                    yield from _keywords(part)
            elif key not in ("enum", "const", "default", "examples"):
                yield from _keywords(value)
    elif isinstance(schema, list):
        for part in schema:
            yield from _keywords(part)


def read_fields(answer: str, names: Iterable[str]) -> dict[str, Any]:
    """Fields of the first JSON object in `answer`, else its `name = value` pairs, else none."""
    try:
        whole = strict_json(answer)
    except ValueError:
        whole = None
    found = whole if isinstance(whole, dict) else first_object(answer)
    return found if found else named_values(answer, names)


def field_share(given: dict[str, Any], wanted: dict[str, Any]) -> float:
    """Share of leaf fields that are right, of all that are in either; 1 where both have none.

    Texts are compared without case, outer punctuation and repeated spaces, numbers and truth values
    also when they are quoted, lists in any order; a missing field is as good as a null.
    """
    left, right = _leaves(given), _leaves(wanted)
    names = {name for name in {*left, *right} if left.get(name, "") or right.get(name, "")}
    if not names:
        return 1.0
    return sum(left.get(name, "") == right.get(name, "") for name in names) / len(names)


def _leaves(record: dict[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    flat: dict[tuple[str, ...], str] = {}
    for key, value in record.items():
        here = (*path, " ".join(key.casefold().split()))
        if isinstance(value, dict) and value and len(here) < 50:
            flat.update(_leaves(value, here))
        else:
            flat[here] = _comparable(value)
    return flat


def _comparable(value: Any, depth: int = 0) -> str:
    """One text for all spellings of a value."""
    if depth > 50:
        return "…"
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return "[" + "|".join(sorted(_comparable(part, depth + 1) for part in value)) + "]"
        case dict():
            parts = sorted(f"{key}={_comparable(held, depth + 1)}" for key, held in value.items())
            return "{" + "|".join(parts) + "}"
    plain = unicodedata.normalize("NFKC", str(value)).casefold()
    text = " ".join(plain.split()).strip(" .,;:!?\"'`")
    number = strict_number(text)
    return f"{number:.9g}" if number is not None else text
