"""The claims that a report names, and the sources that they rest on."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.knowledge_whole import READ
from knowledge.errors import UserError
from knowledge.statements import Claim, Reference
from probes.files import open_regular
from probes.sinks import file_name

PARTS = ("advice", "findings", "options", "reasons", "beside")
"""Parts of a report, and of first advice, that name claims; the spec and the data are the user's
own words."""
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
"""Characters that TeX does not print as they are."""


@dataclass(frozen=True)
class Entry:
    """A source, with every claim that is cited and rests on it or is contradicted by it."""

    source: Reference
    """As the first claim gives it, with the date of the latest look."""
    parts: tuple[str, ...]
    readings: tuple[str, ...]
    claims: tuple[str, ...]


def read_report(path: Path) -> dict[str, Any]:
    """The JSON of a run's report, or of a piece of advice.

    `path` is a run's folder, its report.json, or what `advisor advise --json` printed.

    Raises:
        UserError: E-RUN-NO-REPORT, E-DATA-... or E-REPORT-CONTENT.
    """
    if os.path.isdir(path):
        folder, path = path, path / "report.json"
        if not os.path.exists(path):
            raise UserError(
                "E-RUN-NO-REPORT",
                "there is no report.json in this folder",
                place=file_name(folder),
                hint="make it with `advisor report`",
            )
    with open_regular(path, "DATA") as file:
        data = file.read()
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    whole = isinstance(content, dict) and isinstance(content.get("advice"), dict)
    first = isinstance(content, dict) and isinstance(content.get("reasons"), list)
    if not (whole or first):
        raise UserError(
            "E-REPORT-CONTENT",
            "this is neither a report nor first advice",
            place=file_name(path),
            hint="give a run's folder, a report.json or what `advisor advise --json` printed",
        )
    found: dict[str, Any] = content
    return found


def claims_named(report: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """Ids of the claims named in the advice, the findings and the options, sorted.

    Whatever else stands there, ids of measurements above all, is passed over.
    """
    texts = _texts([report.get(part) for part in PARTS])
    return sorted({name for text in texts for name in NAME.findall(text)} & set(known))


def _texts(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            left.extend(each.values())
        elif isinstance(each, list | tuple):
            left.extend(each)


def entries(claims: Iterable[Claim]) -> list[Entry]:
    """Every source of the claims once, by title: by arXiv id, else by address, else by title."""
    found: dict[str, list[tuple[Reference, str]]] = {}
    for claim in claims:
        for source in (*claim.sources, *claim.against):
            key = source.arxiv or source.url or source.title
            found.setdefault(key, []).append((source, claim.id))
    made = map(_entry, found.values())
    return sorted(made, key=lambda entry: (entry.source.title.casefold(), entry.source.arxiv))


def _entry(uses: Sequence[tuple[Reference, str]]) -> Entry:
    sources = [source for source, _ in uses]
    latest = max(source.checked for source in sources)
    return Entry(
        source=sources[0].model_copy(update={"checked": latest}),
        parts=tuple(dict.fromkeys(source.part for source in sources if source.part)),
        readings=tuple(dict.fromkeys(READ[source.reading] for source in sources)),
        claims=tuple(sorted({claim for _, claim in uses})),
    )


def bibliography(claims: Sequence[Claim]) -> Iterator[str]:
    """The sources for people, then the claims that have none."""
    for entry in entries(claims):
        source = entry.source
        address = f"arXiv:{source.arxiv}" if source.arxiv else source.url
        facts = [source.title, *entry.parts, address, source.published or ""]
        facts += [*entry.readings, f"checked {source.checked}"]
        yield f"- {'; '.join(filter(None, facts))}"
        yield f"    for {', '.join(entry.claims)}"
    bare = [claim.id for claim in claims if not claim.sources]
    if bare:
        yield f"without any source: {', '.join(bare)}"


def bibtex(claims: Iterable[Claim]) -> Iterator[str]:
    """The sources as BibTeX. Authors are not recorded: the id or the address finds them."""
    taken: set[str] = set()
    for entry in entries(claims):
        source = entry.source
        fields = {"title": f"{{{_tex(source.title)}}}"}
        if source.published:
            fields["year"] = source.published[:4]
        if source.arxiv:
            fields |= {"eprint": source.arxiv, "archivePrefix": "arXiv"}
        address = source.url or (f"https://arxiv.org/abs/{source.arxiv}" if source.arxiv else "")
        if address:
            fields["url"] = address
        uses = f"{'; '.join([*entry.parts, ''])}for {', '.join(entry.claims)}"
        fields["note"] = _tex(f"{uses}; checked {source.checked}")
        yield f"@misc{{{_key(source, taken)},"
        yield from (f"  {name} = {{{value}}}," for name, value in fields.items())
        yield from ("}", "")


def _key(source: Reference, taken: set[str]) -> str:
    """A key that no earlier entry has: the first words of the title and the year."""
    words = re.findall(r"[a-z0-9]+", source.title.casefold())[:3]
    start = "-".join([*words, *([source.published[:4]] if source.published else [])]) or "source"
    key, n = start, 1
    while key in taken:
        n += 1
        key = f"{start}-{n}"
    taken.add(key)
    return key


def _tex(text: str) -> str:
    return "".join(SPECIAL.get(character, character) for character in text)
