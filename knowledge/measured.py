"""Memory and speed that others measured and published, row by row with their sources.

`published/measured.csv` is written by `results/fit/published.py`.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from knowledge.errors import UserError
from knowledge.records import Fact

FOLDER = Path(__file__).parent / "published"
Method = Literal["full", "lora", "qlora", "dpo-lora", "inference"]


class Measured(Fact):
    """One published measurement; None where the source does not say."""

    model: str
    n_params: int = Field(gt=0)
    n_active: int = Field(gt=0)
    """Parameters that one token passes through: fewer than all in a mixture of experts."""
    n_layers: int | None = None
    hidden_size: int | None = None
    kv_columns: int | None = None
    """Columns of all key heads of a layer."""
    vocab_size: int | None = None
    tied_embeddings: bool | None = None
    method: Method
    quantisation: str
    dtype: str
    rank: int | None = None
    targets: str = ""
    seq_len: int | None = None
    """Length that sequences have or are cut at; of inference, prompt and answer together."""
    mean_tokens: float | None = None
    """Mean length, where it is known to be shorter than `seq_len`."""
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    micro_batch: int | None = None
    accumulation: int = 1
    """Micro-steps to one optimiser step."""
    checkpointing: Literal["none", "full", "selective", "unknown"] = "unknown"
    optimiser: str = ""
    variant: str = ""
    """What else sets the row apart: `compile`, `dora`, `liger`, …"""
    gpu: str = ""
    """Slug of a machine, or what the source says where that device is not among them."""
    n_gpu: int = Field(default=1, gt=0)
    parallel: str = "none"
    """`none`, `ddp`, or how the model is spread over the GPUs."""
    memory_gb: float | None = Field(default=None, gt=0)
    """Of one GPU, in 1e9 bytes; a total over several is divided by their number."""
    memory_kind: Literal["allocated", "reserved", "device", ""] = ""
    bound: Literal["equal", "above", "within"] = "equal"
    """`above`: it ran out of that memory; `within`: the longest sequence that fits in it."""
    tokens_per_s: float | None = Field(default=None, gt=0)
    """Over all GPUs."""
    counted: Literal["trained", "generated", "all", ""] = ""
    """Which tokens that speed counts: `all` are those of the prompt and the answer."""
    prompt_tokens_per_s: float | None = Field(default=None, gt=0)
    seconds_per_step: float | None = Field(default=None, gt=0)
    """Of one optimiser step."""
    stack: str
    """Source family and library generation: rows that share code and machine room."""
    quality: Literal["logged", "table", "capacity"]
    source: str

    @property
    def out_of_memory(self) -> bool:
        """Whether the run failed for want of memory: a bound from below."""
        return self.bound == "above"

    @property
    def tokens(self) -> float | None:
        """Tokens of one micro-step on one GPU."""
        length = self.mean_tokens or self.seq_len
        return None if length is None or self.micro_batch is None else length * self.micro_batch

    @property
    def micro_step_s(self) -> float | None:
        """Seconds of one micro-step of training, from either way to publish a speed."""
        if self.seconds_per_step is not None:
            return self.seconds_per_step / self.accumulation
        if self.tokens_per_s is None or self.tokens is None:
            return None
        return self.tokens * self.n_gpu / self.tokens_per_s


def read_measured(path: Path = FOLDER / "measured.csv") -> tuple[Measured, ...]:
    """Every row of the file.

    Raises:
        UserError: E-MEASURED, with the line that is not a measurement.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = []
        for line in reader:
            known = {key: value for key, value in line.items() if value != ""}
            try:
                rows.append(Measured.model_validate(known))
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(str(part) for part in first["loc"]) or "row"
                raise UserError(
                    "E-MEASURED",
                    f"line {reader.line_num} of {path.name}: {place}: {first['msg']}",
                    place=str(path),
                    hint="write it anew with python -m results.fit.published",
                ) from None
    return tuple(rows)
