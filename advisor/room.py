"""What training and serving an option take on a CUDA card: the closed form of `advisor fit`.

An option is held to the cheapest way that people would run it: LoRA in bf16, or QLoRA where the
spec asks for 4 bits, all weights in bf16, with checkpointing and one row a step; one request at a
time in serving.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from advisor.fit import SAID, Memory, memory_of, verdict_of
from advisor.records import Takes
from knowledge.machine_names import machine_named
from knowledge.records import Machine, ModelCard
from probes.footprint.settings import Architecture, Setting
from probes.records import Measurement
from probes.task import TRAINED, TaskSpec

RANK = 16
"""Of adapters, where none was chosen yet."""


@dataclass(frozen=True)
class Space:
    """A CUDA card that options are to run on, all of it free."""

    name: str
    total_bytes: int


@dataclass(frozen=True)
class Use:
    """How an option would be used: its method, lengths and weights."""

    method: str
    tokens_in: int
    """Tokens of the longest prompt."""
    tokens_out: int
    """Tokens written after it, steps included."""
    four_bit: bool = False
    rank: int = RANK

    @property
    def trained(self) -> Setting | None:
        """Its training; None where nothing is trained."""
        if self.method not in TRAINED:
            return None
        whole = self.method == "full"
        return Setting(
            method="full" if whole else "qlora" if self.four_bit else "lora",
            seq_len=self.tokens_in + self.tokens_out,
            rank=self.rank,
            checkpointing=True,
        )

    @property
    def served(self) -> Setting:
        """One request at a time."""
        return Setting(
            method="inference",
            seq_len=max(1, self.tokens_in),
            new_tokens=self.tokens_out,
            four_bit=self.four_bit,
        )


def space_on(machine: Machine) -> Space | None:
    """The machine's memory; None for what is no CUDA card, whose allocators are not known."""
    return Space(machine.name, machine.total_bytes) if machine.kind == "cuda" else None


def space_for(spec: TaskSpec, gpu: str | None, gpu_bytes: int | None) -> Space | None:
    """The card that the spec names, else the CUDA card that measures; None where there is none.

    Args:
        spec: the question.
        gpu: the card that measures, as its driver names it; None on a CPU.
        gpu_bytes: all of its memory; None where that could not be read.

    Raises:
        UserError: E-HARDWARE-UNKNOWN or E-HARDWARE-AMBIGUOUS, with the names that exist.
    """
    if spec.hardware.gpu is not None:
        return space_on(machine_named(spec.hardware.gpu))
    return Space(gpu, gpu_bytes) if gpu and gpu_bytes else None


@cache
def needed(card: ModelCard, setting: Setting) -> Memory | None:
    """The memory of a setting by the closed form; None where none was fitted to such ones."""
    return memory_of(Architecture.of_card(card), setting)


def takes(card: ModelCard, use: Use, space: Space) -> Iterator[Takes]:
    """What training takes, where there is any, and what serving takes; none without a form."""
    for setting in filter(None, (use.trained, use.served)):
        memory = needed(card, setting)
        if memory is not None:
            yield Takes(
                work="serving" if setting.method == "inference" else "training",
                way=_way(setting),
                tokens=setting.seq_len + setting.new_tokens,
                card=space.name,
                card_bytes=space.total_bytes,
                expected_bytes=memory.reserved_bytes + memory.context_bytes,
                safe_bytes=memory.safe_bytes,
                verdict=verdict_of(memory, space.total_bytes),
            )


def _way(setting: Setting) -> str:
    if setting.method == "inference":
        return f"serving in {'4 bits' if setting.quantised else 'bf16'}"
    named = {"qlora": "QLoRA", "lora": "LoRA in bf16", "full": "full fine-tuning in bf16"}
    return f"{named[setting.method]} with checkpointing"


def taken_by(
    runs: Sequence[Measurement], card: ModelCard, spec: TaskSpec, space: Space
) -> tuple[Takes, ...]:
    """What an option takes that was measured, at the longest of its prompts and answers."""
    params = runs[0].cell.params
    answers = [answer for run in runs for answer in run.predictions]
    longest = max((answer.input_tokens for answer in answers), default=0)
    if not longest:
        return ()
    samples = int(params.get("samples", 1))  # drawn one after the other
    written = max(answer.output_tokens for answer in answers)
    use = Use(
        method=runs[0].cell.method,
        tokens_in=longest,
        tokens_out=-(-written // samples),
        four_bit=spec.hardware.quantization == "nf4",
        rank=int(params.get("rank", RANK)),
    )
    return tuple(takes(card, use, space))


def taken_text(memory: Sequence[Takes]) -> str:
    """`l4 (24.2 GB): LoRA in bf16 with checkpointing needs 5.3 GB: FITS; serving in bf16 ...`."""
    each = [f"{one.way} needs {one.safe_bytes / 1e9:.1f} GB: {SAID[one.verdict]}" for one in memory]
    return f"{memory[0].card} ({memory[0].card_bytes / 1e9:.1f} GB): {'; '.join(each)}"


def does_not_fit(each: Takes) -> str:
    """Why it does not fit, or how tightly it does, in a short line; empty where it fits."""
    if each.verdict == "fits":
        return ""
    word = "tight on" if each.verdict == "tight" else "does not fit"
    size = f"{each.card_bytes / 1e9:.1f} GB"
    return f"{word} {each.card} ({size}): {each.way} needs {each.safe_bytes / 1e9:.1f} GB"
