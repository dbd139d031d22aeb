"""Chat format: template tokens inside texts, system prompts, the order of roles, rows too long."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from probes.audit.costs import HARDLY, UNFELT, UNMEASURED, counted, have, listed, rarest_first
from probes.audit.kinds import Kind
from probes.audit.records import NO_EFFECT, Found, Remedy
from probes.audit.sheet import Entry, Sheet
from probes.audit.too_long import too_long
from probes.sinks import one_line

_HEADINGS = ("### R", "### I", "### H", "### A", "### U", "### S")
_TRIGGERS = (
    "<|",
    "INST]",
    "_of_turn>",
    "<s>",
    "</s>",
    "SYS>>",
    "ssistant:",
    "ASSISTANT:",
    *_HEADINGS,
)
_TOKEN = re.compile(
    r"<\|(?:im_start|im_end|im_sep|eot_id|eom_id|start_header_id|end_header_id|begin_of_text"
    r"|end_of_text|endoftext|endofprompt|user|assistant|system|end|python_tag|pad|tool_call|message"
    r"|start|channel|return|[A-Z_]{3,30}_TOKEN)\|>"
    r"|</?(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|^\s*<s>(?![^<]*</s>\s{0,20}\S)|</s>(?=\s{0,20}$)"
    r"|(?m:^### (?:Response|Instruction|Input|Human|Assistant|User|System)\b:?)"
)
_SPEAKERS = re.compile(r"(?m)^(Human|User|USER|Assistant|ASSISTANT|AI|Bot):")
_LAST = (
    *("<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>", "<|return|>"),
    *("</s>", "<end_of_turn>"),
)
"""Marks that only end a text."""
_MOSTLY = 0.8
"""Share of the system prompts from which one is the usual one; our choice."""
_CHUNK = 64
"""Rows looked at together first: most hold no mark."""


TOKENS = Kind(
    name="template-tokens",
    says="{have} marks of a chat template inside the text",
    fix="Take them out and give the turns as messages: each model's own template is put around them"
    " when it is asked and trained.",
    on="model",
    basis=UNFELT,
    factors=HARDLY,
)
NO_SYSTEM = Kind(
    name="missing-system-prompt",
    says="{have} no system prompt, the others have one",
    fix="Give every row the system prompt that will be used live, or none.",
    on="model",
    basis=UNMEASURED,
    factors=(0.1, 0.0, 0.5),
)
OTHER_SYSTEM = Kind(
    name="system-prompts",
    says="{have} another system prompt than most",
    fix="Give every row the system prompt that will be used live.",
    on="model",
    basis=UNMEASURED,
    factors=(0.1, 0.0, 0.5),
)
ORDER = Kind(
    name="role-order",
    says="{have} turns out of order",
    fix="Let user and assistant take turns, the user first, after at most one system turn; join"
    " turns of one speaker.",
    on="model",
    basis="some templates refuse it; not measured",
    factors=(0.3, 0, 1),
)


def check(sheet: Sheet) -> Iterator[Found]:
    """Kinds template-tokens, system-prompts, missing-system-prompt, role-order, unlearnt-turns
    and too-long."""
    yield from _template_tokens(sheet)
    yield from _system_prompts(sheet)
    yield from _role_order(sheet)
    yield from too_long(sheet)


# ---------------------------------------------------------------- tokens of templates


def _template_tokens(sheet: Sheet) -> Iterator[Found]:
    counts: Counter[str] = Counter()
    places: Counter[str] = Counter()
    rows: list[int] = []
    outputs: dict[int, str] = {}
    for at in _worth(sheet):
        row = sheet.entries[at]
        inside = {"input": tokens_in(row.text), "output": tokens_in(row.output)}
        if any(inside.values()):
            rows.append(at)
            for place, names in inside.items():
                counts.update({one_line(name, 30) for name in names})
                places[place] += bool(names)
            clean = _without_end_marks(row.output)
            if clean != row.output and clean.strip() and not tokens_in(clean):
                outputs[at] = clean
    rows.sort(key=lambda at: not tokens_in(sheet.entries[at].output))
    yield from TOKENS.found(
        rows,
        len(sheet.entries),
        f": {listed(counts, 4)}.",
        Remedy.writing(outputs),
        {"tokens": dict(counts.most_common(30)), "places": dict(places)},
    )


def tokens_in(text: str) -> list[str]:
    """Marks of chat templates in `text`, and the speakers of a whole dialogue written as text."""
    if not any(trigger in text for trigger in _TRIGGERS):
        return []
    found = [match[0].strip() for match in _TOKEN.finditer(text)]
    speakers = set(_SPEAKERS.findall(text))
    if speakers & {"Human", "User", "USER"} and speakers & {"Assistant", "ASSISTANT", "AI", "Bot"}:
        found.append("Human: … Assistant:")
    return found


def _without_end_marks(text: str) -> str:
    bare = text.rstrip()
    while bare.endswith(_LAST):
        mark = next(mark for mark in _LAST if bare.endswith(mark))
        bare = bare[: -len(mark)].rstrip()
        text = bare
    return text


def _worth(sheet: Sheet) -> Iterator[int]:
    """Positions of rows that may hold a mark; the others are passed over many at a time."""
    for start in range(0, len(sheet.entries), _CHUNK):
        chunk = sheet.entries[start : start + _CHUNK]
        whole = "\n".join([text for row in chunk for text in (row.text, row.output)])
        if any(trigger in whole for trigger in _TRIGGERS):
            yield from range(start, start + len(chunk))


# ---------------------------------------------------------------- turns of rows not refused


def _system_prompts(sheet: Sheet) -> Iterator[Found]:
    systems = {at: _system(row) for at, row in enumerate(sheet.entries) if not row.fault}
    counts = Counter(systems.values())
    missing = counts.pop("", 0)
    if not counts:
        return
    of, given = len(systems), len(systems) - missing
    most, n_most = counts.most_common(1)[0]
    if missing < of / 2:
        yield from NO_SYSTEM.found([at for at, system in systems.items() if not system], of)
    others = given - n_most
    if others and n_most >= _MOSTLY * given:
        rows = [at for at, system in systems.items() if system and system != most]
        rows.sort(key=lambda at: counts[systems[at]])
        sizes = {"different": len(counts), "rows of the usual one": n_most}
        yield from OTHER_SYSTEM.found(rows, of, f" ({len(counts):,} different ones).", None, sizes)


def _system(row: Entry) -> str:
    if row.turns and row.turns[0].role == "system":
        return row.turns[0].content.strip()
    return ""


def _role_order(sheet: Sheet) -> Iterator[Found]:
    wrong: dict[str, list[int]] = {}
    several = []
    for at, row in enumerate(sheet.entries):
        if row.fault or not row.turns:
            continue
        why = disorder(row)
        if why:
            wrong.setdefault(why, []).append(at)
        if sum(turn.role == "assistant" for turn in row.turns) > 1:
            several.append(at)
    of = sum(not row.fault for row in sheet.entries)
    sizes = {why: len(held) for why, held in wrong.items()}
    yield from ORDER.found(rarest_first(wrong), of, f": {listed(sizes)}.", None, sizes)
    if several:
        n = len(several)
        yield Found(
            kind="unlearnt-turns",
            text=f"{counted(n, of)} {have(n)} several assistant turns, of which only the last is"
            " learnt.",
            rows=several,
            of=of,
            fix="Nothing is wrong; give each turn a row of its own to have all of them learnt.",
            effect=NO_EFFECT,
        )


def disorder(row: Entry) -> str:
    """What is wrong with the order of a row's turns, '' where it is right.

    A later system turn, or no user turn before the answer, is a fault for which a row is refused.
    """
    roles = [turn.role for turn in row.turns or ()]
    if roles[:1] == ["system"]:
        roles = roles[1:]
    if roles[:1] != ["user"]:
        return "no user turn first"
    for one, two in pairwise(roles):
        if one == two:
            return f"two {one} turns in a row"
    return ""
