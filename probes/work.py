"""What one cell takes: tokens, steps and forward passes, hence seconds and memory."""

from __future__ import annotations

import math

from knowledge.cost import Work, cell_seconds
from knowledge.load import speeds
from knowledge.memory import (
    full_training_peak_bytes,
    inference_peak_bytes,
    training_peak_bytes,
    weights_bytes,
)
from knowledge.records import ModelCard
from probes.methods import Situation
from probes.record import Record
from probes.records import Cell

BATCH_TOKENS = 12_288
"""Tokens of one evaluation batch, padding counted. Tiny models hardly mind its size (3,072 to
24,576); larger ones read their weights once a step whatever the rows. Part of every cell's key: the
size of a batch can change a greedy answer in its last bit."""
SHARED_COST = 2
"""Tokens of the start that all prompts share, read once, for which a batch pays as for one."""
MICRO_TOKENS = 4096
"""Tokens of one forward pass in training for each adapter, padding counted; a batch is split to
stay below."""
GROUP_TOKENS = {"cpu": 2048, "cuda": 16_384}
"""Tokens of one training step up to which adapters are sent to a worker together: what is killed is
lost for all of them. How many of them share a forward pass is timed there (`probes.fusing`). One
thread of a Zen 4 core gained 1.5 times at 100k parameters, 1.1 at 350k and 1.05 at 1M with 2,500
tokens a step (results/LOG.md); on a GPU the figure is an estimate (facts: performance 1)."""
MAX_GROUP = 8
ADAPTER_WIDTH = 16
"""Columns that LoRA's A is padded to a multiple of, so that what an adapter becomes does not depend
on the ranks of its companions: a longer inner product is rounded otherwise."""
LABEL_TOKENS = 4
"""Tokens of one candidate, where its tokenizer is not at hand."""


class PlannedCell(Record):
    """One cell with its predicted cost."""

    cell: Cell
    seconds: float
    tokens: int
    memory_bytes: int
    """With all that it is trained together with."""
    alone_bytes: int = 0
    """Trained without company; 0 in plans from before it was kept."""


def speed_key(device: str) -> str:
    """The row of `knowledge/hardware/speeds.yaml` for a device."""
    return "cuda" if device == "cuda" else "cpu"


def planned(
    cell: Cell, situation: Situation, card: ModelCard, device: str, threads: int
) -> PlannedCell:
    """The cell with its predicted seconds, tokens and memory."""
    work = work_of(cell, situation)
    speed = speeds()[speed_key(device)]
    tokens = work.train_tokens + work.prefill_tokens + work.output_tokens
    width = situation.tokens_per_input * (1 + int(cell.params.get("shots", 0)))
    width += passages_in(cell, situation) * situation.tokens_per_passage
    bytes_per_param = 0.6 if situation.quantization == "nf4" else 4.0 if device == "cpu" else 2.0
    if work.all_weights:
        memory = alone = full_training_peak_bytes(card, tokens=MICRO_TOKENS)
    elif work.train_tokens:
        alone = training_peak_bytes(
            card,
            rank=padded_width(int(cell.params["rank"])),
            tokens=min(MICRO_TOKENS, 16 * (width + situation.tokens_per_output)),
            answer_tokens=min(MICRO_TOKENS, 16 * situation.tokens_per_output),
            bytes_per_param=bytes_per_param,
        )
        weights = weights_bytes(card, bytes_per_param)  # once, whatever the company
        memory = weights + group_size(cell, situation, device) * (alone - weights)
    else:
        memory = alone = inference_peak_bytes(
            card, tokens=max(width, SHARED_COST * BATCH_TOKENS), bytes_per_param=bytes_per_param
        )
    return PlannedCell(
        cell=cell,
        seconds=round(cell_seconds(work, card.n_params, speed, threads), 2),
        tokens=tokens,
        memory_bytes=memory,
        alone_bytes=alone,
    )


def padded_width(rank: int) -> int:
    """The columns of an adapter of that rank: the next multiple of ADAPTER_WIDTH."""
    return -(-rank // ADAPTER_WIDTH) * ADAPTER_WIDTH


def group_size(cell: Cell, situation: Situation, device: str) -> int:
    """How many adapters like the cell's are trained together."""
    per_example = situation.mean_tokens + situation.tokens_per_output
    per_example += passages_in(cell, situation) * situation.tokens_per_passage
    tokens = int(cell.params.get("batch_size", 1)) * per_example
    return max(1, min(MAX_GROUP, int(GROUP_TOKENS[speed_key(device)] // tokens)))


def passages_in(cell: Cell, situation: Situation) -> int:
    """How many passages a prompt of the cell holds; one for the oracle."""
    context = cell.params.get("context")
    if context == "retrieved":
        return int(cell.params["k"])
    return {"all": situation.n_passages, "oracle": 1}.get(str(context), 0)


def work_of(cell: Cell, situation: Situation) -> Work:
    """Tokens, steps and forward passes of one cell."""
    params = cell.params
    prompt = situation.mean_tokens + passages_in(cell, situation) * situation.tokens_per_passage
    trained = prompt + situation.tokens_per_output
    per_shot = situation.mean_tokens + situation.tokens_per_output
    if "context" in params:
        per_shot += situation.tokens_per_passage
    shots = int(params.get("shots", 0)) * per_shot
    shared = shots if params.get("selection") == "random" else 0  # read once, kept for each prompt
    prompt += shots - shared
    samples = int(params.get("samples", 1))
    written = situation.tokens_per_output + int(params.get("steps_tokens", 0))
    kept = samples * (prompt + written + shared / SHARED_COST)
    reads = 1 + samples * (params.get("chooser") == "likelihood")  # each sample is read again
    n_items = cell.n_eval - (cell.taken_over.n_items if cell.taken_over else 0)
    batches = math.ceil(n_items * kept / BATCH_TOKENS)
    if params.get("decoding") == "choices":
        answers = n_items * max(1, len(situation.labels)) * LABEL_TOKENS
        calls = batches * 2
    else:
        answers = n_items * samples * written
        calls = batches * written
    epochs = 0 if cell.adapter else int(params.get("epochs", 0))
    checks = max(0, epochs - 1) if "prune_below" in params else 0
    check_share = 1 + checks * min(1.0, 100 / cell.n_eval)
    return Work(
        train_tokens=round(cell.n_train * trained * epochs),
        all_weights=epochs > 0 and params.get("trainable") == "all",
        train_steps=math.ceil(cell.n_train / 16) * epochs,
        prefill_tokens=round((n_items * prompt * reads + shared) * check_share),
        output_tokens=round(answers * check_share),
        forward_calls=round(calls * check_share),
    )
