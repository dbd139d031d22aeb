from __future__ import annotations

from dataclasses import replace

import pytest

from probes.audit.chat import check, tokens_in
from probes.audit.records import Found
from probes.audit.sheet import Entry, Rung, Sheet
from probes.records import Role, Turn


def entry(at: int, text: str = "hello", output: str = "fine", roles: str = "") -> Entry:
    names: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
    turns = tuple(
        Turn(role=names[each], content="Be kind." if each == "s" else "x") for each in roles
    )
    return Entry(text, output, at + 1, "train", "train", turns=turns or None)


def found(entries: list[Entry], rungs: tuple[Rung, ...] = ()) -> dict[str, Found]:
    given = Sheet(entries, "generation", "rouge_l", "Say it.", rungs=rungs)
    return {each.kind: each for each in check(given)}


@pytest.mark.parametrize(
    "text",
    [
        "<|im_start|>user\nhi<|im_end|>",
        "Fine.<|eot_id|>",
        "[INST] hi [/INST]",
        "<s> hi",
        "bye</s>",
        "<start_of_turn>model",
        "a\n### Response:\nb",
        "<<SYS>>be kind<</SYS>>",
        "Human: hi\n\nAssistant: hello",
        "text<|endoftext|>",
    ],
)
def test_marks_of_templates(text: str) -> None:
    assert tokens_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "<s>struck</s> out",
        "### Results: fine",
        "a <| b |> c",
        "Human: a species",
        "The assistant: a story",
        "arr[INSTALL]",
    ],
)
def test_what_only_resembles_them(text: str) -> None:
    assert not tokens_in(text)


def test_end_tokens_are_taken_off_outputs() -> None:
    rows = [entry(at) for at in range(200)]
    rows[70], rows[90] = entry(70, output="fine<|im_end|>\n"), entry(90, text="[INST] hi")
    one = found(rows)["template-tokens"]
    assert list(one.rows) == [70, 90]
    assert one.remedy is not None and one.remedy.outputs == {70: "fine"}


def test_system_prompts_that_vary_or_lack() -> None:
    rows = [entry(at, roles="sua") for at in range(40)]
    rows[5] = entry(5, roles="ua")
    odd = Turn(role="system", content="Be rude.")
    rows[7] = Entry("x", "y", 8, "train", "train", turns=(odd, *(rows[0].turns or ())[1:]))
    kinds = found(rows)
    assert list(kinds["missing-system-prompt"].rows) == [5]
    assert list(kinds["system-prompts"].rows) == [7]


def test_the_order_of_roles_and_turns_that_are_not_learnt() -> None:
    orders = ["sua", "uaua", "uua", "aua", "suua", "suaua"]
    rows = [entry(at, roles=roles) for at, roles in enumerate(orders)]
    kinds = found(rows)
    assert sorted(kinds["role-order"].rows) == [2, 3, 4]
    assert sorted(kinds["unlearnt-turns"].rows) == [1, 3, 5]
    assert kinds["unlearnt-turns"].effect.points == 0
    refused = [replace(row, output="", fault="no user turn before the answer") for row in rows[1:4]]
    kinds = found([rows[0], *refused, *rows[4:]])
    assert list(kinds["role-order"].rows) == [4] and kinds["role-order"].of == 3
    assert list(kinds["unlearnt-turns"].rows) == [5]


def test_a_refused_row_lacks_no_system_prompt() -> None:
    rows = [entry(at, roles="sua") for at in range(40)]
    rows[5] = replace(entry(5, roles="ua"), output="", fault="no assistant turn to learn from")
    assert not found(rows)


def test_rows_longer_than_a_rung_can_read() -> None:
    calls = []

    def count(text: str) -> int:
        calls.append(text)
        return len(text.split())

    rows = [entry(at, text="word " * (at % 1000)) for at in range(5000)]
    kinds = found(rows, (Rung("small", 900, count), Rung("large", 5000, count)))
    # `Say it.` and `fine` are three more tokens
    assert sorted(kinds["too-long"].rows) == [at for at in range(5000) if at % 1000 > 897]
    assert kinds["too-long"].details["model"] == "small" and len(calls) < 2000


def test_plain_rows_say_nothing() -> None:
    assert not found([entry(at) for at in range(100)], (Rung("small", 100, len),))
