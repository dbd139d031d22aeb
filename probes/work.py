"""What one cell takes: tokens, steps and forward passes, hence seconds and memory."""

from __future__ import annotations

import math

from knowledge.cost import Work, cell_seconds
from knowledge.load import speeds
from knowledge.memory import inference_peak_bytes, training_peak_bytes
from knowledge.records import ModelCard
from probes.methods import Situation
from probes.record import Record
from probes.records import Cell

BATCH_TOKENS = 6144
"""Tokens of one evaluation batch, padding counted. Part of every cell's key: the size of a batch
can change a greedy answer in its last bit."""
LABEL_TOKENS = 4
"""Tokens of one candidate, where its tokenizer is not at hand."""


class PlannedCell(Record):
    """One cell with its predicted cost."""

    cell: Cell
    seconds: float
    tokens: int
    memory_bytes: int


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
    bytes_per_param = 0.6 if situation.quantization == "nf4" else 4.0 if device == "cpu" else 2.0
    if work.train_tokens:
        memory = training_peak_bytes(
            card,
            rank=int(cell.params["rank"]),
            tokens=min(4096, 16 * (situation.tokens_per_input + situation.tokens_per_output)),
            answer_tokens=min(4096, 16 * situation.tokens_per_output),
            bytes_per_param=bytes_per_param,
        )
    else:
        memory = inference_peak_bytes(
            card, tokens=max(width, BATCH_TOKENS), bytes_per_param=bytes_per_param
        )
    return PlannedCell(
        cell=cell,
        seconds=round(cell_seconds(work, card.n_params, speed, threads), 2),
        tokens=tokens,
        memory_bytes=memory,
    )


def work_of(cell: Cell, situation: Situation) -> Work:
    """Tokens, steps and forward passes of one cell."""
    shots = int(cell.params.get("shots", 0))
    per_item = situation.mean_tokens + situation.tokens_per_output
    prompt = situation.mean_tokens + shots * per_item
    width = prompt + situation.tokens_per_output
    batches = math.ceil(cell.n_eval * width / BATCH_TOKENS)
    if cell.params.get("decoding") == "choices":
        answers = cell.n_eval * max(1, len(situation.labels)) * LABEL_TOKENS
        calls = batches * 2
    else:
        answers = cell.n_eval * situation.tokens_per_output
        calls = batches * situation.tokens_per_output
    epochs = 0 if cell.adapter else int(cell.params.get("epochs", 0))
    checks = max(0, epochs - 1) if "prune_below" in cell.params else 0
    check_share = 1 + checks * min(1.0, 100 / cell.n_eval)
    return Work(
        train_tokens=round(cell.n_train * per_item * epochs),
        train_steps=math.ceil(cell.n_train / 16) * epochs,
        prefill_tokens=round(cell.n_eval * prompt * check_share),
        output_tokens=round(answers * check_share),
        forward_calls=round(calls * check_share),
    )
