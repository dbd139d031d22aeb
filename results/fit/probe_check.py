"""How well a few layers speak for a whole model: `results/fit/probe.md`.

    python -m results.fit.probe_check

For each shape the probe runs, then the whole model with random weights in a process of its own, in
the same settings; one thread of a CPU, fp32, LoRA of rank 16 on all linear layers. Twice, in turns.
"""

from __future__ import annotations

import math
import platform
from pathlib import Path

import numpy as np

from knowledge.load import model_cards
from knowledge.local_speed import LocalSpeed
from knowledge.throughput import Job
from probes.speed_probe import ProbeSettings, probed, settings_for

OUT = Path("results/fit/probe.md")
ROUNDS = 2
SHAPES = (
    ("SmolLM2-135M-Instruct", Job("lora", 128)),
    ("SmolLM2-360M-Instruct", Job("lora", 64, checkpointing="full")),
    ("Qwen2.5-0.5B-Instruct", Job("lora", 48)),
)


def whole(settings: ProbeSettings, name: str) -> ProbeSettings:
    """The same micro-step of all layers and the whole vocabulary."""
    card = model_cards()[name]
    return settings.model_copy(
        update={"n_layers": card.n_layers, "vocab_size": card.vocab_size, "enough_s": 60.0}
    )


def ratios(small: LocalSpeed, large: LocalSpeed) -> tuple[float, float, float]:
    """Measured time of the whole model over the probe's, for training, reading and writing."""
    return (
        small.training_ops_per_s / large.training_ops_per_s,
        small.inference_ops_per_s / large.inference_ops_per_s,
        small.decode_bytes_per_s / large.decode_bytes_per_s,
    )


def main() -> None:
    """Runs and writes."""
    lines = []
    logs: list[tuple[float, float, float]] = []
    longest = 0.0
    for turn in range(ROUNDS):
        for name, job in SHAPES:
            settings = settings_for(model_cards()[name], job, threads=1, clock="cpu")
            small = probed(settings, limit_s=400)
            alike = settings.model_copy(update={"seq_len": small.tokens})
            large = probed(whole(alike, name), limit_s=400)
            found = ratios(small, large)
            logs.append(found)
            longest = max(longest, small.seconds)
            line = f"| {turn + 1} | {name} | {small.tokens} | {job.checkpointing} | "
            line += " | ".join(f"{value:.2f}" for value in found) + f" | {small.seconds:.0f} |"
            print(line, flush=True)
            lines.append(line)
    spread = np.sqrt(np.mean(np.log(np.array(logs)) ** 2, axis=0))
    widths = ", ".join(f"{math.exp(1.44 * value):.2f}" for value in spread)
    page = [
        "# A few layers for a whole model",
        "",
        f"Made by `python -m results.fit.probe_check` on {platform.machine()}, one thread, fp32,"
        " CPU time on a busy machine.",
        "Measured time of the whole model over what the probe makes of it (1 is exact):",
        "",
        "| round | shape | tokens | checkpointing | training | reading | writing | probe, s |",
        "|---|---|---|---|---|---|---|---|",
        *lines,
        "",
        f"Root mean square of the logarithms: {', '.join(f'{v:.2f}' for v in spread)}; an 80 %",
        f"interval at six rows (Student's t, 1.44) would be a factor of {widths} either way.",
        "The product gives 1.22 on a CPU, as other machines are busy too, and 1.35 on a GPU,",
        "which was not tried.",
    ]
    OUT.write_text("\n".join(page) + "\n", encoding="utf-8")
    print(f"wrote {OUT}; longest probe {longest:.0f} s")


if __name__ == "__main__":
    main()
