"""Which families may be looked at while building, and the log of who looked at others and why."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SALT, SHARE = "advisor-lab-1", 0.2
PAGE = "opened.yaml"


def is_opened(name: str) -> bool:
    """Whether the draw opens a family of that name.

    The first eight bytes of SHA-256(SALT NUL name), as a fraction of all they could be, lie below
    SHARE: it depends on the name alone, so that new families fall to one side by themselves.
    """
    digest = hashlib.sha256(f"{SALT}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < SHARE


def log_opening(lab: Path, families: list[str], who: str, why: str) -> None:
    """Write down, before it happens, that figures of unopened families are looked at."""
    page = read_page(lab)
    page.setdefault("log", []).append(
        {
            "date": datetime.now(UTC).isoformat(timespec="minutes"),
            "who": who,
            "families": sorted(families),
            "why": why,
        }
    )
    write_page(lab, page)


def read_page(lab: Path) -> dict[str, Any]:
    """The page of a laboratory's folder; an empty one where there is none."""
    from ruamel.yaml import YAML

    path = lab / PAGE
    return dict(YAML(typ="safe").load(path) or {}) if path.is_file() else {}


def write_page(lab: Path, page: dict[str, Any]) -> None:
    """Write the page, log first."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 100
    with (lab / PAGE).open("w") as out:
        yaml.dump({"log": page.get("log", [])} | page, out)
