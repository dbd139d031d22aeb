"""What stacks take beyond the closed form: `knowledge/memory_stacks/memory_stacks.yaml`.

Learnt from published rows by `results/fit/memory.py`; applied by `probes.footprint.calibration`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from knowledge.records import Fact, IsoDate, Source


class StackMemory(Fact):
    """One stack's own factors, shrunk towards those of its family."""

    name: str
    factors: dict[str, float]
    """Term -> bytes of it beyond the prediction, as a factor; those of 0 are left out."""
    runs: tuple[str, ...]
    """Kinds of run that were measured (`run_name`)."""
    n: int = Field(gt=0)
    """Rows, bounds among them."""


class MemoryLaw(Fact):
    """The factors of training, or of answering, with how far off they were."""

    kind: Literal["training", "inference"]
    common: dict[str, float]
    """Factors of a stack that nobody measured, nor one with the same code."""
    families: dict[str, dict[str, float]]
    """Factors of stacks that run the same code: `litgpt`."""
    stacks: tuple[StackMemory, ...]
    known: float = Field(gt=0)
    """Half width of the 80 % interval of runs that a stack was measured in, in natural logarithms
    of bytes."""
    new: float = Field(gt=0)
    """Of any other run or stack: from sources that were left out in turn."""
    fitted: IsoDate
    sources: tuple[Source, ...]

    def of(self, stack: str) -> tuple[dict[str, float], str]:
        """Factors of a stack, of its family, or of all, and what they rest on."""
        for each in self.stacks:
            if each.name == stack:
                return each.factors, f"{each.n} published rows of {stack}"
        family = family_of(stack)
        if family in self.families:
            return self.families[family], f"published rows of other {family} stacks"
        return self.common, f"{len(self.stacks)} published stacks, none of this code"

    def half(self, stack: str, run: str) -> float:
        """Half width of the 80 % interval."""
        known = any(each.name == stack and run in each.runs for each in self.stacks)
        return self.known if known else self.new


def run_name(method: str, checkpointing: bool) -> str:
    """The kind of a run: `lora checkpointed`."""
    return f"{method} checkpointed" if checkpointing else method


TRANSFORMERS = ("transformers", "peft", "trl", "llamafactory", "axolotl", "swift")
"""Starts of the names of stacks whose layers and losses are those of transformers."""


def family_of(stack: str) -> str:
    """The code that a stack runs."""
    name = stack.split("-")[0]
    return TRANSFORMERS[0] if name in TRANSFORMERS or stack.endswith(" hf") else name
