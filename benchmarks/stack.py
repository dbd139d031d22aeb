"""Eight adapters in one step, beside PEFT's set_adapter loop.

    python -m benchmarks.stack

Every row first asserts that three steps of both give the same losses. The loop is what a user of
PEFT writes: `set_adapter`, the model's own loss, AdamW as torch makes it. The kinder loop never
switches and has fused AdamW.
The share of the GEMM ceiling is the step's arithmetic over the time of that arithmetic in one
square matrix product on this machine.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable
from typing import Any, cast

import torch

from benchmarks.models import random_model
from benchmarks.pairing import Ratio, paired, write
from probes.adapter_rows import Rows
from probes.batches import Steps, TokenisedExample
from probes.methods import Request
from probes.models.hf import HfModel
from probes.records import Cell
from probes.stack import Bank, banked, new_adapter
from probes.train import CLIP_NORM, Trainee, train_step

N, RANK, ALPHA, LABEL_TOKENS = 8, 8, 16.0, 4
CASES = (
    ("0.3M", 2, 32, 7.0),
    ("0.3M", 8, 64, 3.5),
    ("10M", 1, 48, 4.5),
    ("10M", 4, 64, 1.7),
)
"""(model, examples of a batch, tokens of an example, ratio that is asked for)"""


def examples_of(vocabulary: int, batch: int, width: int) -> list[list[TokenisedExample]]:
    """One batch for each adapter, the last four tokens being the answer."""
    rng = random.Random(1)
    return [
        [
            TokenisedExample(tuple(rng.choices(range(5, vocabulary), k=width)), LABEL_TOKENS)
            for _ in range(batch)
        ]
        for _ in range(N)
    ]


def rate(row: int) -> float:
    """The learning rate of each adapter."""
    return float(1e-4 * 2**row)


def trainee(bank: Bank, row: int, batch: int) -> Trainee:
    """One that is in the middle of a very long run, so that its rate stays the same."""
    params = {"learning_rate": rate(row), "rank": RANK, "alpha": ALPHA}
    cell = Cell(rung="r", method="lora", role="tune", split="dev", n_eval=1, params=params)
    request = Request(
        model=cast(Any, None), cell=cell, task_type="qa", instruction="", labels=(), train=(),
        items=(), max_new_tokens=1, progress=lambda *_: None,
    )  # fmt: skip
    adapter = new_adapter(bank, rank=RANK, alpha=ALPHA, seed=row)
    return Trainee(request, Steps(10**9 * batch, batch, 1), random.Random(row), adapter)


def ours(
    model: Any, batches: list[list[TokenisedExample]], bank: Bank
) -> Callable[[], list[float]]:
    """A step of the product's own training loop."""
    rows = Rows(bank, [trainee(bank, row, len(batches[row])) for row in range(N)])
    parts = [tuple(batch) for batch in batches]
    at = Steps(10**9, 1, 1).total // 10  # at the full rate
    width = len(parts[0][0].ids)
    wrapped = cast(HfModel, type("Wrapped", (), {"model": model})())
    return lambda: train_step(wrapped, rows, parts, width, at, N)


def theirs(
    model: Any, batches: list[list[TokenisedExample]], bank: Bank, *, kind: bool
) -> Callable[[], list[float]]:
    """PEFT's own modules, one adapter after the other; the `kind` loop stays with the first."""
    from peft import LoraConfig, get_peft_model

    names = [name for name, _, _ in bank.layers]
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=names, task_type="CAUSAL_LM"
    )
    peft_model = get_peft_model(model, config, adapter_name="a0")
    for row in range(1, N):
        peft_model.add_adapter(f"a{row}", config)
    weights = dict(peft_model.named_parameters())
    for row in range(N):
        start = new_adapter(bank, rank=RANK, alpha=ALPHA, seed=row)
        for name, (down, _) in zip(names, bank.views(start.weights[None]), strict=True):
            weights[f"base_model.model.{name}.lora_A.a{row}.weight"].data.copy_(down[0, :, :RANK].T)
    mine = [[w for name, w in weights.items() if f".a{row}." in name] for row in range(N)]
    optimisers = [
        torch.optim.AdamW(some, lr=rate(row), weight_decay=0.0, fused=kind)
        for row, some in enumerate(mine)
    ]
    inputs = [torch.tensor([example.ids for example in batch]) for batch in batches]
    labels = [ids.clone() for ids in inputs]
    for each in labels:
        each[:, :-LABEL_TOKENS] = -100
    peft_model.train()

    def step() -> list[float]:
        losses = []
        for row in range(N):
            used = 0 if kind else row
            if not kind:
                peft_model.set_adapter(f"a{row}")
            loss = peft_model(input_ids=inputs[row], labels=labels[row]).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(mine[used], CLIP_NORM)
            optimisers[used].step()
            optimisers[used].zero_grad()
            losses.append(float(loss))
        return losses

    return step


def compared(name: str, batch: int, width: int, goal: float) -> tuple[list[Ratio], str]:
    """The ratios of one case, and its line of the GEMM table."""
    what = f"{name}, 8 adapters x {batch} x {width}"
    stacked, base = random_model(name), random_model(name)
    batches = examples_of(stacked.config.vocab_size, batch, width)
    with banked(stacked) as bank:
        mine = ours(stacked, batches, bank)
        loop = theirs(base, batches, bank, kind=False)
        for _ in range(3):
            found, wanted = mine(), loop()
            worst = max(abs(a - b) for a, b in zip(found, wanted, strict=True))
            assert worst < 1e-3, f"{what}: losses differ by {worst}"
        with_switch = paired(what, mine, loop, alternative="set_adapter loop", goal=goal)
        still = theirs(random_model(name), batches, bank, kind=True)
        without = paired(what, mine, still, alternative="no switching, fused AdamW", goal=1.05)
        flops = step_flops(stacked, bank, N * batch * width, N * batch * LABEL_TOKENS)
    ceiling = gemm_flops_per_s()
    shares = [flops / seconds / ceiling for seconds in (with_switch.ours_s, with_switch.theirs_s)]
    told = f"{flops / 1e9:.2f} | {shares[0]:.1%} | {shares[1]:.1%} | {shares[0] / shares[1]:.1f}"
    return [with_switch, without], f"| {what} | {told} |"


def step_flops(model: Any, bank: Bank, tokens: int, answers: int) -> float:
    """Floating-point operations that a step needs: no weight gradients of the frozen base.

    2 a weight and token forward and 2 backward; adapters 6 (their own gradients as well); the head
    at answer positions only; attention left out.
    """
    base = sum(inputs * outputs for _, inputs, outputs in bank.layers)
    adapters = sum(RANK * (inputs + outputs) for _, inputs, outputs in bank.layers)
    head = model.config.hidden_size * model.config.vocab_size
    return float(tokens * (4 * base + 6 * adapters) + answers * 4 * head)


def gemm_flops_per_s(size: int = 1024) -> float:
    """The best of ten square matrix products in fp32."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = min(_seconds(lambda: torch.mm(a, b)) for _ in range(10))
    return float(2 * size**3 / best)


def _seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def main() -> None:
    """All cases; results/benchmarks/stack.md."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    found: list[Ratio] = []
    lines: list[str] = []
    for case in CASES:
        ratios, line = compared(*case)
        found += ratios
        lines.append(line)
    write(
        "stack",
        "Stacked LoRA training beside PEFT",
        "python -m benchmarks.stack",
        found,
        "Both sides gave the same losses over three steps (within 1e-3) before they were timed.",
        "",
        "| step | GFLOP needed | share of the GEMM ceiling, ours | PEFT loop | times |",
        "|---|---|---|---|---|",
        *lines,
    )


if __name__ == "__main__":
    main()
