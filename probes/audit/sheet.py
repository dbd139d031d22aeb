"""The user's rows as the audit reads them: light, in order, and none refused for what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from probes.audit.records import FileName
from probes.records import Passage, SplitName, Turn
from probes.task import TaskType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FREE_TEXTS = ("generation", "summarization", "synthetic-data")
"""Tasks in which one input may have several right outputs, of any form."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row."""

    text: str
    """What the model would read of it: the contents of all turns, joined by line ends; '' where
    there is nothing."""
    output: str
    """The wanted answer; '' where there is none."""
    row: int
    """Line or number in its file, from 1."""
    file: FileName
    side: SplitName
    """The side of the split on which the probe would put it."""
    group: str | None = None
    rejected: str | None = None
    turns: tuple[Turn, ...] | None = None
    """The whole conversation with its answer, where it is more than one user turn."""
    gold: tuple[str, ...] = ()
    """Ids of the passages that hold the answer, where the data say so."""
    fault: str = ""
    """Why the probe would refuse the row, in a clause; '' where it would not."""
    asked: bool = True
    """Whether a user turn says anything."""


@dataclass(frozen=True)
class Rung:
    """What the audit must know of a model: how it counts tokens, and how many it can read."""

    name: str
    context_tokens: int
    count_tokens: Callable[[str], int]


@dataclass(frozen=True)
class Answered:
    """What a system in use has said to train rows."""

    name: str
    answers: Mapping[int, Sequence[str]]
    """By position of the row in the sheet."""
    fault: str = ""
    """Why they could not be read, in a clause; '' where they were."""


@dataclass(frozen=True)
class Sheet:
    """All rows with what is asked of them."""

    entries: Sequence[Entry]
    task_type: TaskType
    metric: str
    instruction: str = ""
    passages: Sequence[Passage] = ()
    rungs: Sequence[Rung] = ()
    systems: Sequence[Answered] = ()
    target: float = 0.9
    """Quality that is good enough, on the metric's scale from 0 to 1."""

    @property
    def labelled(self) -> bool:
        """Whether outputs are labels of a set."""
        return self.task_type == "classification"

    @cached_property
    def usable(self) -> list[int]:
        """Positions of rows that have both an input and an output."""
        return [
            at for at, row in enumerate(self.entries) if row.text.strip() and row.output.strip()
        ]

    def sample(self, n: int, among: Sequence[int] | None = None) -> list[int]:
        """At most `n` positions (of `among`, else of the usable), in their order: those whose text
        hashes lowest, so that the same rows are drawn whatever their order."""
        positions = self.usable if among is None else among
        if len(positions) <= n:
            return list(positions)
        import numpy as np

        asked = np.asarray(positions)
        order = np.lexsort((asked, self._digests[asked]))
        drawn: list[int] = np.sort(asked[order[:n]]).tolist()
        return drawn

    @cached_property
    def _digests(self) -> NDArray[np.uint64]:
        """A number of each row's content, computed once for all samples."""
        import numpy as np

        return np.frombuffer(b"".join(map(_digest, self.entries)), dtype=">u8").astype(np.uint64)

    def by_side(self, side: SplitName) -> Iterator[int]:
        """Positions of the usable rows of a side."""
        return (at for at in self.usable if self.entries[at].side == side)


def _digest(entry: Entry) -> bytes:
    whole = f"{entry.text}\0{entry.output}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=8).digest()
