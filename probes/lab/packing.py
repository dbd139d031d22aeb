"""Scores and answers of many items as short text."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

from probes.records import Prediction

SCALE = 240
"""Parts of 1 that a score which is not 0 or 1 is kept in: halves to sixths, eighths, tenths and
twelfths stay exact."""


def packed(values: Sequence[float]) -> str:
    """Scores from 0 to 1 as text: a bit each where all are 0 or 1, else a byte in 1/SCALE."""
    if all(value in (0.0, 1.0) for value in values):
        bits = "".join(str(int(value)) for value in values)
        whole = int(bits + "0" * (-len(bits) % 8) or "0", 2)
        data = whole.to_bytes(-(-len(bits) // 8), "big")
        return f"bits:{len(values)}:{base64.b64encode(data).decode()}"
    return "u8:" + base64.b64encode(bytes(round(SCALE * value) for value in values)).decode()


def unpacked(text: str) -> list[float]:
    """What `packed` was given, to 1/SCALE. ValueError for other text."""
    kind, _, rest = text.partition(":")
    if kind == "u8":
        return [byte / SCALE for byte in base64.b64decode(rest, validate=True)]
    if kind != "bits":
        raise ValueError(f"not packed scores: {text[:20]!r}")
    count, _, data = rest.partition(":")
    bits = "".join(f"{byte:08b}" for byte in base64.b64decode(data, validate=True))
    return [float(bit) for bit in bits[: int(count)]]


def fingerprints(predictions: Sequence[Prediction]) -> str:
    """A byte for each answer, the same for the same text."""
    return base64.b64encode(
        bytes(zlib.crc32(each.text.strip().encode()) & 0xFF for each in predictions)
    ).decode()
