"""Wrong answers sorted: of what kind they are, what they go with, which labels are confused.

Reads records alone. Where labels are not given they are guessed from the outputs (`guess_labels`);
a caller that knows the task gives those of the train split, or an empty set where there are none.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from probes.readings import Labels, clip, final_answers, normalise, strict_number
from probes.record import Record
from probes.records import Estimate, Example, Passage, Prediction, Score
from probes.stats import estimate_mean, holm

Kind = Literal[
    "",
    "too-long",
    "empty",
    "wrong-label",
    "repetition",
    "refusal",
    "form",
    "near-miss",
    "copied",
    "wrong",
]
"""In order of precedence: an answer is of the first kind that it suits; "" is right."""

_MAX_IDS, _MAX_SHOWN, _SHOWN_CHARS = 20, 3, 200
_LONGEST_LOOP = 40  # words: about two sentences
_MIN_COPIED_WORDS = 4
_ALIKE = 0.8
_MIN_WRONG, _MIN_WITH, _MAX_SHARE, _ALPHA = 10, 5, 0.6, 0.05
_MAX_WORD_CHARS = 40  # longer ones are ids and hashes, no topics
_MAX_CONFUSIONS = 5

_NO_WORD = re.compile(r"[^\w\s']")
_UNSPACED = re.compile(r"([぀-ヿ㐀-鿿豈-﫿])")
_REFUSAL = re.compile(
    r"\b(?:i (?:cannot|can not|can't|won't|will not|am unable to|am not able to)"
    r"|i'm (?:unable|not able) to)"
    r" (?:help|assist|answer|provide|comply|fulfill?|determine|give|create|write|do that)\b"
    r"|\bas an (?:ai|artificial intelligence)\b|\bas a (?:large )?language model\b"
    r"|\bi (?:do not|don't) (?:know|have access|have enough information)\b"
    r"|\bi (?:must|have to) decline\b"
)


class Shown(Record):
    """One wrong answer as an example of its kind; raw text, to be escaped where it is shown."""

    item_id: str
    input: str
    """The last turn; long texts lose their middle."""
    wanted: str
    given: str


class Cluster(Record):
    """The wrong answers of one kind."""

    kind: Kind
    n: int
    share: float
    """Of the wrong answers."""
    share_of_all: Estimate
    """Of all answers."""
    item_ids: tuple[str, ...]
    """The first 20, in the order of the ids."""
    examples: tuple[Shown, ...]
    """The first 3, in the order of the ids."""


class Topic(Record):
    """Something in the inputs that goes with more errors."""

    term: str
    """A word of the input, `label: X` for a wanted label, or `longest quarter`."""
    n_with: int
    wrong_with: int
    n_without: int
    wrong_without: int
    p_value: float
    """Fisher's exact test, one-sided, adjusted after Holm for all terms that were looked at."""
    item_ids: tuple[str, ...]
    """The first 20 wrong ones with the term, in the order of the ids."""


class Confusion(Record):
    """One label given in place of another."""

    wanted: str
    given: str
    n: int


class Suspect(Record):
    """A reference that all models contradict with one voice."""

    item_id: str
    answer: str
    """What they all say, in the first one's words; raw text, its middle left out where long."""
    n_models: int


# ---------------------------------------------------------------- kinds


def kind_of(
    score: Score,
    prediction: Prediction,
    example: Example,
    *,
    labels: Collection[str] = (),
    passages: Sequence[str] = (),
) -> Kind:
    """The first kind that the answer suits, in the order of `Kind`.

    `too-long`: nothing was generated, since the prompt did not fit. `wrong-label`: has form and is
    one of `labels`; such an answer is never copied, refused or near, whatever the input says.
    `repetition`: see `_repeats`. `refusal`: see `_refuses`. `form`: does not parse. `near-miss`:
    half of the content right, the reference inside the answer, or four fifths of the characters
    alike with all digits the same. `copied`: a span of the input or of one of `passages`, which
    are the texts that stood in the prompt; see `_copies`.
    """
    given, wanted = prediction.text, example.output
    if score.quality >= 1:
        return ""
    if not given.strip():
        return "too-long" if not given and prediction.output_tokens == 0 else "empty"
    if score.form and normalise(given) in _normalised(frozenset(labels)):
        return "wrong-label"
    prompt = (example.item.text, *passages)
    if _repeats(given, wanted):
        return "repetition"
    if _refuses(given, wanted, prompt):
        return "refusal"
    if not score.form:
        return "form"
    if score.content >= 0.5 or _near(given, wanted):
        return "near-miss"
    return "copied" if _copies(given, wanted, prompt) else "wrong"


def _repeats(given: str, wanted: str) -> bool:
    """Whether the answer ends in a loop that the reference has not, or says what is right twice.

    A loop: up to 40 words, letters among them, four times or more (twice, from 3 words on, where
    the answer begins with the reference), or 24 characters of a period up to 6. The last copy, cut
    off by the token limit, may be incomplete.
    """
    head, reference = words(given[:4_000]), words(wanted)
    begins_right = bool(reference) and head[: len(reference)] == reference
    if begins_right and head[len(reference) : 2 * len(reference)] == reference:
        return True
    sizes = range(3, _LONGEST_LOOP + 1)
    if begins_right and _loops(words(given[-4_000:]), sizes, 2) and not _loops(reference, sizes, 2):
        return True
    return _ends_in_loop(given) and not _ends_in_loop(wanted)


def _ends_in_loop(text: str) -> bool:
    spoken = words(text[-4_000:])
    characters = text.rstrip()[-400:]
    return _loops(spoken, range(1, _LONGEST_LOOP + 1), 4) or any(
        _loops(characters, (size,), math.ceil(24 / size), letters=False) for size in range(1, 7)
    )


def _loops(
    units: Sequence[str], sizes: Collection[int], times: int, *, letters: bool = True
) -> bool:
    """Whether `units`, without the last where that is cut off, end in `times` copies of some."""
    for ended in (units, units[:-1]):
        for size in sizes:
            same = 0
            while same + size < len(ended) and ended[-1 - same] == ended[-1 - same - size]:
                same += 1
            spelled = not letters or any(c.isalpha() for unit in ended[-size:] for c in unit)
            if same >= (times - 1) * size and spelled:
                return True
    return False


def _refuses(given: str, wanted: str, prompt: Sequence[str]) -> bool:
    """Whether the first 300 characters decline to answer: a heuristic, in English alone.

    A short list of phrases, `I cannot help` and `I don't know` among them. A phrase that stands in
    the reference or the prompt does not count: it may be the answer, or quoted.
    """
    heard = [match.group() for match in _REFUSAL.finditer(" ".join(words(given[:300])))]
    return any(not any(_within(phrase, text) for text in (wanted, *prompt)) for phrase in heard)


def _near(given: str, wanted: str) -> bool:
    said, reference = " ".join(words(given[:500])), " ".join(words(wanted[:500]))
    if not said or not reference:
        return False
    if f" {reference} " in f" {said} ":
        return True
    if re.findall(r"\d+", said) != re.findall(r"\d+", reference):
        return False  # 1989 is no near miss of 1988
    alike = SequenceMatcher(None, said.replace(" ", ""), reference.replace(" ", ""))
    return alike.ratio() >= _ALIKE


def _copies(given: str, wanted: str, prompt: Sequence[str]) -> bool:
    """Whether the answer is a span of one of the texts of the prompt, word by word.

    Four words at least, since `no` or `3` stands in many texts by chance; one word is enough where
    the reference is such a span too: then the task is to find one, and the wrong one was taken.
    """
    said = words(given)
    phrase, reference = " ".join(said), " ".join(words(wanted))
    extracts = bool(reference) and any(_within(reference, text) for text in prompt)
    if not said or (len(said) < _MIN_COPIED_WORDS and not extracts):
        return False
    return any(_within(phrase, text) for text in prompt)


def _within(phrase: str, text: str) -> bool:
    return f" {phrase} " in _spaced(text)


@lru_cache(maxsize=1024)
def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "


@lru_cache(maxsize=8)
def _normalised(labels: frozenset[str]) -> frozenset[str]:
    return frozenset(normalise(label) for label in labels)


def words(text: str) -> list[str]:
    """Words in lower case, of letters, marks, digits and apostrophes, in any script.

    Chinese and Japanese by character; invisible characters fall away. The ends of long texts alone.
    """
    plain = unicodedata.normalize("NFKC", clip(text)).casefold().replace("\u2019", "'")
    pieces = _UNSPACED.sub(r" \1 ", _NO_WORD.sub(_kept, plain)).split()
    return [word for piece in pieces if (word := piece.strip("'_"))]


def _kept(found: re.Match[str]) -> str:
    category = unicodedata.category(found[0])
    return found[0] if category[0] == "M" else "" if category == "Cf" else " "


# ---------------------------------------------------------------- clusters


class _Answered(NamedTuple):
    score: Score
    prediction: Prediction
    example: Example


def clusters(
    scores: Sequence[Score],
    predictions: Sequence[Prediction],
    examples: Sequence[Example],
    passages_by_id: Mapping[str, Passage] | None = None,
    *,
    labels: Collection[str] | None = None,
) -> list[Cluster]:
    """The wrong answers by kind, largest first; ValueError for a score without answer or example.

    `passages_by_id` are those of the user's documents, for answers whose prompt held some.
    """
    known = frozenset(guess_labels(examples) if labels is None else labels)
    texts = {name: passage.text for name, passage in (passages_by_id or {}).items()}
    answered = _joined(scores, predictions, examples)
    kinds = [
        kind_of(
            *each,
            labels=known,
            passages=[texts[name] for name in each.prediction.passages if name in texts],
        )
        for each in answered
    ]
    found = [_cluster(kind, kinds, answered) for kind in get_args(Kind) if kind and kind in kinds]
    return sorted(found, key=lambda cluster: -cluster.n)


def _cluster(kind: Kind, kinds: Sequence[Kind], answered: Sequence[_Answered]) -> Cluster:
    members = [each for each, its in zip(answered, kinds, strict=True) if its == kind]
    groups = [_group(each.example) for each in answered]
    return Cluster(
        kind=kind,
        n=len(members),
        share=len(members) / sum(bool(its) for its in kinds),
        share_of_all=estimate_mean(
            [float(its == kind) for its in kinds],
            clusters=groups if len(set(groups)) < len(groups) else None,
        ),
        item_ids=tuple(each.score.item_id for each in members[:_MAX_IDS]),
        examples=tuple(_shown(each) for each in members[:_MAX_SHOWN]),
    )


def _shown(each: _Answered) -> Shown:
    return Shown(
        item_id=each.score.item_id,
        input=_short(each.example.item.turns[-1].content),
        wanted=_short(each.example.output),
        given=_short(each.prediction.text),
    )


def _short(text: str) -> str:
    """At most 200 characters, from both ends: questions and loops stand at the end."""
    if len(text) <= _SHOWN_CHARS:
        return text
    tail = _SHOWN_CHARS // 3
    return f"{text[: _SHOWN_CHARS - tail - 3]} … {text[-tail:]}"


def _joined(
    scores: Sequence[Score], predictions: Sequence[Prediction], examples: Sequence[Example]
) -> list[_Answered]:
    """In the order of the ids, so that nothing depends on the order given."""
    given = {prediction.item_id: prediction for prediction in predictions}
    wanted = {example.item.id: example for example in examples}
    lost = [s.item_id for s in scores if s.item_id not in given or s.item_id not in wanted]
    if lost or len({score.item_id for score in scores}) < len(scores):
        raise ValueError(f"scores without answer or example, or two of one item: {lost[:3]}")
    ordered = sorted(scores, key=lambda score: score.item_id)
    return [_Answered(s, given[s.item_id], wanted[s.item_id]) for s in ordered]


def _group(example: Example) -> str:
    return example.group or example.item.id


# ---------------------------------------------------------------- labels


def guess_labels(examples: Sequence[Example]) -> frozenset[str]:
    """The outputs, where they look like a set of labels; otherwise nothing.

    They do where more than half of the examples share theirs with another, none is longer than 60
    characters, and they are not more than ten different numbers. Labels that these examples lack
    are missed: with many labels and few examples, give those of the train split instead.
    """
    counts = Counter(example.output.strip() for example in examples)
    n_shared = sum(n for n in counts.values() if n > 1)
    if len(counts) < 2 or 2 * n_shared <= len(examples) or max(map(len, counts)) > 60:
        return frozenset()
    numbers = all(strict_number(output) is not None for output in counts)
    return frozenset() if numbers and len(counts) > 10 else frozenset(counts)


def confusions(
    scores: Sequence[Score],
    predictions: Sequence[Prediction],
    examples: Sequence[Example],
    *,
    labels: Collection[str] | None = None,
) -> list[Confusion]:
    """The five most frequent pairs of labels, most frequent first, read leniently.

    Answers that name no label, or several, are left out. Empty for tasks without labels.
    """
    known = frozenset(guess_labels(examples) if labels is None else labels)
    reader, pairs = Labels(known), Counter[tuple[str, str]]()
    for each in _joined(scores, predictions, examples) if known else ():
        wanted, given = each.example.output.strip(), reader.read(each.prediction.text)
        if each.score.content < 1 and given is not None and given != wanted:
            pairs[wanted, given] += 1
    ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Confusion(wanted=w, given=g, n=n) for (w, g), n in ordered[:_MAX_CONFUSIONS]]


# ---------------------------------------------------------------- topics


def topics(
    scores: Sequence[Score],
    examples: Sequence[Example],
    max_topics: int = 5,
    *,
    labels: Collection[str] | None = None,
) -> list[Topic]:
    """What goes with clearly more errors, most significant first; often nothing.

    An answer counts as wrong where its quality is below the mean of all: for 0/1 scores that is
    every wrong one, for graded scores the worse part. Terms are looked at where at least 5 items of
    5 groups have them, and words where at most 60 % of the inputs do; of terms in the same items
    one is kept. These choices do not look at the errors, so Holm's adjustment stands. Items that
    share a group are counted singly, which makes p too small where errors come by group.
    """
    by_id = {example.item.id: example for example in examples}
    if any(score.item_id not in by_id for score in scores):
        raise ValueError("a score of an unknown item")
    mean = math.fsum(score.quality for score in scores) / max(1, len(scores))
    wrong = {at for at, score in enumerate(scores) if score.quality < mean - 1e-9}
    if len(wrong) < _MIN_WRONG:
        return []
    known = frozenset(guess_labels(examples) if labels is None else labels)
    terms = _terms([by_id[score.item_id] for score in scores], known)
    n = len(scores)
    p_values = [fisher_greater(len(has & wrong), len(has), len(wrong), n) for has in terms]
    rows = zip(holm(p_values), p_values, terms.values(), terms, strict=True)
    found = sorted((row for row in rows if row[0] < _ALPHA), key=lambda row: row[:3])
    return [
        Topic(
            term=term,
            n_with=len(has),
            wrong_with=len(has & wrong),
            n_without=n - len(has),
            wrong_without=len(wrong - has),
            p_value=adjusted,
            item_ids=tuple(sorted(scores[at].item_id for at in has & wrong)[:_MAX_IDS]),
        )
        for adjusted, _, term, has in found[:max_topics]
    ]


def _terms(examples: Sequence[Example], labels: Collection[str]) -> dict[frozenset[int], str]:
    """Terms by the positions of their items; of several in the same items the first, as listed."""
    named: dict[frozenset[int], str] = {}
    for term, has in _all_terms(examples, labels):
        if len({_group(examples[at]) for at in has}) >= _MIN_WITH:
            named.setdefault(has, term)
    return named


def _all_terms(
    examples: Sequence[Example], labels: Collection[str]
) -> Iterator[tuple[str, frozenset[int]]]:
    """Labels, then the longest quarter, then words: the longest first."""
    holders: dict[str, set[int]] = {}
    outputs: dict[str, set[int]] = {}
    for at, example in enumerate(examples):
        outputs.setdefault(example.output.strip(), set()).add(at)
        for word in set(words(example.item.text)):
            holders.setdefault(word, set()).add(at)
    for label in sorted(outputs.keys() & set(labels)):
        yield f"label: {label}", frozenset(outputs[label])
    lengths = [len(example.item.text) for example in examples]
    longest_of_others = sorted(lengths)[len(lengths) - len(lengths) // 4 - 1]
    yield (
        "longest quarter",
        frozenset(at for at, length in enumerate(lengths) if length > longest_of_others),
    )
    for word in sorted(holders, key=lambda word: (-len(word), word)):
        if len(word) <= _MAX_WORD_CHARS and len(holders[word]) <= _MAX_SHARE * len(examples):
            yield word, frozenset(holders[word])


def fisher_greater(wrong_with: int, n_with: int, n_wrong: int, n: int) -> float:
    """P(at least `wrong_with` of the `n_with` are wrong) if `n_wrong` of the n fall at random.

    Fisher's exact test, one-sided: the upper tail of the hypergeometric distribution.
    """

    def log_choose(of: int, k: int) -> float:
        return math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)

    lowest, highest = max(wrong_with, n_with + n_wrong - n), min(n_with, n_wrong)
    terms = (
        log_choose(n_wrong, k) + log_choose(n - n_wrong, n_with - k) - log_choose(n, n_with)
        for k in range(lowest, highest + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


# ---------------------------------------------------------------- references


def suspect_references(
    runs: Sequence[Sequence[Prediction]],
    examples: Sequence[Example],
    min_runs: int = 2,
    *,
    scores: Sequence[Sequence[Score]] = (),
) -> list[Suspect]:
    """Items on which all runs give one and the same answer, normalised, other than the reference.

    Those references are worth a look, no more. It misleads where the runs are not independent:
    models of one family, or one model with several methods, share their biases, and two tunings on
    the same data share its errors; with few labels, agreement on a wrong one comes by chance.
    Agreed silence and agreed refusals do not count. Where the metric takes other texts than the
    reference (numbers, JSON, calls), give the `scores` of the runs: items whose content any of
    them counts as right are left out. Only items that every run answered; in the order of the ids.
    """
    if len(runs) < max(2, min_runs):
        return []
    accepted = {score.item_id for run in scores for score in run if score.content >= 1}
    by_run = [{prediction.item_id: prediction.text for prediction in run} for run in runs]
    found = []
    for example in sorted(examples, key=lambda example: example.item.id):
        name = example.item.id
        if name in accepted or any(name not in run for run in by_run):
            continue
        answers = [run[name].strip() for run in by_run]
        agreed = {normalise(answer) for answer in answers}
        wanted = {normalise(text) for text in (example.output, *final_answers(example.output))}
        refused = _refuses(answers[0], example.output, (example.item.text,))
        if len(agreed) == 1 and "" not in agreed and not agreed & wanted and not refused:
            found.append(Suspect(item_id=name, answer=_short(answers[0]), n_models=len(runs)))
    return found
