"""The pocket ladder: tokenizer, world, held-out splits, shipped weights."""

import hashlib
import json
from functools import cache
from random import Random
from typing import Any

import pytest

from probes.pocket import RUNGS, facts, templates, vocabulary, weights_folder
from probes.pocket.arithmetic import is_pair_held, pair
from probes.pocket.corpus import sample_documents
from probes.pocket.questions import QUESTIONS, ask
from probes.pocket.tasks import TASKS, examples, write
from probes.pocket.turns import segments
from probes.pocket.world import FAMILIES, FULL_MIXTURE

TEXTS = (
    '{"item": "lamp", "count": "34"}',
    '{"a":"b","c":["x", "y"],"n":3,"deep":{"k": null}}',
    'He said "hi" to Mika, "yes" he said.',
    '"Hello," he said.',
    "Context: The job of Mika is baker.\n- For Boreza the colour is teal.\nQuestion: Mika job?",
    "P2-HOT",
    "34 + 57",
    "a\n\nb\t c\n  indented",
    "café → naïve “quoted” 日本語 🙂",
    "  two leading spaces",
    "",
    *vocabulary.LABEL_WORDS,
)


@cache
def tokenizer(rung: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(weights_folder(rung), local_files_only=True)


@cache
def model(rung: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        weights_folder(rung), dtype=torch.float32, local_files_only=True
    ).eval()


def answer(rung: str, prompt: str) -> str:
    chat = [{"role": "user", "content": prompt}]
    known = tokenizer(rung)
    batch = known.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    written = model(rung).generate(**batch, max_new_tokens=24)
    text: str = known.decode(written[0, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return text


@pytest.mark.parametrize("text", TEXTS)
def test_tokenizer_round_trip(text: str) -> None:
    known = tokenizer("pocket-s")
    assert known.decode(known(text, add_special_tokens=False)["input_ids"]) == text


def test_tokenizer_round_trips_every_document() -> None:
    known = tokenizer("pocket-s")
    for document in sample_documents("round trip", 300, FULL_MIXTURE):
        for _, text in document:
            assert known.decode(known(text, add_special_tokens=False)["input_ids"]) == text


def test_quoted_word_is_the_token_of_the_word_in_text() -> None:
    known = tokenizer("pocket-s")
    (word,) = known("lamp", add_special_tokens=False)["input_ids"]
    for text in ('{"item": "lamp"}', "Extract.\nlamp", "I see lamp"):
        assert word in known(text, add_special_tokens=False)["input_ids"]


def test_markers_and_settings() -> None:
    known = tokenizer("pocket-s")
    assert len(known) == 1280
    assert (known.pad_token_id, known.eos_token_id) == (0, 1)
    assert known.padding_side == "left"
    assert known.clean_up_tokenization_spaces is False
    chat = [{"role": "user", "content": "cat"}, {"role": "assistant", "content": "animal"}]
    assert known.apply_chat_template(chat, tokenize=False) == (
        "<|user|>cat<|end|><|assistant|>animal<|end|>"
    )
    assert len(known.apply_chat_template(chat, return_dict=False)) == 6


def test_rungs_share_one_tokenizer() -> None:
    found = {(weights_folder(r) / "tokenizer.json").read_bytes() for r in RUNGS}
    assert len(found) == 1


def test_world_is_deterministic() -> None:
    first, second = (sample_documents("seed", 50, FULL_MIXTURE) for _ in range(2))
    assert first == second
    assert first != sample_documents("other", 50, FULL_MIXTURE)


def test_tokenizer_is_retrained_identically() -> None:
    from probes.pocket.tokenizer import train_tokenizer

    retrained = json.loads(train_tokenizer().to_str())["model"]
    shipped = json.loads((weights_folder("pocket-s") / "tokenizer.json").read_text())["model"]
    digests = [hashlib.sha256(json.dumps(m).encode()).hexdigest() for m in (retrained, shipped)]
    assert digests[0] == digests[1]


def test_wordings_are_disjoint() -> None:
    for seen, held in templates.BANKS.values():
        assert seen and held
        assert not set(seen) & set(held)


def test_entities_are_disjoint() -> None:
    drawn = {}
    for split in ("pretrain", "probe"):
        r = Random(5)
        drawn[split] = {
            "name": {vocabulary.name(r, split) for _ in range(3000)},
            "label": {vocabulary.label(r, split) for _ in range(3000)},
            "sum": {pair(r, 2, split) for _ in range(3000)},
            "word": {
                vocabulary.label_task_word(r, c, split)
                for c in vocabulary.CATEGORIES
                for _ in range(100)
            },
            "person": {facts.person(r, split) for _ in range(1000)},
        }
    for kind in drawn["pretrain"]:
        assert not drawn["pretrain"][kind] & drawn["probe"][kind], kind


def test_held_sums_never_occur_in_training_even_swapped() -> None:
    r = Random(6)
    for x, y in (pair(r, 2, "pretrain") for _ in range(2000)):
        assert not is_pair_held(x, y)
        assert not is_pair_held(y, x)


def test_every_family_and_question_is_well_formed() -> None:
    for family in FAMILIES.values():
        for split in ("pretrain", "probe"):
            assert segments(family(Random(1), split))
    for probe in QUESTIONS:
        for document in ask(probe, 5, "probe"):
            assert document[-1][0] == "assistant"
            assert document[-2][0] == "user"


def test_example_tasks_are_written(tmp_path: Any) -> None:
    for task in TASKS:
        folder = write(task, tmp_path)
        rows = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
        assert len(rows) == task.count == len({row["input"] for row in rows})
        assert (folder / "spec.yaml").read_text().startswith("version: 1\n")
    assert examples(TASKS[0]) == examples(TASKS[0])


def test_weights_are_small() -> None:
    folders = [weights_folder(rung) for rung in RUNGS]
    total = sum(path.stat().st_size for folder in folders for path in folder.iterdir())
    assert total < 30_000_000


@pytest.mark.parametrize("rung", RUNGS)
def test_weights_load_and_answer(rung: str) -> None:
    assert answer(rung, "Question: What is the job of Mika?")


@pytest.mark.parametrize("rung", ("pocket-s", "pocket-m"))
def test_middle_and_large_read_a_context(rung: str) -> None:
    context = "Context: The job of Mika is baker. The job of Zulo is nurse.\n"
    assert answer(rung, context + "Question: What is the job of Mika?") == "baker"


def test_unknown_rung_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown pocket rung"):
        weights_folder("pocket-xxl")


@pytest.mark.slow
def test_pretraining_smoke(tmp_path: Any) -> None:
    from probes.pocket.pretrain import pretrain

    folder = pretrain("xs", tmp_path, tokens_scale=0.002)
    record = json.loads((folder / "training.json").read_text())
    losses = [entry["loss"] for log in record["log"].values() for entry in log]
    assert losses and all(0 < loss < 10 for loss in losses)
