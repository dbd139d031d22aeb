"""Roads between towns and a journey: any way along roads that exist is right."""

import itertools
import re
from random import Random

from probes.pocket.example_rows import Row
from probes.pocket.vocabulary import CITIES

CLAIM = "checker: feasibility, capacity"
SPEC = {
    "task_type": "generation",
    "metric": "command",
    "instruction": "Plan the journey.",
    "target": 0.85,
}
N_TRAIN = 192


def feasible(text: str, answer: str) -> tuple[bool, float]:
    """(whether it is a list of towns, 1 where it begins and ends right and keeps to the roads)."""
    roads = {frozenset(pair) for pair in re.findall(r"(\w+)-(\w+)", text)}
    begin, end = re.findall(r"From (\w+) to (\w+)", text)[0]
    way = re.findall(r"\w+", answer)
    if len(way) < 2 or not set(way) <= set(CITIES):
        return False, 0.0
    along = all(frozenset(step) in roads for step in itertools.pairwise(way))
    return True, float(way[0] == begin and way[-1] == end and along)


def rows(r: Random, count: int) -> list[Row]:
    """So many journeys over two or three roads, with two more roads beside them."""
    found: dict[str, Row] = {}
    while len(found) < count:
        towns = r.sample(CITIES, 6)
        n = r.choice((3, 4))
        way = towns[:n]
        roads = [tuple(r.sample(step, 2)) for step in itertools.pairwise(way)]
        roads += [tuple(r.sample((r.choice(way[1:]), other), 2)) for other in towns[4:]]
        r.shuffle(roads)
        told = ", ".join(f"{a}-{b}" for a, b in roads)
        text = f"Roads: {told}. From {way[0]} to {way[-1]}"
        found.setdefault(text, Row(text, " > ".join(way)))
    return list(found.values())
