"""Addition of numbers of one to three digits, answered directly or after column-wise steps."""

from random import Random

from probes.pocket import templates
from probes.pocket.turns import Document, episode
from probes.pocket.vocabulary import Split, entities_held, is_held, template


def is_pair_held(x: int, y: int) -> bool:
    """Whether an unordered pair belongs to the fifth held out; single digits never do."""
    return max(x, y) > 9 and is_held("sum", f"{min(x, y)}+{max(x, y)}")


def pair(r: Random, digits: int, split: Split) -> tuple[int, int]:
    """Two numbers with so many digits whose pair this split may use."""
    low, high = (0 if digits == 1 else 10 ** (digits - 1)), 10**digits - 1
    while True:
        x, y = r.randint(low, high), r.randint(low, high)
        if digits == 1 or is_pair_held(x, y) == entities_held(split):
            return x, y


def steps(x: int, y: int) -> str:
    """The sum written column by column from the ones, with the carry as the third summand."""
    first, second = str(x)[::-1], str(y)[::-1]
    carry, columns = 0, []
    for place in range(max(len(first), len(second))):
        a = int(first[place]) if place < len(first) else 0
        b = int(second[place]) if place < len(second) else 0
        total = a + b + carry
        columns.append(f"{a}+{b}+{carry}={total}")
        carry = total // 10
    return f"{', '.join(columns)} Answer: {x + y}"


def addition(r: Random, split: Split) -> Document:
    """Several sums; steps are asked for in the instruction or behind each sum.

    Direct sums are kept few: with many even the smallest rung knew them (results/LOG.md).
    """
    written = r.random() < 0.6
    ask = r.choice(templates.STEPS)
    behind = r.random() < 0.5
    wording = template(r, templates.ADD, split)
    instruction = template(r, templates.ADD_INSTRUCTION, split)
    pairs = []
    for _ in range(r.randint(2, 6) if written else r.randint(1, 5)):
        x, y = pair(r, r.choice((1, 2, 2, 2, 2, 3)), split)
        question = wording.format(x=x, y=y) + (f" {ask}" if written and behind else "")
        pairs.append((question, steps(x, y) if written else str(x + y)))
    if written and not behind:
        return episode(r, pairs, f"{instruction} {ask}")
    return episode(r, pairs, instruction, chance=0.4)
