"""Where the answers stand: in the input, in the documents, or told by a field of the input."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from probes.audit.baselines import out_of_fold, partners
from probes.audit.costs import percent, share_of
from probes.audit.records import Effect, Found, NotChecked
from probes.audit.sheet import Sheet
from probes.audit.shown import shown
from probes.data import MIN_ROWS
from probes.estimates import estimate_mean
from probes.records import Estimate
from probes.retrieval import words

SAMPLED = 5_000
"""Rows looked at for leaks, for speed; our choice."""
SAMPLED_QUESTIONS = 1_000
"""Answers sought in the documents, for speed; our choice."""
EXTRACTIVE = 0.2
"""From this share of copied outputs on, the task is at least partly one of extraction."""
_DETERMINES = 0.98
"""Share of the rows with a value that have one label, for the value to tell it."""
_COVERS = 0.5
"""Share of all rows with such a value, for a leak."""
_VALUES_PER_LABEL = 1.25
"""Words that go with a label are many to each, a label in other words is one."""
_ROWS_PER_VALUE = 3
"""Fewer rows with a value go with one label by chance; our choice."""
_MIN_CHARS = 2
"""A single letter stands in most texts."""
_VALUE_CHARS = 60
"""More is a sentence, no value; our choice."""
_FIELD = re.compile(r"([^\W\d_][\w-]{0,30})\s*[:=]\s*([^\n;,|}]{1,60})")
_WORD = re.compile(r"\S+")
_ENDS_NAMES = {"\0first": "first", "\0last": "last"}


def check(sheet: Sheet) -> Iterator[Found]:
    """Leaks of labels; copied answers, and those that stand in the documents, of other tasks."""
    if len(sheet.usable) < MIN_ROWS:
        raise NotChecked(f"fewer than {MIN_ROWS} rows")
    if sheet.labelled:
        yield from _leaks(sheet)
        return
    yield from _copied(sheet)
    if sheet.passages:
        yield from _documents(sheet)


# ---------------------------------------------------------------- free text


def _copied(sheet: Sheet) -> Iterator[Found]:
    rows = sheet.usable
    copied = [at for at in rows if stands(sheet.entries[at].output, sheet.entries[at].text)]
    other = partners(len(rows))
    by_chance = [
        float(stands(sheet.entries[rows[i]].output, sheet.entries[rows[other[i]]].text))
        for i in range(0, len(rows), max(1, len(rows) // SAMPLED))
    ]
    chance, share = estimate_mean(by_chance), share_of(len(copied), len(rows))
    if share.low < EXTRACTIVE or share.low <= chance.high:
        return
    yield Found(
        kind="answer-in-input",
        text=f"{len(copied):,} of {len(rows):,} outputs stand word for word in their input, and "
        f"{percent(chance.value)} would in another row's: the task is "
        f"{'' if share.low > 0.8 else 'partly '}one of finding, not of knowing.",
        rows=copied,
        of=len(rows),
        fix="Ask for the passage word for word in the instruction and score by exact match; a "
        "small model that points to a span can do what is copied.",
        figures={"copied": share, "chance": chance},
    )


def stands(part: str, whole: str) -> bool:
    """As whole words, whatever the case."""
    wanted, folded = part.strip().casefold(), whole.casefold()
    at = folded.find(wanted) if len(wanted) >= _MIN_CHARS else -1
    while at >= 0:
        before, after = folded[at - 1 : at], folded[at + len(wanted) : at + len(wanted) + 1]
        if not (before.isalnum() or after.isalnum()):
            return True
        at = folded.find(wanted, at + 1)
    return False


def _documents(sheet: Sheet) -> Iterator[Found]:
    rows = sheet.sample(SAMPLED_QUESTIONS)
    answers = {at: f" {' '.join(words(sheet.entries[at].output))} " for at in rows}
    holding = _holding(set(answers.values()), [passage.text for passage in sheet.passages])
    missing = [at for at in rows if not holding[answers[at]]]
    figures = {"in-documents": share_of(len(rows) - len(missing), len(rows))}
    held = len(rows) - len(missing)
    said = (
        f"{held:,} of {len(rows):,} outputs {'stands' if held == 1 else 'stand'} word for word in "
        "a passage"
    )
    gold = [at for at in rows if sheet.entries[at].gold]
    ids = {passage.id: number for number, passage in enumerate(sheet.passages)}
    if gold:
        elsewhere = [
            at
            for at in gold
            if not {ids.get(name) for name in sheet.entries[at].gold} & holding[answers[at]]
        ]
        figures["in-gold"] = share_of(len(gold) - len(elsewhere), len(gold))
        said += f", {len(gold) - len(elsewhere):,} of {len(gold):,} in the passage named as gold"
        missing = list(dict.fromkeys([*elsewhere, *missing]))
    yield Found(
        kind="answer-in-documents",
        text=f"{said}; {len(missing):,} {'does' if len(missing) == 1 else 'do'} not.",
        rows=missing,
        of=len(rows),
        fix="Read the rows whose answer stands nowhere: retrieval can give those only in other "
        "words, or not at all; mend wrong gold passages and add missing documents.",
        figures=figures,
    )


def _holding(answers: set[str], texts: Sequence[str]) -> dict[str, set[int]]:
    """For each answer, with a space at both ends, the numbers of the texts that it stands in."""
    wanted = {word for answer in answers for word in answer.split()}
    places: dict[str, list[int]] = defaultdict(list)
    spaced: list[str] = []
    for number, text in enumerate(texts):
        found = words(text)
        spaced.append(f" {' '.join(found)} ")
        for word in wanted.intersection(found):
            places[word].append(number)
    return {
        answer: {
            number
            for number in min((places[word] for word in answer.split()), key=len, default=[])
            if answer in spaced[number]
        }
        for answer in answers
    }


# ---------------------------------------------------------------- labels


def _leaks(sheet: Sheet) -> Iterator[Found]:
    """Fields of the input, or its first or last word, that tell the label by themselves."""
    rows = sheet.sample(SAMPLED)
    labels = {at: sheet.entries[at].output.strip() for at in rows}
    n_labels = len(set(labels.values()))
    if n_labels < 2:
        raise NotChecked("one label only")
    values: dict[str, dict[int, str]] = defaultdict(dict)
    for at in rows:
        for name, value in _fields(sheet.entries[at].text):
            values[name][at] = value
    for name, by_row in sorted(values.items(), key=lambda pair: pair[0] in _ENDS_NAMES):
        if len(by_row) < max(MIN_ROWS, _COVERS * len(rows)):
            continue
        telling = _telling(by_row, labels)
        told = [at for at, value in by_row.items() if value in telling]
        named = set(telling.values())
        if (
            len(told) >= _COVERS * len(rows)
            and len(named) >= max(2, n_labels / 2)
            and len(telling) <= _VALUES_PER_LABEL * len(named)
        ):
            yield _leak(sheet, name, telling, told)
            return


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Names and values within a text: `name: value`, and its first and last words."""
    ends = text[-400:]
    for name, value in _FIELD.findall(text[:1_000] if len(text) <= 1_000 else text[:600] + ends):
        yield name.strip().casefold(), _plain(value)
    first, last = _WORD.search(text), text.rsplit(maxsplit=1)
    if first:
        yield "\0first", _plain(first.group())
    if last:
        yield "\0last", _plain(last[-1])


def _reader(name: str) -> Callable[[str], list[str]]:
    """Reads the values of one field alone, which is many times faster."""
    if name == "\0first":
        return lambda text: [_plain(word) for word in text[:_VALUE_CHARS].split(maxsplit=1)[:1]]
    if name == "\0last":
        return lambda text: [_plain(word) for word in text.rsplit(maxsplit=1)[-1:]]
    pattern = re.compile(rf"(?i)(?<!\w){re.escape(name)}\s*[:=]\s*([^\n;,|}}]{{1,60}})")
    return lambda text: [_plain(value) for value in pattern.findall(text)]


def _plain(value: str) -> str:
    return " ".join(words(value[:_VALUE_CHARS]))


def _telling(by_row: dict[int, str], labels: dict[int, str]) -> dict[str, str]:
    """The label that each value tells, for values that go with one label nearly always."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for at, value in by_row.items():
        counts[value][labels[at]] += 1
    found = {}
    for value, tally in counts.items():
        label, top = tally.most_common(1)[0]
        if value and top >= max(_ROWS_PER_VALUE, _DETERMINES * tally.total()):
            found[value] = label
    return found


def _leak(sheet: Sheet, name: str, telling: dict[str, str], looked_at: list[int]) -> Found:
    end = _ENDS_NAMES.get(name)
    place = f"the {end} word" if end else f"the field '{shown(name)}'"
    read = _reader(name)
    rows = [
        at for at in sheet.usable if not telling.keys().isdisjoint(read(sheet.entries[at].text))
    ]
    share = share_of(len(rows), len(sheet.usable))
    without = _without(sheet, name, looked_at)
    honest = without.value if without else 0.5
    return Found(
        kind="label-in-input",
        text=f"In {len(rows):,} of {len(sheet.usable):,} rows {place} of the input tells the label"
        + (f"; without it a linear model finds {percent(without.value)}." if without else "."),
        rows=rows,
        of=len(sheet.usable),
        fix=f"Take {place} out of the inputs, unless it is there when the model is used too; then "
        "a rule is enough and no model is needed.",
        effect=Effect(
            points=round(100 * share.value * (1 - honest), 1),
            low=0,
            high=round(100 * (1 - (without.low if without else 0.0)), 1),
            on="figure",
            basis="what the leak tells, less what a linear model finds in the inputs without it",
        ),
        figures={"told": share} | ({"linear-without": without} if without else {}),
        details={"field": shown(name.strip("\0"))},
    )


def _without(sheet: Sheet, name: str, looked_at: list[int]) -> Estimate | None:
    """Right labels of a linear model, out of fold, on inputs without the telling part."""
    kept = sheet.sample(2_000, looked_at)
    texts = [_cut(sheet.entries[at].text, name) for at in kept]
    try:
        seen = out_of_fold(texts, [sheet.entries[at].output.strip() for at in kept])
    except ValueError:
        return None
    return estimate_mean((seen.linear == seen.truth).astype(float).tolist())


def _cut(text: str, name: str) -> str:
    if name == "\0first":
        return text.split(maxsplit=1)[-1]
    if name == "\0last":
        return text.rsplit(maxsplit=1)[0]
    return _FIELD.sub(lambda found: " " if found[1].strip().casefold() == name else found[0], text)
