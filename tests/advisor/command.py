"""The command in this process, and how it refuses bad input: one line on stderr, exit code 2."""

from __future__ import annotations

import sys

import pytest


def run_main(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `advisor` with these arguments; cheaper than a process for many of them."""
    from advisor.cli import main

    monkeypatch.setattr(sys, "argv", ["advisor", *argv])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def refusal(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
) -> str:
    """The line by which `advisor` refuses these arguments."""
    assert run_main(argv, monkeypatch) == 2
    out, err = capture.readouterr()
    assert_one_line(out, err)
    return err


def assert_one_line(out: str, err: str) -> None:
    """An error as a user sees it: no data, no traceback, one line with its code."""
    assert out == ""
    assert err.startswith("error[E-")
    assert err.count("\n") == 1
    assert err.endswith("\n")
