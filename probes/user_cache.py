"""Where this user's machine keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$ADVISOR_CACHE`, or a folder of the user's cache; it need not exist yet."""
    root = os.environ.get("ADVISOR_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "llm-advisor"
