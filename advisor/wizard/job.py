"""What the screens are about: a spec, and the commands that plan and probe it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """One spec and the commands that the screens start as children."""

    name: str
    """The task's name."""
    target: float
    rehearsal: bool
    """True for the pocket ladder, where the spec says so; else the run's first event tells."""
    plan: tuple[str, ...]
    """Prints the plan for people."""
    audit: tuple[str, ...]
    """Prints the data audit for people."""
    probe: tuple[str, ...]
    """Prints events as JSON lines; exits as `advisor probe` does."""
    env: Mapping[str, str]
    """Environment of the children: Textual takes NO_COLOR out of this process's own."""

    @classmethod
    def of(cls, task: Path) -> Job:
        """The job of a spec file.

        Raises:
            UserError: the file is no valid spec.
        """
        from probes.spec import read_spec

        spec = read_spec(task)
        advisor = (sys.executable, "-m", "advisor")
        return cls(
            name=spec.name,
            target=spec.target,
            rehearsal=spec.ladder == "pocket",
            plan=(*advisor, "plan", "--task", str(task)),
            audit=(*advisor, "audit", "--task", str(task)),
            probe=(*advisor, "probe", "--task", str(task), "--events", "--quiet"),
            env=dict(os.environ),
        )
