"""JSON outputs whose fields or types differ from those of most rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from probes.audit.costs import rarest_first
from probes.audit.kinds import Kind
from probes.audit.records import Found
from probes.audit.shown import private, shown

Signature = tuple[tuple[str, str], ...]
"""Fields with their types, sorted."""

_ALWAYS = 0.9
"""Share of rows from which a field, a set of fields or a type is the rule; our choice."""
_RARE = 0.1
"""And below which a field is an exception."""
_TYPES: dict[type, str] = {
    bool: "truth value",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
    type(None): "null",
}
FIELDS = Kind(
    name="mixed-fields",
    says="{have} other fields than the rest",
    fix="Give all outputs the same names of fields; write null where there is no value.",
    on="figure",
    basis="a reference with other fields counts as wrong in these: with all of them renamed in 40 %"
    " of the rows LoRA on a pocket task lost nothing, and the figure 40 points"
    " (results/pocket/dirty_data.md)",
    factors=(0.6, 0.2, 1.2),
)
TYPES = Kind(
    name="mixed-types",
    says="{have} a value of another type than most",
    fix="Give each field one type: numbers with quotes everywhere, or nowhere.",
    on="figure",
    basis="a reference of another type counts as partly wrong; not measured",
    factors=(0.3, 0.0, 1.0),
)
QUOTED = replace(
    TYPES,
    basis="fields are compared with and without quotes, and LoRA on a pocket task lost nothing at"
    " 40 % of the rows (results/pocket/dirty_data.md); whatever reads the answers may be stricter",
    factors=(0.05, 0.0, 1.0),
)
"""Where numbers stand in quotes in some rows, and nothing else differs."""


def signature(value: Mapping[str, Any], depth: int = 2) -> Signature:
    """The fields of an object with their types, those of objects inside it by `outer.inner`."""
    fields: list[tuple[str, str]] = []
    for key, held in value.items():
        fields.append((key, _TYPES[type(held)]))
        if depth > 1 and isinstance(held, dict) and held:
            fields += [(f"{key}.{inner}", kind) for inner, kind in signature(held, depth - 1)]
    return tuple(sorted(fields))


def drift(rows: Mapping[Signature, Sequence[int]], of: int) -> Iterator[Found]:
    """Kinds mixed-fields and mixed-types, from the rows of each signature."""
    n = sum(map(len, rows.values()))
    if n < 10 or len(rows) < 2:
        return
    sizes = {each: len(held) for each, held in rows.items()}
    yield from _fields(rows, sizes, of)
    yield from _types(rows, sizes, of)


def _fields(
    rows: Mapping[Signature, Sequence[int]], sizes: Mapping[Signature, int], of: int
) -> Iterator[Found]:
    n = sum(sizes.values())
    present: Counter[str] = Counter()
    sets: Counter[frozenset[str]] = Counter()
    for each, count in sizes.items():
        names = frozenset(name for name, _ in each)
        sets[names] += count
        present.update(dict.fromkeys(names, count))
    usual, most = sets.most_common(1)[0]
    core = {name for name, count in present.items() if count >= _ALWAYS * n}
    rare = {name for name, count in present.items() if count < _RARE * n}
    odd, renames = [], _renames(sets, n)
    core |= {old for old, _ in renames}
    rare |= {new for _, new in renames}
    for each in rows:
        names = frozenset(name for name, _ in each)
        renamed = bool(core - names) and bool(names & rare)
        if renamed or (most >= _ALWAYS * n and names != usual):
            odd.append(each)
    if not odd or not core:
        return
    missing = Counter(name for each in odd for name in core - {name for name, _ in each})
    extra = Counter(name for each in odd for name, _ in each if name in rare)
    places = rarest_first({each: rows[each] for each in odd})
    yield from FIELDS.found(
        places,
        of,
        f"{_named(' without', missing)}{_named(' with', extra)}.",
        details={
            "usual": [_shown(name) for name in sorted(usual)[:30]],
            "missing": _listed(missing),
            "extra": _listed(extra),
        },
    )


def _renames(sets: Counter[frozenset[str]], n: int) -> list[tuple[str, str]]:
    """Pairs (usual name, other name): sets of fields alike but for one name that stands in for
    another, or as many fields under wholly other names, where nearly every row has the one or the
    other and none has both."""
    common = [names for names, count in sets.most_common(20) if count >= n / 50]
    pairs: list[tuple[str, str]] = []
    for at, one in enumerate(common):
        for two in common[at + 1 :]:
            old, new = sorted(one - two), sorted(two - one)
            if len(old) != len(new) or (len(old) > 1 and one & two):
                continue
            either = sum(
                count
                for names, count in sets.items()
                if names.issuperset(old) != names.issuperset(new)
            )
            if either >= 0.98 * n:
                pairs += zip(old, new, strict=True)
    return pairs


def _types(
    rows: Mapping[Signature, Sequence[int]], sizes: Mapping[Signature, int], of: int
) -> Iterator[Found]:
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for each, count in sizes.items():
        for name, kind in each:
            if kind != "null":
                kinds[name][kind] += count
    n = sum(sizes.values())
    usual = {
        name: held.most_common(1)[0][0]
        for name, held in kinds.items()
        if len(held) > 1 and held.total() >= max(10, n / 100)
    }
    odd = [
        each
        for each in rows
        if any(kind not in (usual.get(name, kind), "null") for name, kind in each)
    ]
    if not odd:
        return
    fields = sorted(usual)[:20]
    first = f" ('{_shown(fields[0])}' is usually a {usual[fields[0]]})."
    places = rarest_first({each: rows[each] for each in odd})
    types = {"types": {_shown(name): dict(kinds[name]) for name in fields}}
    quoted = all(kinds[name].keys() <= {"number", "string"} for name in usual)
    yield from (QUOTED if quoted else TYPES).found(places, of, first, details=types)


def _named(before: str, names: Counter[str]) -> str:
    listed = ", ".join(f"'{_shown(name)}'" for name, _ in names.most_common(3))
    return f"{before} {listed}" if listed else ""


def _listed(names: Counter[str]) -> list[str]:
    return [_shown(name) for name, _ in names.most_common(30)]


def _shown(name: str) -> str:
    """A field's name; the parts of `outer.inner` are looked at alone too, for a dot before a number
    hides it from the patterns."""
    return next(filter(None, map(private, name.split("."))), shown(name))
