"""The nouns of the prior: what published results let one expect of an option before any probe.

Qualities are on the logit scale, logit q = ln(q / (1 - q)); general ability is the logit of a
model's MMLU score. The numbers are fitted by `results/prior/fit.py`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from knowledge.records import Fact
from knowledge.statements import Id, Reference

Kind = Literal["labels", "extraction", "text", "reading", "facts", "reasoning", "calls", "code"]
"""What a task asks for, as far as published results tell tasks apart.

One of a few labels; spans and fields; free text; an answer that stands in the text given; an answer
from memory; several steps of thought; function calls and queries; programs.
"""


class Gain(Fact):
    """A difference of logits between two ways to use a model, over tasks or models."""

    logits: float
    sd: float = Field(gt=0)
    n: int
    """Models or tasks behind it."""
    basis: str
    claim: Id


class Level(Fact):
    """Quality of one kind of task: logit q = at_half + slope x ability, with its spread.

    With `beyond_guessing`, quality is (q - 1/k) / (1 - 1/k) where there are k answers to choose
    from. Tuned labels are taken as they are: tasks of many labels end as high as those of two.
    Ability is that of the model where it was untuned, what its size lets one expect where it was
    tuned.
    """

    kind: Kind
    arm: Literal["untuned", "tuned"]
    """Prompted without an example, or tuned on all the rows that its source had."""
    beyond_guessing: bool
    measure: str
    """How the published tasks score: `accuracy`, `ROUGE`, …"""
    at_half: float
    """Mean over tasks for a model whose ability is 0, an MMLU of .5."""
    slope: float
    """Logits of quality a logit of ability."""
    sd_task: float = Field(gt=0)
    """Spread of tasks of this kind."""
    sd_model: float = Field(gt=0)
    """Spread of models of the same ability on one task."""
    n_tasks: int
    n_models: int
    claim: Id


class Learnt(Fact):
    """Share of the way from untuned to tuned after n rows: 1 - (1 + n / n0)^-b."""

    by: Literal["tuning", "examples"]
    """Rows as training examples, or as examples in the prompt."""
    outputs: Literal["labels", "text"]
    rows: float = Field(gt=0)
    """n0: rows for each label, or rows in all where there are none."""
    exponent: float = Field(gt=0)
    sd: float = Field(ge=0)
    """Standard deviation of the share, of data sets around the curve."""
    n: int
    """Data sets behind it."""
    claim: Id


class Ability(Fact):
    """General ability by size: logit MMLU = at_7b + slope x log10(parameters / 7e9)."""

    at_7b: float
    slope: float
    sd: float = Field(gt=0)
    n: int
    basis: str
    claim: Id


class Votes(Fact):
    """What a majority of five samples adds to the greedy answer, by the share that is right."""

    up_to: float
    """Upper end of the greedy answer's accuracy."""
    gain: float
    n: int


class Expectations(Fact):
    """Everything that the prior is computed from."""

    ability: Ability
    levels: tuple[Level, ...]
    learnt: tuple[Learnt, ...]
    prompted_end: Gain
    """Where the ten nearest of many examples end less where tuning ends, for labels."""
    closed_book: Gain
    """What is lost where the answers stand in documents that are not shown."""
    examples: Gain
    """Examples in the prompt against none, where no labels are asked for."""
    steps: Gain
    """Steps before the answer against none, in a prompt with examples."""
    votes: tuple[Votes, ...]
    votes_claim: Id
    found_at_one: Gain
    """Logit of the share of questions whose passage a plain search puts first."""
    sources: tuple[Reference, ...]
