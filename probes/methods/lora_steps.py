"""What tuning did to written steps: the tuned adapter asked for steps, beside the bare base.

A diagnosis. Tuning on short direct answers can take away the ability to reason in writing, which no
figure of direct answers shows.
"""

from __future__ import annotations

from probes.methods import Answers, Known, Proposals, Request, Situation, best, trained
from probes.records import Json


def propose(situation: Situation, known: Known) -> Proposals:
    """The best prompt with steps again, with the adapter of LoRA's best repeat."""
    steps = best(known.get("steps", ()))
    lora = best([found for found in known.get("lora", ()) if found.cell.role == "repeat"])
    if steps is None or lora is None:
        return
    params: Json = steps.cell.params | {"rank": lora.cell.params["rank"]}
    cell = situation.cell("lora_steps", "diagnostic", params=params)
    yield [cell.model_copy(update={"adapter": lora.key})]


def answer(request: Request) -> Answers:
    """Load the adapter and ask for steps."""
    return trained.answer(request)
