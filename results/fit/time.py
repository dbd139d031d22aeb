"""Fits the time model to published speeds and writes `knowledge/throughput/throughput.yaml`.

    python -m results.fit.time

Reads `knowledge/published/` and the compiled machines only. Every constant has a prior that says
what is plausible at all; each source moves all its times by an effect of its own, shrunk towards
none, and no source counts for more than CAP rows, or 66 rows of one table would be the whole fit.
The functions are those that the product runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from scipy.optimize import least_squares
from scipy.stats import t as student

from knowledge.decoding import Request, Serving, group_name, prompt_s, token_s
from knowledge.laws import DecodingLaw, Spread, Stack, Throughput, TrainingLaw
from knowledge.load import machines
from knowledge.measured import Measured, read_measured
from knowledge.records import Source
from knowledge.throughput import (
    Device,
    Job,
    Network,
    ceilings_of,
    micro_step_s,
)

Array = NDArray[np.float64]
OUT = Path("knowledge/throughput/throughput.yaml")
CHECKED = "2026-11-21"
CAP = 12
BETWEEN, WITHIN = 0.25, 0.08
"""Standard deviations of effects and of rows that weigh one against the other in the fit; those of
the intervals come from what is left."""
HUBER = 2.0
"""Rows further off than so many standard deviations pull no harder."""
TRAINING_PRIOR = {
    "gemm": (0.7, 0.2),
    "attention": (0.45, 0.3),
    "traffic": (600.0, 0.7),
    "launch_s": (1.2e-3, 0.4),
    "dequantising": (4.0, 0.7),
    "update": (1.5, 0.6),
    "power": (3.0, 0.5),
}
"""Constant -> (centre, spread of its logarithm)."""
DECODING_PRIOR = {
    "bandwidth": (0.8, 0.2),
    "launch_eager_s": (0.7e-3, 0.3),
    "launch_served_s": (0.1e-3, 0.5),
    "cache_eager": (8.0, 0.5),
    "eight_bit": (2.0, 0.5),
    "nf4": (1.7, 0.4),
    "power": (4.0, 0.4),
}
SERVED = ("vllm-2024", "sglang-2025", "mlx-2025")
NO_SPREAD = Spread(known=1, new=1, stacks=())
CEILED = ("gemm", "attention", "bandwidth")
SPREAD_APART = ("none", "ddp", "nvlink", "fsdp-nvlink")


def network_of(row: Measured) -> Network:
    """The shape of a row's model."""
    return Network(
        n_params=row.n_params,
        n_layers=row.n_layers or 0,
        hidden_size=row.hidden_size or 0,
        vocab_size=row.vocab_size or 0,
        kv_columns=row.kv_columns or 0,
        tied=bool(row.tied_embeddings),
        n_active=row.n_active,
    )


def device_of(row: Measured) -> Device:
    """The ceilings of a row's device."""
    return ceilings_of(machines()[row.gpu])


def job_of(row: Measured) -> Job:
    """A row's settings as the law takes them; unknown checkpointing is taken for none."""
    return Job(
        method="full" if row.method == "full" else "qlora" if row.method == "qlora" else "lora",
        seq_len=row.mean_tokens or row.seq_len or 0,
        micro_batch=row.micro_batch or 1,
        checkpointing="none" if row.checkpointing == "unknown" else row.checkpointing,
        accumulation=row.accumulation,
        eight_bit=row.dtype.startswith("fp8") or row.dtype == "float8",
        update_shards=row.n_gpu if row.parallel == "fsdp-nvlink" else 1,
    )


def why_not(row: Measured) -> str:
    """Why a row with a speed is not in the fit; empty where it is."""
    if row.n_layers is None:
        return "shape of the model not looked up"
    if row.gpu not in machines():
        return "device not named, or its ceilings not known"
    if row.parallel not in SPREAD_APART:
        return "model spread over GPUs that wait for their links"
    if row.method == "inference":
        if row.n_active < row.n_params:
            return "mixture of experts"
        return "" if row.tokens_per_s else "no speed"
    return "" if row.micro_step_s else "tokens of a step not known"


def rows_of(training: bool) -> list[Measured]:
    """The rows that the fit of training, or of answering, uses."""
    return [
        row
        for row in read_measured()
        if (row.method != "inference") == training and not why_not(row)
    ]


def group_of(row: Measured) -> str:
    """Rows that share an effect: of a stack, and of answers of one width of weights too."""
    return row.stack if row.method != "inference" else group_name(row.stack, row.quantisation)


def request_of(row: Measured) -> Request:
    """Tokens of a row of inference; where the answer's length is not said, a token without past."""
    return Request(row.prompt_tokens or 0, row.new_tokens or 1)


def seconds_per_token(row: Measured) -> float:
    """Measured seconds for each token written, the prompt's share with it where it is counted."""
    speed = row.tokens_per_s or 1.0
    if row.counted != "all":
        return 1 / speed
    return (row.seq_len or 0) / speed / (row.new_tokens or 1)


def predicted_per_token(row: Measured, laws: Throughput) -> float:
    """The same by the law."""
    network, device, request = network_of(row), device_of(row), request_of(row)
    runtime = "served" if row.stack in SERVED else "eager"
    serving = Serving("served" if runtime == "served" else "eager", row.quantisation)
    context = request.prompt_tokens + request.new_tokens / 2
    step = token_s(network, serving, device, context, laws)
    if row.prompt_tokens_per_s:  # the prompt was timed by itself
        return step
    read = prompt_s(network, request.prompt_tokens, device, laws.training)
    return step + read / request.new_tokens


@dataclass(frozen=True)
class Fit:
    """Constants and the effects of the sources."""

    constants: dict[str, float]
    effects: dict[str, float]
    spread: Spread


def fitted(
    rows: Sequence[Measured],
    prior: dict[str, tuple[float, float]],
    seconds: Callable[[Measured], float],
    law: Callable[[dict[str, float], Measured], float],
) -> Fit:
    """Constants and effects at the maximum of their posterior, and what is left over."""
    names, stacks = list(prior), sorted({group_of(row) for row in rows})
    which = np.array([stacks.index(group_of(row)) for row in rows])
    weight = np.sqrt(np.minimum(1.0, CAP / np.bincount(which)))[which]
    y = np.log([seconds(row) for row in rows])
    centre = np.log([prior[name][0] for name in names])
    width = np.array([prior[name][1] for name in names])

    def constants(point: Array) -> dict[str, float]:
        values = dict(zip(names, np.exp(point[: len(names)]).tolist(), strict=True))
        values = {k: min(v, 1.0) if k in CEILED else v for k, v in values.items()}
        return {**values, "power": max(1.0, values["power"])}

    def shared(point: Array) -> Array:
        values = constants(point)
        return np.log([law(values, row) for row in rows])

    def cost(point: Array) -> Array:
        effects = point[len(names) :]
        left = weight * (y - shared(point) - effects[which]) / WITHIN
        soft = np.sign(left) * HUBER * np.sqrt(2 * (np.sqrt(1 + (left / HUBER) ** 2) - 1))
        return np.concatenate([soft, effects / BETWEEN, (point[: len(names)] - centre) / width])

    found = least_squares(cost, np.concatenate([centre, np.zeros(len(stacks))])).x
    effects = found[len(names) :]
    left = y - shared(found)
    return Fit(
        constants=constants(found),
        effects=dict(zip(stacks, effects.tolist(), strict=True)),
        spread=_spread(rows, stacks, effects, left),
    )


def _spread(rows: Sequence[Measured], stacks: list[str], effects: Array, left: Array) -> Spread:
    """Widths from what is left: sources count alike, and there are few of them (Student's t)."""
    groups = [left[[group_of(row) == name for row in rows]] for name in stacks]
    means = np.array([group.mean() for group in groups])
    own = [
        float(((group - effect) ** 2).sum() / max(1, len(group) - 1))
        for group, effect in zip(groups, effects, strict=True)
        if len(group) >= 3
    ]
    within, df = float(np.mean(own)), len({row.stack for row in rows}) - 1
    between = float((means**2).mean() * (df + 1) / df)
    n = len(rows) - len(stacks)
    return Spread(
        known=round(float(student.ppf(0.9, n)) * within**0.5, 3),
        new=round(float(student.ppf(0.9, df)) * (between * (1 + 1 / (df + 1)) + within) ** 0.5, 3),
        stacks=tuple(
            Stack(
                name=name,
                effect=round(float(effect), 3),
                devices=tuple(sorted({row.gpu for row in rows if group_of(row) == name})),
                n=len(group),
            )
            for name, effect, group in zip(stacks, effects, groups, strict=True)
        ),
    )


def training_law(rows: Sequence[Measured]) -> TrainingLaw:
    """The law of a micro-step, of those rows."""

    def seconds(row: Measured) -> float:
        return row.micro_step_s or 0.0

    def law(values: dict[str, float], row: Measured) -> float:
        made = TrainingLaw.model_construct(**values, spread=NO_SPREAD)  # type: ignore[arg-type]
        return micro_step_s(network_of(row), job_of(row), device_of(row), made)

    found = fitted(rows, TRAINING_PRIOR, seconds, law)
    return TrainingLaw(**rounded(found.constants), spread=found.spread)


def decoding_law(rows: Sequence[Measured], training: TrainingLaw) -> DecodingLaw:
    """The law of writing tokens, of those rows."""

    def law(values: dict[str, float], row: Measured) -> float:
        made = DecodingLaw.model_construct(**values, spread=NO_SPREAD)  # type: ignore[arg-type]
        return predicted_per_token(
            row, Throughput.model_construct(training=training, decoding=made)
        )

    found = fitted(rows, DECODING_PRIOR, seconds_per_token, law)
    return DecodingLaw(**rounded(found.constants), spread=found.spread)


def rounded(constants: dict[str, float]) -> dict[str, float]:
    """Four digits of each."""
    return {name: float(f"{value:.4g}") for name, value in constants.items()}


def laws(training: Sequence[Measured], decoding: Sequence[Measured]) -> Throughput:
    """Both laws of those rows."""
    first = training_law(training)
    return Throughput(
        training=first,
        decoding=decoding_law(decoding, first),
        fitted=CHECKED,
        sources=tuple(
            Source(title=name, part="rows of knowledge/published/measured.csv", checked=CHECKED)
            for name in sorted({row.stack for row in (*training, *decoding)})
        ),
    )


def main() -> None:
    """Fits and writes."""
    found = laws(rows_of(True), rows_of(False))
    OUT.parent.mkdir(exist_ok=True)
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    with OUT.open("w", encoding="utf-8") as file:
        file.write("# Written by `python -m results.fit.time`; do not edit.\n")
        yaml.dump([found.model_dump(exclude_defaults=True, mode="json")], file)
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
