"""Model files that Python packages carry; found without importing the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def gguf_file(location: str) -> Path | None:
    """The GGUF file `package/file.gguf` of an installed package, or None where it is absent."""
    package, file = location.split("/", 1)
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / file
    return path if path.is_file() else None
