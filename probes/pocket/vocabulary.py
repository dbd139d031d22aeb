"""Words, names and codes of the pocket world, and which of them pre-training never uses."""

import zlib
from random import Random
from typing import Literal

Split = Literal["pretrain", "probe", "new-templates", "new-entities"]
"""Which half of the world a generator may draw from.

`pretrain` is what the models were trained on; `probe` uses held-out templates AND held-out
entities, label words and compositions; the two others hold out one of the two, to tell them apart.
"""

CATEGORIES: dict[str, tuple[str, ...]] = {
    name: tuple(words.split())
    for name, words in {
        "animal": "cat dog fox owl bear wolf frog duck goat hen mole crab lion deer horse sheep "
        "mouse snake eagle tiger",
        "food": "rice bread soup cake plum pear corn fish egg nut bean pie apple grape honey "
        "cheese pasta onion melon lemon",
        "tool": "saw axe drill rake knife pump brush rope nail lamp fork pen hammer spade chisel "
        "ladder wrench needle torch shovel",
        "colour": "red blue green grey pink gold brown black white teal lime navy amber ivory "
        "violet silver scarlet indigo beige purple",
        "vehicle": "car bus van boat ship train bike truck plane cart tram sled ferry canoe wagon "
        "taxi rocket glider scooter tractor",
        "cloth": "hat coat sock boot shirt belt glove scarf vest skirt cap robe tie jacket apron "
        "cloak sandal jumper mitten blouse",
        "sport": "golf chess judo polo darts rugby tennis rowing skating hockey boxing diving "
        "karate cricket fencing sailing skiing cycling archery football",
        "job": "baker pilot nurse judge clerk farmer miner guard tailor singer cook smith doctor "
        "teacher waiter sailor barber plumber writer painter",
    }.items()
}
COMMON_WORDS = 12  # words of a category from this index on are the rare tier
CATEGORY_OF: dict[str, str] = {w: c for c, words in CATEGORIES.items() for w in words}
WORDS: tuple[str, ...] = tuple(sorted(CATEGORY_OF))
CITIES: tuple[str, ...] = (
    *("Tarn", "Oslow", "Bexley", "Crane", "Dunmor", "Elk", "Farrow", "Glen"),
    *("Hythe", "Iver", "Jarrow", "Kelso", "Lund", "Moss", "Nairn", "Otley"),
)
LABEL_WORDS: tuple[str, ...] = (
    *("alpha", "beta", "gamma", "delta", "omega", "sigma"),
    *("north", "south", "east", "west", "up", "down", "left", "right", "odd", "even", "one", "two"),
    *("yes", "no", "high", "low", "fast", "slow", "hot", "cold"),
    *("A", "B", "C", "D", "E", "F", "X", "Y", "Z"),
)
HELD_LABEL_WORDS: frozenset[str] = frozenset(
    ("omega", "west", "right", "two", "low", "slow", "C", "F", "Z")
)
SYLLABLES: tuple[str, ...] = tuple(c + v for c in "bdfgklmnprstvz" for v in "aeiou")
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "job": CATEGORIES["job"],
    "pet": CATEGORIES["animal"],
    "food": CATEGORIES["food"],
    "colour": CATEGORIES["colour"],
    "city": CITIES,
    "sport": CATEGORIES["sport"],
    "car": CATEGORIES["vehicle"],
    "code": (),  # generated: a letter and two digits
}


def is_held(kind: str, key: str) -> bool:
    """Whether a composition belongs to the fifth that pre-training never sees."""
    return zlib.crc32(f"{kind}:{key}".encode()) % 5 == 0


def entities_held(split: Split) -> bool:
    """Whether this split draws held-out entities, label words and compositions."""
    return split in ("probe", "new-entities")


def templates_held(split: Split) -> bool:
    """Whether this split draws held-out wordings."""
    return split in ("probe", "new-templates")


def is_label_word_held(word: str) -> bool:
    """Whether a category word is kept out of every labelling document (but its kind is taught)."""
    return CATEGORIES[CATEGORY_OF[word]].index(word) % 5 == 4


ODD_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.@%"


def odd_string(r: Random) -> str:
    """A random string, so that the tokens of text outside this world are trained at all."""
    return "".join(r.choice(ODD_CHARACTERS) for _ in range(r.randint(2, 6)))


def _common_names() -> tuple[str, ...]:
    r = Random(3)
    made = {(r.choice(SYLLABLES) + r.choice(SYLLABLES)).capitalize() for _ in range(240)}
    return tuple(sorted(n for n in made if not is_held("name", n)))


COMMON_NAMES: tuple[str, ...] = _common_names()


def name(r: Random, split: Split) -> str:
    """A two-syllable name; pre-training takes half of them from a short list of common names."""
    if not entities_held(split) and r.random() < 0.5:
        return r.choice(COMMON_NAMES)
    while True:
        made = (r.choice(SYLLABLES) + r.choice(SYLLABLES)).capitalize()
        if is_held("name", made) == entities_held(split):
            return made


def names(r: Random, count: int, split: Split) -> list[str]:
    """Distinct names."""
    found: list[str] = []
    while len(found) < count:
        made = name(r, split)
        if made not in found:
            found.append(made)
    return found


def label(r: Random, split: Split) -> str:
    """A label: a label word, a nonsense word, or any other string such as a name or a code."""
    held = entities_held(split)
    while True:
        kind = r.random()
        if kind < 0.4:
            made = r.choice(LABEL_WORDS)
            if (made in HELD_LABEL_WORDS) == held:
                return made
            continue
        if kind < 0.6:
            made = "".join(r.choice(SYLLABLES) for _ in range(r.choice((1, 2))))
        elif kind < 0.7:
            made = any_word(r)
        elif kind < 0.8:
            made = name(r, split)
        elif kind < 0.9:
            made = attribute_value(r, "code")
        else:
            made = odd_string(r)
        if is_held("label", made) == held:
            return made


def labels_for(r: Random, categories: list[str], split: Split) -> list[str]:
    """Distinct labels for categories; pairings of category and label word are held out too."""
    held = entities_held(split)
    found: list[str] = []
    while len(found) < len(categories):
        made = label(r, split)
        paired_elsewhere = not held and is_held("pair", f"{categories[len(found)]}-{made}")
        if made not in found and not paired_elsewhere:
            found.append(made)
    return found


def label_task_word(r: Random, category: str, split: Split) -> str:
    """A word of a category that this split may use in labelling tasks."""
    while True:
        word = category_word(r, category)
        if is_label_word_held(word) == entities_held(split):
            return word


def category_word(r: Random, category: str) -> str:
    """Any word of a category; the rare tier has a fifth of the probability of the common one."""
    words = CATEGORIES[category]
    index = r.randrange(len(words))
    while index >= COMMON_WORDS and r.random() < 0.8:
        index = r.randrange(len(words))
    return words[index]


def any_word(r: Random) -> str:
    """A word of any category."""
    return category_word(r, r.choice(list(CATEGORIES)))


def attribute_value(r: Random, attribute: str) -> str:
    """A value of an attribute; codes are made up, the rest are words."""
    if attribute == "code":
        return r.choice("KLMNPQRT") + str(r.randint(10, 99))
    return r.choice(ATTRIBUTES[attribute])


def template(r: Random, bank: tuple[tuple[str, ...], tuple[str, ...]], split: Split) -> str:
    """One wording from a bank of (pre-training, held-out) wordings."""
    return r.choice(bank[1] if templates_held(split) else bank[0])
