"""The one text of a JSON value, and what is made from it: keys, checksums and seals."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from typing import Any

from probes.records import Json

SCHEMA_VERSION = 1


def canonical_json(value: Json) -> str:
    """The one text of `value`: sorted keys, no whitespace, no escapes but the necessary ones.

    Unicode is not normalised: two spellings of one letter are two values. ValueError where a
    number is NaN or infinite; TypeError where something is not JSON.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )


def cell_key(context: Json) -> str:
    """SHA-256, in hexadecimal, of everything that can change a cell's numbers.

    ValueError or TypeError as `canonical_json`; ValueError too for text that is not Unicode.
    """
    return hashlib.sha256(canonical_json(context).encode()).hexdigest()


def is_key(text: str) -> bool:
    """Whether `cell_key` could have given this."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def checked_key(key: str) -> str:
    """`key`; ValueError where it is none."""
    if not is_key(key):
        raise ValueError(f"not a cell's key: {key!r}")
    return key


def seal(value: Json) -> bytes:
    """`value` with its checksum, as the bytes of a file."""
    text = canonical_json(value)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"schema_version":{SCHEMA_VERSION},"sha256":"{digest}","value":{text}}}\n'.encode()


def unseal(data: bytes) -> Json:
    """The value that `seal` was given; ValueError says what is wrong with `data`."""
    try:
        sealed: Any = json.loads(data)
        if not isinstance(sealed, dict) or sealed.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("not of this schema")
        value = sealed.get("value")
        if not isinstance(value, dict):
            raise ValueError("without a value")
        digest = hashlib.sha256(canonical_json(value).encode()).hexdigest()
    except RecursionError:
        raise ValueError("nested too deep") from None
    if digest != sealed.get("sha256"):
        raise ValueError("wrong checksum")
    return value


def seal_line(value: Json) -> str:
    """`value` with its checksum, as one line of a file."""
    text = canonical_json(value)
    return f"{zlib.crc32(text.encode()):08x} {text}"


def unseal_line(line: bytes) -> Json:
    """The value that `seal_line` was given; ValueError, TypeError or RecursionError if damaged."""
    crc, _, text = line.decode().partition(" ")
    if int(crc, 16) != zlib.crc32(text.encode()):
        raise ValueError("wrong checksum")
    return dict(json.loads(text))
