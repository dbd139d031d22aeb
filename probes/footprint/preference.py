"""TRL's own loss on pairs and its head in chunks, without its trainer."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import torch

from probes.footprint.settings import Setting


@contextlib.contextmanager
def kernels_of_a_gpu(setting: Setting) -> Iterator[None]:
    """TRL's head as it works on a GPU, where Triton changes a tile in place.

    On a CPU the same is done by operations with temporaries of several tiles (trl 1.16,
    `trl/kernels/chunked_logprob.py`).
    """
    if setting.device == "cpu" or (setting.method != "dpo" and setting.loss != "chunked"):
        yield
        return
    from trl.kernels import chunked_logprob

    def in_place(*_: Any, **__: Any) -> None:
        """Nothing is allocated."""

    with contextlib.ExitStack() as patches:
        for name in ("_forward_tile", "_backward_tile", "_addmm_fp32"):
            patches.enter_context(mock.patch.object(chunked_logprob, name, in_place))
        yield


def chunk_head(model: Any, outputs: tuple[str, ...] = ("log_probs",)) -> None:
    """Let TRL replace the model's head by one that scores some tokens at a time."""
    from peft import PeftModel
    from trl.trainer.utils import add_fused_lm_head

    base = model.get_base_model() if isinstance(model, PeftModel) else model
    add_fused_lm_head(base, outputs=outputs)


def pair_loss(model: Any, setting: Setting, vocabulary: int) -> Callable[[], torch.Tensor]:
    """`DPOTrainer.compute_loss` on a batch of pairs; the reference is the base without adapter.

    The trainer is made without its constructor, which wants a tokenizer and a dataset; it is told
    what its loss reads, as trl 1.16 sets it up with the defaults of DPOConfig.
    """
    from trl.trainer.dpo_trainer import DPOTrainer

    chunk_head(model, ("log_probs", "entropy", "mean_logits", "is_top1"))
    trainer = object.__new__(DPOTrainer)
    told: dict[str, Any] = {
        "model": model,
        "ref_model": None,
        "accelerator": SimpleNamespace(
            device=torch.device("cpu"),
            gather=lambda each: each,
            gather_for_metrics=lambda each: each,
            unwrap_model=lambda each: each,
        ),
        "args": SimpleNamespace(gradient_checkpointing_kwargs={"use_reentrant": False}),
        "beta": 0.1,
        "loss_types": ["sigmoid"],
        "loss_weights": [1.0],
        "ld_alpha": None,
        "label_smoothing": 0.0,
        "f_divergence_type": "reverse_kl",
        "use_weighting": False,
        "aux_loss_enabled": False,
        "precompute_ref_logps": False,
        "_metrics": {"train": defaultdict(list)},
        "_total_train_tokens": 0,
        "_tp_size": 1,
    }
    for name, value in told.items():
        object.__setattr__(trainer, name, value)
    ids = torch.randint(0, vocabulary, (2 * setting.batch, setting.seq_len))
    ones = torch.ones_like(ids)
    batch = {"input_ids": ids, "attention_mask": ones, "completion_mask": ones.clone()}
    return lambda: cast(torch.Tensor, trainer._compute_loss(model, batch, False))
