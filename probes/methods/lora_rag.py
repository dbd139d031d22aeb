"""LoRA on top of retrieval: trained and asked with the passages that search finds.

Training prompts hold what search returns for the training question, right or wrong, so that the
adapter meets the distractors that it will be served with (RAFT, Zhang et al., arXiv 2403.10131).
"""

from __future__ import annotations

from probes.methods import Answers, Known, Proposals, Request, Situation, best, trained, tuning
from probes.methods.lora import FIXED, RANKS, central_learning_rate
from probes.methods.rag import first_settings
from probes.records import Json


def propose(situation: Situation, known: Known) -> Proposals:
    """A shorter search, begun at LoRA's best setting, with the best way of retrieving."""
    context = best_context(situation, known)
    if context is None or not situation.battery.rag_trials:
        return
    lora = best([found for found in known.get("lora", ()) if found.cell.role == "repeat"])
    space = tuning.Space(
        method="lora_rag",
        centre=central_learning_rate(situation.hidden_size),
        n_trials=situation.battery.rag_trials,
        ranks=RANKS,
        fixed=FIXED | context,
        first=lora.cell.params if lora else None,
    )
    yield from tuning.tuned(situation, space)


def best_context(situation: Situation, known: Known) -> Json | None:
    """How the best retrieving prompt finds its passages; None where nothing can be retrieved."""
    found = best([each for each in known.get("rag", ()) if each.cell.params["context"] != "all"])
    if found is not None:
        params = found.cell.params
    elif settings := first_settings(situation) if situation.n_passages else []:
        params = settings[0]
    else:
        return None
    return {name: params[name] for name in ("context", "k", "retriever") if name in params}


def answer(request: Request) -> Answers:
    """Train an adapter on prompts with passages (or load one) and answer with it."""
    return trained.answer(request)
