"""Writes `compiled.json`: every YAML file of this package, checked, in one file that loads fast.

`python -m knowledge.compile` after a change of any of them; a test finds a stale file. Parsing them
all costs ruamel seconds, which `advisor advise` does not have. Each record is a line of its own.
"""

from __future__ import annotations

import json

from knowledge.load import COMPILED, HERE, KINDS


def compiled() -> str:
    """The text of `compiled.json`, from the YAML files.

    Raises:
        pydantic.ValidationError: a row does not fit its record.
    """
    from ruamel.yaml import YAML

    parser = YAML(typ="safe", pure=True)
    lists = []
    for name, (pattern, kind) in sorted(KINDS.items()):
        rows = []
        for path in sorted(HERE.glob(pattern)):
            read = parser.load(path.read_text(encoding="utf-8"))
            rows += [kind.model_validate(row).model_dump(exclude_defaults=True) for row in read]
        lines = (json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows)
        lists.append(f'"{name}": [\n' + ",\n".join(lines) + "\n]")
    return "{\n" + ",\n".join(lists) + "\n}\n"


if __name__ == "__main__":
    COMPILED.write_text(compiled(), encoding="utf-8")
