"""The user's documents as passages: a folder of texts, or rows that are whole passages."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from knowledge.errors import UserError
from probes.files import open_regular
from probes.record import Record
from probes.records import Passage, Splits
from probes.retrieval import silver_passages
from probes.sinks import file_name, one_line
from probes.spec import resolve
from probes.tables import missing_column, read_table, row_error
from probes.task import DataSpec, TaskSpec
from probes.turns import text_of

PASSAGE_CHARS = 1_000
MIN_KNOWN_SHARE = 0.5
"""Share of items whose passages must be known before recall and the oracle are measured."""
MAX_DOCUMENT_BYTES = 50 * 2**20
MAX_DOCUMENTS = 100_000


class Documents(Record):
    """The user's documents, and which passages answer which items."""

    passages: tuple[Passage, ...] = ()
    gold: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Passage ids by item id, for dev and test items."""
    kind: Literal["given", "silver", "none"] = "none"
    """`given`: named in the data; `silver`: guessed, since the answer stands in the passage."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the passages and of what is known about them; "" where there are none."""
        if not self.passages:
            return ""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def documents_of(passages: Sequence[Passage], splits: Splits, data: DataSpec) -> Documents:
    """The passages with the gold ids of dev and test items.

    Where fewer than half of the items name theirs, silver ones are added for the others; where
    that is still fewer than half, nothing is taken to be known.

    Raises:
        UserError: E-DATA-GOLD, for the id of a passage that is not there.
    """
    if not passages:
        return Documents()
    known = {passage.id for passage in passages}
    for side, file in ((splits.train, data.train), (splits.dev, data.train),
                       (splits.test, data.test or data.train)):  # fmt: skip
        for example in side:
            for name in set(example.gold_passages) - known:
                raise UserError(
                    "E-DATA-GOLD",
                    f"no passage is called '{one_line(name, 60)}'",
                    place=f"{file_name(Path(file))}:{example.row}",
                    hint="gold passages are ids of `data.documents`",
                )
    held_out = (*splits.dev, *splits.test)
    given = {each.item.id: each.gold_passages for each in held_out if each.gold_passages}
    if len(given) >= MIN_KNOWN_SHARE * len(held_out):
        return Documents(passages=tuple(passages), gold=given, kind="given")
    silver = silver_passages(held_out, passages) | given
    enough = len(silver) >= MIN_KNOWN_SHARE * len(held_out)
    return Documents(
        passages=tuple(passages),
        gold=silver if enough else {},
        kind="silver" if enough else "none",
    )


def read_documents(spec: TaskSpec, spec_path: Path) -> tuple[Passage, ...]:
    """Passages of `data.documents`; () where the spec names none. See `read_passages`."""
    if spec.data.documents is None:
        return ()
    return read_passages(resolve(spec.data.documents, spec_path, folder=True))


def read_passages(path: Path) -> tuple[Passage, ...]:
    """The passages of a folder or a .jsonl, in the order of their files.

    A folder gives passages of about 1,000 characters with ids such as `guide.md#3`; each row of a
    .jsonl stays whole and keeps its id. Raises UserError where nothing is there to read.
    """
    if not path.is_dir():
        return _rows_as_passages(path)
    found = sorted(_documents(path))
    if len(found) > MAX_DOCUMENTS:
        what = f"{len(found)} documents; the limit is {MAX_DOCUMENTS}"
        raise UserError("E-DATA-TOO-BIG", what, place=file_name(path), hint="give a part of them")
    passages = [
        Passage(id=f"{one_line(file.relative_to(path).as_posix(), None)}#{number}", text=text)
        for file in found
        for number, text in enumerate(_passages(_document(file)), start=1)
    ]
    if not passages:
        what = "no text in any .md or .txt of the folder"
        hint = "turn other formats into .md or .txt first"
        raise UserError("E-DATA-EMPTY", what, place=file_name(path), hint=hint)
    return tuple(passages)


def _documents(path: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        place = file_name(error.filename or path)
        what = "a folder that may not be read"
        raise UserError("E-DATA-UNREADABLE", what, place=place, hint="change its permissions")

    for folder, subfolders, names in os.walk(path, onerror=refuse):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if name.lower().endswith((".md", ".txt")))


def _rows_as_passages(path: Path) -> tuple[Passage, ...]:
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        what = "documents are a folder or a .jsonl"
        raise UserError("E-DATA-SUFFIX", what, place=file_name(path), hint="give one of them")
    table = read_table(path)
    for name in ("id", "text"):
        if name not in table.columns:
            raise missing_column(table, f"documents need a field `{name}`", name)
    passages: dict[str, Passage] = {}
    for row in table.rows:
        name, text = text_of(row.values.get("id")), row.values.get("text")
        if not name.strip() or not isinstance(text, str) or not text.strip():
            raise row_error("BLANK", table, [row.number], "an empty id or text")
        if name in passages:
            raise row_error("TYPE", table, [row.number], f"id {one_line(name, 40)!r} again")
        passages[name] = Passage(id=name, text=text)
    return tuple(passages.values())


def _document(path: Path) -> str:
    with open_regular(path, "DATA") as file:
        raw = file.read(MAX_DOCUMENT_BYTES + 1)
    place = file_name(path)
    if len(raw) > MAX_DOCUMENT_BYTES:
        what = f"larger than {MAX_DOCUMENT_BYTES} bytes"
        raise UserError("E-DATA-TOO-BIG", what, place=place, hint="cut it into several files")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} is not UTF-8"
        raise UserError("E-DATA-ENCODING", what, place=place, hint="save as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _passages(text: str) -> list[str]:
    """Paragraphs joined up to about 1,000 characters; a heading begins a new passage."""
    passages: list[str] = []
    current = ""
    for paragraph in (piece for block in re.split(r"\n\s*\n", text) for piece in _pieces(block)):
        heading = re.match(r"#{1,6} ", paragraph)
        too_long = len(current) + len(paragraph) > PASSAGE_CHARS
        # A heading stays with what follows it.
        body = any(not line.startswith("#") for line in current.splitlines() if line)
        if body and (heading or too_long):
            passages.append(current)
            current = ""
        current = f"{current}\n\n{paragraph}" if current else paragraph
    return [*passages, current] if current else passages


def _pieces(block: str) -> list[str]:
    """A block cut at sentence ends, else at spaces, where it is longer than a passage."""
    block = block.strip()
    pieces = []
    while len(block) > PASSAGE_CHARS * 3 // 2:
        window = block[:PASSAGE_CHARS]
        ends = [found.end() for found in re.finditer(r"[.!?]\s|\n", window)]
        space = window.rfind(" ") + 1
        end = ends[-1] if ends and ends[-1] > PASSAGE_CHARS // 2 else space or PASSAGE_CHARS
        pieces.append(block[:end].strip())
        block = block[end:].strip()
    return [*pieces, block] if block else pieces
