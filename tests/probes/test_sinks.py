from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.sinks import file_name, markdown, one_line, terminal

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
ANY_TEXT = st.text(st.characters(exclude_categories=[])) | st.text(
    st.sampled_from("\x1b[]\x9b\x07\u202e\u2066\u200b\ud800\n\ta|<`*_-#")
)


@given(ANY_TEXT, st.none() | st.integers(1, 40))
def test_no_sink_lets_a_steering_character_through(text: str, limit: int | None) -> None:
    for sink in (terminal, one_line, markdown):
        shown = sink(text, limit)
        assert not STEERING.search(shown)
        shown.encode("utf-8")


@given(ANY_TEXT, st.integers(1, 40))
def test_limits_hold(text: str, limit: int) -> None:
    assert len(terminal(text, limit)) <= limit
    assert len(one_line(text, limit)) <= limit
    assert len(one_line(text, limit).splitlines()) <= 1
    assert len(file_name(text, limit)) <= limit


@given(ANY_TEXT)
def test_markdown_has_no_bare_markup(text: str) -> None:
    without_escapes = re.sub(r"\\[^a-zA-Z0-9\s]", "%", markdown(text, None))
    assert not re.search(r"[`*_\[\]<>|~]|&[#\w]|@\w|:/", without_escapes)
    assert not re.match(r"[ \t]|[-+=#]|[0-9]{1,9}[.)](?: |$)", without_escapes)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Ünïcode 漢字 🙂", "plain Ünïcode 漢字 🙂"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("a\r\nb", "a\\x0d\nb"),
    ],
)
def test_terminal(text: str, shown: str) -> None:
    assert terminal(text) == shown


def test_terminal_clips_with_an_ellipsis() -> None:
    assert terminal("abcdef", 4) == "abc…"
    assert terminal("abcd", 4) == "abcd"
    assert terminal("\x1b" * 100, 6) == "\\x1b\\…"


def test_one_line_shows_line_ends() -> None:
    assert one_line("a\nb\tc\u2028d") == "a\\nb\\tc\\u2028d"
    assert len(one_line("x" * 500)) == 80


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("card_arrival", "card\\_arrival"),
        ("a | b", "a \\| b"),
        ("<script>", "\\<script\\>"),
        ("![x](http://y)", "!\\[x\\](http\\://y)"),
        ("a (b) @ c: d", "a (b) @ c: d"),
        ("@team :smile: #12", "\\@team \\:smile: \\#12"),
        ("# title", "\\# title"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("0.95", "0.95"),
        ("    code", "code"),
        ("www.example.com", "www\\.example.com"),
        ("two\nlines", "two\\\\nlines"),
        ("~~~", "\\~\\~\\~"),
    ],
)
def test_markdown(text: str, shown: str) -> None:
    assert markdown(text) == shown


def test_file_name_keeps_the_end() -> None:
    assert file_name(Path("a/b.csv")) == "a/b.csv"
    assert file_name("x" * 200 + "/rows.csv").endswith("/rows.csv")
    assert len(file_name("x" * 200 + "/rows.csv")) == 80
