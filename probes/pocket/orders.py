"""Order texts, and the fields of them as words or as JSON."""

import json
from random import Random

from probes.pocket import templates
from probes.pocket.turns import Document, episode
from probes.pocket.vocabulary import CITIES, Split, category_word, name, template

FIELDS: tuple[str, ...] = ("name", "item", "count", "city", "colour")


def order(r: Random, split: Split) -> tuple[str, dict[str, str]]:
    """One order as text and as fields."""
    fields = {
        "name": name(r, split),
        "item": category_word(r, r.choice(("food", "tool", "cloth"))),
        "count": str(r.randint(2, 99)),
        "city": r.choice(CITIES),
        "colour": category_word(r, "colour"),
    }
    return template(r, templates.ORDER, split).format(**fields), fields


def _listed(r: Random, keys: list[str]) -> str:
    if len(keys) > 1 and r.random() < 0.5:
        return ", ".join(keys[:-1]) + " and " + keys[-1]
    return ", ".join(keys)


def as_json(fields: dict[str, str], keys: list[str]) -> str:
    """The chosen fields as one line of JSON."""
    return json.dumps({key: fields[key] for key in keys})


def extraction(r: Random, split: Split) -> Document:
    """One order with several requests, or one request with several orders."""
    if r.random() < 0.5:
        return _several_orders(r, split)
    text, fields = order(r, split)
    turns: Document = []
    for asked in range(r.randint(1, 4)):
        keys = r.sample(FIELDS, r.randint(1, 4))
        json_wanted = r.random() < 0.6
        bank = templates.JSON_INSTRUCTION if json_wanted else templates.FIELD_INSTRUCTION
        keys = keys if json_wanted else keys[:1]
        request = template(r, bank, split).format(keys=_listed(r, keys))
        answer = as_json(fields, keys) if json_wanted else fields[keys[0]]
        turns += [("user", (f"Text: {text}\n" if asked == 0 else "") + request)]
        turns += [("assistant", answer)]
    return turns


def _several_orders(r: Random, split: Split) -> Document:
    keys = r.sample(FIELDS, r.randint(1, 4))
    json_wanted = r.random() < 0.7
    keys = keys if json_wanted else keys[:1]
    bank = templates.JSON_INSTRUCTION if json_wanted else templates.FIELD_INSTRUCTION
    instruction = template(r, bank, split).format(keys=_listed(r, keys))
    pairs = []
    for _ in range(r.randint(1, 5)):
        text, fields = order(r, split)
        pairs.append((text, as_json(fields, keys) if json_wanted else fields[keys[0]]))
    return episode(r, pairs, instruction, chance=0.85)
