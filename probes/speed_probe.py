"""Twenty seconds on the machine at hand: how fast it trains, reads and writes at a model's width.

    python -m probes.speed_probe < settings.json

A model of the target's width with a few of its layers, random weights and a vocabulary cut in the
same proportion: all work shrinks alike, so that operations a second carry over. Layers are two, or
as many as no cache holds: weights that stay in one are read much faster than those of the target.
It runs in a child process, with the real transformers and PEFT; the parent needs neither.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from knowledge.decoding import prompt_ops
from knowledge.errors import UserError
from knowledge.local_speed import LocalSpeed
from knowledge.records import Fact, ModelCard
from knowledge.throughput import Job, Network, operations

LEAST_LAYERS = 2
LEAST_BYTES = 256e6
"""Weights that are larger than the last cache of a processor."""
LIMIT_S = 90.0
"""A child that takes longer is ended: a machine so slow needs no estimate."""
WRITTEN = 8
"""Tokens written."""


class ProbeSettings(Fact):
    """What to run: the width of a model and the micro-step of a job."""

    hidden_size: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    n_heads: int = Field(gt=0)
    n_kv_heads: int = Field(gt=0)
    head_columns: int = Field(gt=0)
    vocab_size: int = Field(gt=0)
    seq_len: int = Field(gt=0)
    micro_batch: int = Field(default=1, gt=0)
    checkpointing: bool = False
    n_layers: int = Field(default=LEAST_LAYERS, gt=0)
    device: Literal["cpu", "cuda"] = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"
    threads: int = 0
    """0 for as many as torch takes by itself."""
    clock: Literal["wall", "cpu"] = "wall"
    """`cpu` counts the process's own time: of one thread, on a machine that others use too."""
    enough_s: float = 6.0
    """Time that training steps may take together; sequences are shortened to stay within it."""

    @property
    def network(self) -> Network:
        """The shape whose operations are counted, embeddings tied."""
        width, head = self.hidden_size, self.head_columns
        layer = 2 * width * head * (self.n_heads + self.n_kv_heads)
        layer += 3 * width * self.intermediate_size
        return Network(
            n_params=self.n_layers * layer + self.vocab_size * width,
            n_layers=self.n_layers,
            hidden_size=width,
            vocab_size=self.vocab_size,
            kv_columns=self.n_kv_heads * head,
            tied=True,
        )


def settings_for(card: ModelCard, job: Job, **more: Any) -> ProbeSettings:
    """The card's width at the job's micro-step; `more` are `device`, `dtype` and `threads`."""
    kept = layers_for(card, more.get("dtype", "float32"))
    return ProbeSettings(
        n_layers=kept,
        hidden_size=card.hidden_size,
        intermediate_size=card.intermediate_size,
        n_heads=card.n_heads,
        n_kv_heads=card.n_kv_heads,
        head_columns=card.head_columns,
        vocab_size=max(256, round(card.vocab_size * kept / card.n_layers)),
        seq_len=round(job.seq_len),
        micro_batch=job.micro_batch,
        checkpointing=job.checkpointing == "full",
        **more,
    )


def layers_for(card: ModelCard, dtype: str) -> int:
    """How many layers, with their share of the vocabulary, no cache holds."""
    each = card.n_params / card.n_layers * (2 if dtype == "bfloat16" else 4)
    return min(card.n_layers, max(LEAST_LAYERS, math.ceil(LEAST_BYTES / each)))


def probed(settings: ProbeSettings, limit_s: float = LIMIT_S) -> LocalSpeed:
    """What a child process measured.

    Raises:
        UserError: E-SPEED-PROBE, it failed or took too long.
    """
    command = [sys.executable, "-m", "probes.speed_probe"]
    try:
        done = subprocess.run(
            command,
            input=settings.model_dump_json(),
            capture_output=True,
            text=True,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        raise _failed(f"no result within {limit_s:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise _failed(said[-1][:200] if said else f"exit code {done.returncode}")
    return LocalSpeed.model_validate_json(done.stdout.splitlines()[-1])


def _failed(what: str) -> UserError:
    return UserError(
        "E-SPEED-PROBE",
        f"the speed of this machine could not be measured: {what}",
        hint="plan without it; published speeds are used instead",
    )


def measure(settings: ProbeSettings) -> LocalSpeed:
    """Run in this process: LoRA steps, reading, writing."""
    import torch
    import transformers

    started = time.perf_counter()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    model = _model(settings)
    network, found = settings.network, settings.model_copy(update={"seq_len": 16})
    _timed(lambda: _step(model, found), 1, settings)
    short = _timed(lambda: _step(model, found), 1, settings)
    fits = int(16 * settings.enough_s / 4 / max(short, 1e-9))
    length = max(16, min(settings.seq_len, fits))
    found = settings.model_copy(update={"seq_len": length})
    steps = 3
    step_s = _timed(lambda: _step(model, found), steps, settings)
    read_s, write_s, read_bytes = _answering(model, found)
    job = _job(found)
    return LocalSpeed(
        device=_device_name(settings),
        dtype=settings.dtype,
        threads=torch.get_num_threads(),
        hidden_size=settings.hidden_size,
        n_layers=settings.n_layers,
        tokens=round(job.tokens),
        training_ops_per_s=operations(network, job) / step_s,
        inference_ops_per_s=found.micro_batch * prompt_ops(network, length) / read_s,
        decode_bytes_per_s=read_bytes / write_s,
        steps=steps,
        seconds=round(time.perf_counter() - started, 1),
        versions={"torch": torch.__version__, "transformers": transformers.__version__},
    )


def _job(settings: ProbeSettings) -> Job:
    return Job(
        method="lora",
        seq_len=settings.seq_len,
        micro_batch=settings.micro_batch,
        checkpointing="full" if settings.checkpointing else "none",
    )


def _model(settings: ProbeSettings) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.n_layers,
        num_attention_heads=settings.n_heads,
        num_key_value_heads=settings.n_kv_heads,
        head_dim=settings.head_columns,
        vocab_size=settings.vocab_size,
        tie_word_embeddings=True,
        max_position_embeddings=max(64, 2 * settings.seq_len),
    )
    base = LlamaForCausalLM(config).to(settings.device, getattr(torch, settings.dtype))
    if settings.checkpointing:
        base.gradient_checkpointing_enable({"use_reentrant": False})
    targets = LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, targets)
    model.train()
    return model


def _ids(settings: ProbeSettings) -> Any:
    import torch

    shape = (settings.micro_batch, settings.seq_len)
    return torch.randint(0, settings.vocab_size, shape, device=settings.device)


def _step(model: Any, settings: ProbeSettings) -> None:
    """Forward, backward, update of the adapters."""
    import torch

    if not hasattr(model, "probe_optimiser"):
        wanted = [weight for weight in model.parameters() if weight.requires_grad]
        model.probe_optimiser = torch.optim.AdamW(wanted, lr=1e-4)
    ids = _ids(settings)
    model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    model.probe_optimiser.step()
    model.probe_optimiser.zero_grad(set_to_none=True)


def _answering(model: Any, settings: ProbeSettings) -> tuple[float, float, float]:
    """Seconds of reading a prompt, of writing one token, and the bytes of weights that it reads."""
    import torch

    bare = model.unload()
    bare.eval()
    ids = _ids(settings)
    one = ids[:1]
    with torch.inference_mode():
        bare(input_ids=ids, logits_to_keep=1)
        read = _timed(lambda: bare(input_ids=ids, logits_to_keep=1), 2, settings)
        state: dict[str, Any] = {"cache": bare(input_ids=one, use_cache=True).past_key_values}

        def write() -> None:
            out = bare(input_ids=one[:, :1], past_key_values=state["cache"], use_cache=True)
            state["cache"] = out.past_key_values

        write()
        written = _timed(write, WRITTEN, settings)
    size = sum(weight.numel() * weight.element_size() for weight in bare.parameters())
    return read, written, float(size)


def _timed(work: Callable[[], object], times: int, settings: ProbeSettings) -> float:
    """Seconds of one call, the shortest of so many: what disturbs only ever adds."""
    import torch

    now = time.process_time if settings.clock == "cpu" else time.perf_counter
    found = []
    for _ in range(times):
        if settings.device == "cuda":
            torch.cuda.synchronize()
        start = now()
        work()
        if settings.device == "cuda":
            torch.cuda.synchronize()
        found.append(now() - start)
    return min(found)


def _device_name(settings: ProbeSettings) -> str:
    import torch

    if settings.device == "cuda":
        return f"cuda {torch.cuda.get_device_name()}"
    return "cpu"


def main() -> None:
    """Settings from stdin, the record to stdout."""
    settings = ProbeSettings.model_validate_json(sys.stdin.read())
    sys.stdout.write(measure(settings).model_dump_json() + "\n")


if __name__ == "__main__":
    main()
