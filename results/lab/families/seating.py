"""Four people in a row under two wishes: any order that keeps the wishes is right."""

import itertools
import re
from random import Random

from probes.pocket.example_rows import HELD, Row
from probes.pocket.vocabulary import names

CLAIM = "checker: feasibility, size does not help"
SPEC = {
    "task_type": "generation",
    "metric": "command",
    "instruction": "Seat the people.",
    "target": 0.8,
}
N_TRAIN = 192


def feasible(text: str, answer: str) -> tuple[bool, float]:
    """(whether it is an order of these people, 1 where every wish is kept)."""
    who = re.findall(r"[A-Z]\w+", text.split(".")[0].removeprefix("Seat "))
    order = re.findall(r"\w+", answer)
    if sorted(order) != sorted(who):
        return False, 0.0
    return True, float(_kept(text, order))


def _kept(text: str, order: list[str]) -> bool:
    at = {person: place for place, person in enumerate(order)}
    left = re.findall(r"(\w+) left of (\w+)", text)
    apart = re.findall(r"(\w+) not beside (\w+)", text)
    return all(at[a] < at[b] for a, b in left) and all(abs(at[a] - at[b]) > 1 for a, b in apart)


def rows(r: Random, count: int) -> list[Row]:
    """So many rows that some order satisfies, with the first such order as the reference."""
    found: dict[str, Row] = {}
    while len(found) < count:
        people = names(r, 4, HELD)
        a, b = r.sample(people, 2)
        c, d = r.sample(people, 2)
        text = f"Seat {', '.join(people)}. {a} left of {b}. {c} not beside {d}."
        fits = [list(o) for o in itertools.permutations(people) if _kept(text, list(o))]
        if {a, b} != {c, d} and fits:
            found.setdefault(text, Row(text, " ".join(fits[0])))
    return list(found.values())
