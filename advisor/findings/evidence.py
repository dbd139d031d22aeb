"""What the findings are read from, and the comparisons that all of them make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from advisor.belief import paired
from advisor.choice import threshold
from advisor.chosen import diagnosed
from advisor.mistakes import suspects
from advisor.records import Option
from probes.documents import Documents
from probes.mistakes import Suspect
from probes.records import Example, Measurement
from probes.stats import PairedDifference, holm
from probes.task import TaskSpec

CLEAR = 0.05
"""Adjusted p-value below which a difference is called clear."""
PROMPTS = ("zero_shot", "few_shot")
"""Closed book, untrained, answered at once."""
UNTRAINED = ("zero_shot", "few_shot", "steps", "vote", "rag")


@dataclass(frozen=True)
class Evidence:
    """What the findings are read from."""

    spec: TaskSpec
    options: Sequence[Option]
    runs: Mapping[str, Sequence[Measurement]]
    """Dev measurements of each option by its name."""
    dev: Sequence[Measurement]
    """Everything measured on dev."""
    examples: Mapping[str, Example]
    """Examples by item id, for their groups."""
    documents: Documents = field(default_factory=Documents)
    n_train: int = 0
    """Training examples that there are, whether or not the battery used them."""
    n_dev: int = 0
    """Dev items that each option was to answer."""

    def option(self, rung: str, method: str) -> Option | None:
        """The option of that method on that rung, None where it was not measured."""
        found = (o for o in self.options if o.rung == rung and o.method == method)
        return next(found, None)

    def best_option(self, rung: str, methods: Sequence[str] | None = None) -> Option | None:
        """The option of highest quality on a rung, among those methods or all."""
        mine = [option for option in self.options if option.rung == rung]
        found = [option for option in mine if methods is None or option.method in methods]
        return max(found, key=lambda option: option.quality.value, default=None)

    def diagnosis(self, rung: str, method: str) -> Measurement | None:
        """The best cell of a diagnostic method on a rung; of the oracle, on known items alone."""
        return diagnosed(self.dev, rung, method, self.documents)

    @property
    def rungs(self) -> list[str]:
        """Rungs by size, smallest first; systems that the user brought are none."""
        by_size = sorted(self.options, key=lambda option: option.n_params)
        return list(dict.fromkeys(o.rung for o in by_size if o.method != "existing"))

    @cached_property
    def suspects(self) -> Sequence[Suspect]:
        """References that the best options contradict with one and the same answer."""
        return suspects(self.runs, self.examples)

    @property
    def asked(self) -> float:
        """Probability of meeting the target that is asked of an option."""
        return threshold(self.spec)

    def difference(self, a: Sequence[Measurement], b: Sequence[Measurement]) -> PairedDifference:
        """Quality of `a` less that of `b` on the same items."""
        return paired(a, b, self.examples)


@dataclass(frozen=True)
class Contrast:
    """Two sets of runs of one rung, compared on the same items."""

    rung: str
    better: Sequence[Measurement]
    worse: Sequence[Measurement]
    what: str
    """The two sides in words: `the oracle over closed book`."""


def clear_contrasts(
    evidence: Evidence, contrasts: Sequence[Contrast], least: float
) -> list[tuple[Contrast, PairedDifference, float]]:
    """The contrasts whose gain is clear and at least `least`, with adjusted p-values (Holm)."""
    tests = [evidence.difference(each.better, each.worse) for each in contrasts]
    adjusted = holm([test.p_value for test in tests])
    return [
        (contrast, test, p_value)
        for contrast, test, p_value in zip(contrasts, tests, adjusted, strict=True)
        if p_value < CLEAR and test.estimate.value >= least
    ]


def gain(test: PairedDifference, adjusted_p: float | None = None) -> str:
    """`+23 points [15, 31] on the same items (adjusted p = 0.001)`; without, the test's own p."""
    estimate = test.estimate
    told = f"p = {test.p_value:.3f}" if adjusted_p is None else f"adjusted p = {adjusted_p:.3f}"
    return (
        f"{100 * estimate.value:+.0f} points [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"
        f" on the same items ({told})"
    )


def ids(*runs: Sequence[Measurement]) -> tuple[str, ...]:
    """Ids of all measurements, in order, each once."""
    return tuple(dict.fromkeys(run.id for some in runs for run in some))
