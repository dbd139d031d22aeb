"""Writes `compiled.json`: every YAML file of this package, checked, in one file that loads fast.

`python -m knowledge.compile` after a change of any of them; a test finds a stale file. Parsing 150
claims by ruamel costs a third of a second, which `advisor advise` does not have.
"""

from __future__ import annotations

import json
from pathlib import Path

from knowledge.load import COMPILED, HERE, KINDS


def compiled() -> str:
    """The text of `compiled.json`, from the YAML files.

    Raises:
        pydantic.ValidationError: a row does not fit its record.
    """
    from ruamel.yaml import YAML

    parser = YAML(typ="safe", pure=True)
    content = {}
    for name, (pattern, kind) in KINDS.items():
        rows = []
        for path in sorted(HERE.glob(pattern)):
            read = parser.load(path.read_text(encoding="utf-8"))
            rows += [kind.model_validate(row).model_dump(exclude_defaults=True) for row in read]
        content[name] = rows
    return json.dumps(content, indent=0, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(COMPILED).write_text(compiled(), encoding="utf-8")
