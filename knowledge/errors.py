"""The one exception that a user is meant to see: a place, what is wrong, what to do."""

from __future__ import annotations


class UserError(Exception):
    """Input that the user can mend: the CLI prints one line on stderr and exits with `exit_code`.

    Anything else that is raised is a bug and keeps its traceback.
    """

    exit_code = 2
    """The exit code of the command that it ends."""

    def __init__(self, code: str, what: str, *, place: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.code = code
        """Stable identifier such as `E-SPEC-UNKNOWN-KEY`, to search for and to test against."""
        self.what = what
        """What is wrong, in one clause."""
        self.place = place
        """`file`, `file:line:column` or `file:line:column field`."""
        self.hint = hint
        """What to do next, in one clause."""

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"error[{self.code}]: {place}{self.what}{hint}"
