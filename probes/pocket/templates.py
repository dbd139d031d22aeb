"""Wordings of the pocket world, composed of parts; a fifth of each bank is held out by hash."""

import itertools
import zlib

Bank = tuple[tuple[str, ...], tuple[str, ...]]
"""(wordings that pre-training uses, wordings held out for probes)"""


def is_wording_held(wording: str) -> bool:
    """Whether a composed wording is kept out of pre-training."""
    return zlib.crc32(f"wording:{wording}".encode()) % 5 == 0


def _bank(*parts: tuple[str, ...]) -> Bank:
    """Every composition of the parts, capitalised, split by hash.

    A part listed twice is drawn twice as often.
    """
    wordings = []
    for chosen in itertools.product(*parts):
        text = "".join(chosen)
        wordings.append(text[0].upper() + text[1:])
    return (
        tuple(w for w in wordings if not is_wording_held(w)),
        tuple(w for w in wordings if is_wording_held(w)),
    )


_VERBS = ("extract ", "give ", "return ", "find ", "write ")

STATEMENT: Bank = _bank(
    ("", "", "", "note: ", "we know ", "today "),
    (
        "the {a} of {e} is {v}",
        "{e} has {a} {v}",
        "for {e} the {a} is {v}",
        "{e} : {a} {v}",
        "{a} of {e} : {v}",
        "the {a} for {e} is {v}",
        "{e} has the {a} {v}",
        "{e} , {a} , {v}",
    ),
    (".",),
)
QUESTION: Bank = _bank(
    ("what is ", "what is ", "tell me ", "say ", "give ", ""),
    (
        "the {a} of {e}",
        "the {a} of {e}",
        "the {a} for {e}",
        "{e} {a}",
        "{a} of {e}",
        "for {e} the {a}",
        "the {a} that {e} has",
    ),
    ("?", "?", "."),
)
ANSWER_INSTRUCTION: Bank = _bank(
    ("answer ", "read and answer ", "read the context and answer "),
    ("the question", "in one word", "with a short answer", "each question"),
    (".", ".", ":"),
)
PASSAGE_JOIN: tuple[str, ...] = (" ", " ", "\n", "\n- ")
REPORTS: Bank = _bank(
    ("", "", "note: ", "we know "),
    (
        "{a} reports to {b}",
        "the boss of {a} is {b}",
        "{a} has the boss {b}",
        "{a} works for {b}",
        "for {a} the boss is {b}",
    ),
    (".",),
)
HOP_QUESTION: Bank = _bank(
    ("who is ", "give ", "what is ", "tell me ", "say "), ("{path}",), ("?", ".")
)
STEPS: tuple[str, ...] = ("Show steps.", "Think step by step.")
WORD_FRAME: Bank = _bank(
    (
        "",
        "",
        "word: ",
        "I see ",
        "here is ",
        "the ",
        "{n} has ",
        "{n} likes ",
        "{n} sees the ",
        "we want ",
    ),
    ("{w}",),
    ("", "", "", ".", " here", " today"),
)
LABEL_PREFIX: Bank = (("", "", "", "Label: ", "Map: ", "Sort: "), ("Give the label: ",))
LABEL_INSTRUCTION: Bank = _bank(
    ("label ", "classify ", "sort ", "give the label of ", "map "),
    ("the word", "each word", "the text", "the words"),
    (".", ":"),
)
DEFINITION: Bank = _bank(
    ("label ", "labels: ", "classify: ", "say ", "rules: ", ""),
    ("| as ", "| = ", "| : ", "| is ", "| means ", "| > "),
    ("|, ", "| and ", "|\n"),
)
"""Opening, word between kind and label, word between rules, joined by bars."""
ORDER: Bank = _bank(
    ("", "", "note: ", "today: ", "new order: "),
    (
        "{name} from {city} ordered {count} {colour} {item}",
        "order for {name}: {count} {item}, {colour}, to {city}",
        "please send {count} {colour} {item} to {name} in {city}",
        "{count} {colour} {item} for {name}, {city}",
        "please send {name} in {city} {count} {colour} {item}",
        "{name} wants {count} {item} in {colour}, sent to {city}",
    ),
    (".",),
)
JSON_INSTRUCTION: Bank = _bank(
    _VERBS, ("{keys} as JSON", "JSON with {keys}", "the fields {keys} as JSON"), (".", ":")
)
FIELD_INSTRUCTION: Bank = _bank(_VERBS, ("{keys}", "the {keys}", "only the {keys}"), (".", ":"))
ADD: Bank = _bank(
    ("", "", "", "add ", "what is ", "sum: ", "give "), ("{x} + {y}",), ("", "", " =", "?", ".")
)
ADD_INSTRUCTION: Bank = _bank(
    ("add ", "sum ", "give the sum of ", "find the sum of "),
    ("the numbers", "the two numbers", "both numbers"),
    (".", ":"),
)
KIND: Bank = _bank(
    ("what kind of thing is {w}", "{w} is a kind of what", "the kind of {w}", "what is {w}"),
    ("?", "."),
)
FILLER: tuple[str, ...] = (
    "{n} went to {city} with a {animal}.",
    "The {job} saw a {colour} {vehicle}.",
    "A {w} is a kind of {c}.",
    "{n} likes {food} and {sport}.",
    "{n} sees the {tool}. Here is a {cloth} for the {job}.",
    "{label} is a label. Say {label} and read {label}.",
)
BANKS: dict[str, Bank] = {
    name.lower(): value
    for name, value in list(globals().items())
    if name.isupper() and isinstance(value, tuple) and name not in ("FILLER", "STEPS")
    if isinstance(value[0], tuple)
}
