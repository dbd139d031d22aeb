"""The user's own scorer: a command that reads JSON lines and writes JSON lines.

On stdin `{"id", "input", "output", "prediction"}` for each answer, `output` being the reference; on
stdout `{"id", "score"}` with 0 <= score <= 1 and optionally `"form": true|false`, one line for each
id, in any order. stderr is free for messages; exit status 0.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from knowledge.errors import UserError
from probes.readings import strict_json
from probes.records import Example, Prediction, Score

TIMEOUT_S = 600.0
MAX_OUTPUT_BYTES = 50_000_000
_SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")


def run_scorer(
    command: Sequence[str],
    predictions: Sequence[Prediction],
    examples: Sequence[Example],
    folder: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> list[Score]:
    """Scores in the order of `predictions`, from one run of `command` in `folder`, no shell.

    Example i is that of prediction i. Environment variables that look like secrets are not passed.
    UserError: E-SCORER-NOTFOUND, -TIMEOUT, -EXIT, -SIZE, -OUTPUT (not such a line), -RANGE, -ID
    (unknown, twice or missing).
    """
    if not predictions:
        return []
    rows = [
        {
            "id": prediction.item_id,
            "input": example.item.text,
            "output": example.output,
            "prediction": prediction.text,
        }
        for prediction, example in zip(predictions, examples, strict=True)
    ]
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as sink:
        for row in rows:
            source.write(json.dumps(row).encode() + b"\n")
        source.seek(0)
        _execute(command, source, sink, folder, timeout_s)
        given = dict(_lines(sink, {row["id"] for row in rows}))
    missing = [row["id"] for row in rows if row["id"] not in given]
    if missing:
        raise UserError("E-SCORER-ID", f"no score for {len(missing)} ids, such as {missing[0]!r}")
    return [_score(prediction, given[prediction.item_id]) for prediction in predictions]


def _score(prediction: Prediction, line: dict[str, Any]) -> Score:
    form, content = line.get("form", bool(prediction.text.strip())), float(line["score"])
    quality = content if form else 0.0
    return Score(item_id=prediction.item_id, form=form, content=content, quality=quality)


def _execute(
    command: Sequence[str], source: IO[bytes], sink: IO[bytes], folder: Path | None, limit_s: float
) -> None:
    shown = _shown(command[0]) if command else "''"
    kept = {k: v for k, v in os.environ.items() if not any(word in k.upper() for word in _SECRETS)}
    with tempfile.TemporaryFile() as messages:
        try:
            child = subprocess.Popen(
                list(command),
                stdin=source,
                stdout=sink,
                stderr=messages,
                cwd=folder,
                env=kept,
                start_new_session=True,
            )
        except (OSError, ValueError, IndexError) as error:
            raise UserError(
                "E-SCORER-NOTFOUND", f"the scorer {shown} cannot be started: {_reason(error)}"
            ) from None
        try:
            status = _wait(child, shown, (sink, messages), limit_s)
        finally:
            _end_group(child)
        if status != 0:
            last = _last_line(messages)
            raise UserError("E-SCORER-EXIT", f"the scorer {shown} ended with {status}: {last}")


def _wait(
    child: subprocess.Popen[bytes], shown: str, written: Sequence[IO[bytes]], limit_s: float
) -> int:
    """The exit status; UserError as soon as it takes too long or writes too much."""
    end = time.monotonic() + limit_s
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(timeout=max(0.0, min(0.5, end - time.monotonic())))
        if time.monotonic() >= end:
            what = f"the scorer {shown} took more than {limit_s:g} s"
            raise UserError("E-SCORER-TIMEOUT", what)
        _refuse_too_much(written)


def _refuse_too_much(written: Sequence[IO[bytes]]) -> None:
    size = max(os.fstat(file.fileno()).st_size for file in written)
    if size > MAX_OUTPUT_BYTES:
        raise UserError("E-SCORER-SIZE", f"the scorer wrote {size} bytes")


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Ends the scorer and what it started, so that nothing outlives the scoring."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _lines(sink: IO[bytes], ids: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    _refuse_too_much([sink])
    sink.seek(0)
    seen: set[str] = set()
    for number, raw in enumerate(sink, start=1):
        if not raw.strip():
            continue
        line = _line(raw, f"scorer output:{number}")
        if line["id"] in seen or line["id"] not in ids:
            why = "scored twice" if line["id"] in seen else "was not asked for"
            raise UserError(
                "E-SCORER-ID", f"id {_shown(line['id'])} {why}", place=f"scorer output:{number}"
            )
        seen.add(line["id"])
        yield line["id"], line


def _line(raw: bytes, place: str) -> dict[str, Any]:
    try:
        line = strict_json(raw.decode())
    except ValueError as error:
        what = f"not a JSON line: {str(error)[:120]}"
        raise UserError("E-SCORER-OUTPUT", what, place=place) from None
    hint = 'write {"id": "…", "score": 0.5}, one line for each answer'
    if not isinstance(line, dict) or not isinstance(line.get("id"), str):
        raise UserError("E-SCORER-OUTPUT", "no `id`", place=place, hint=hint)
    score, form = line.get("score"), line.get("form", True)
    if isinstance(score, bool) or not isinstance(score, int | float) or not isinstance(form, bool):
        what = "`score` is not a number or `form` not true or false"
        raise UserError("E-SCORER-OUTPUT", what, place=place, hint=hint)
    if not 0 <= score <= 1:  # nor infinite
        what = f"a score of {str(score)[:20]}, not from 0 to 1"
        raise UserError("E-SCORER-RANGE", what, place=place)
    return line


def _last_line(messages: IO[bytes]) -> str:
    size = messages.seek(0, os.SEEK_END)
    messages.seek(max(0, size - 2_000))
    lines = messages.read().decode(errors="replace").strip().splitlines()
    return _shown(lines[-1]) if lines else "nothing on stderr"


def _reason(error: Exception) -> str:
    return (error.strerror or "not found") if isinstance(error, OSError) else str(error)[:80]


def _shown(text: str) -> str:
    """Foreign text as Python would write it: no escape reaches a terminal."""
    return ascii(text[:120])
