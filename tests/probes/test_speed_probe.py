"""The speed probe measures in a child, counts what it ran, and says when it failed."""

from __future__ import annotations

import pytest

from knowledge.errors import UserError
from knowledge.load import model_cards
from knowledge.throughput import Job, linear_ops, network_of
from probes.speed_probe import LEAST_BYTES, ProbeSettings, layers_for, probed, settings_for

CARD = model_cards()["SmolLM2-135M-Instruct"]


@pytest.mark.parametrize("name", ["SmolLM2-135M-Instruct", "Qwen2.5-0.5B-Instruct"])
def test_work_shrinks_in_proportion_to_what_no_cache_holds(name: str) -> None:
    """Embeddings and layers keep their shares within a thousandth."""
    card, job = model_cards()[name], Job("lora", 128, 2)
    settings = settings_for(card, job)
    share = linear_ops(settings.network, job) / linear_ops(network_of(card), job)
    assert share == pytest.approx(settings.n_layers / card.n_layers, rel=1e-3)
    assert 4 * settings.network.n_params >= 0.99 * LEAST_BYTES


def test_wide_models_are_probed_with_two_layers() -> None:
    assert layers_for(model_cards()["Qwen2.5-7B-Instruct"], "float32") == 2
    assert layers_for(model_cards()["pocket-xs"], "float32") == 2


def test_a_tiny_model_is_measured() -> None:
    job = Job("lora", 32, checkpointing="full")
    settings = settings_for(model_cards()["pocket-xs"], job, threads=1)
    assert isinstance(settings, ProbeSettings)
    found = probed(settings)
    assert (found.device, found.threads) == ("cpu", 1)
    assert found.n_layers == model_cards()["pocket-xs"].n_layers
    assert 16 <= found.tokens <= 32
    assert min(found.training_ops_per_s, found.inference_ops_per_s) > 1e6
    assert found.decode_bytes_per_s > 1e3
    assert "torch" in found.versions


def test_a_failing_child_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(UserError, match="E-SPEED-PROBE"):
        probed(settings_for(CARD, Job("lora", 32)))
