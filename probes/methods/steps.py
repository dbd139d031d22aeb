"""Steps: the model writes its way to the answer (Wei et al., arXiv 2201.11903; Kojima et al.,
arXiv 2205.11916), and only what stands behind the last `Answer:` is scored.
"""

from __future__ import annotations

from probes.asking import ask, put
from probes.methods import Answers, Known, Proposals, Request, Situation
from probes.records import Json
from probes.task import TaskType

TRIGGERS = (
    "Think step by step.",
    'Think step by step, then write "Answer:" and the answer.',
)
MAX_STEPS_TOKENS = 256
FREE_TEXT: frozenset[TaskType] = frozenset(
    {"generation", "summarization", "synthetic-data", "code", "function-calling"}
)
"""Task types where there is no short final answer that steps could lead to."""


def propose(situation: Situation, known: Known) -> Proposals:
    """Two ways of asking for steps where the task reasons, elsewhere the one with a sign."""
    if situation.task_type in FREE_TEXT:
        return
    triggers = TRIGGERS if situation.task_type == "reasoning" else TRIGGERS[1:]
    yield [
        situation.cell("steps", "baseline", params=steps_params(situation, trigger))
        for trigger in triggers
    ]


def steps_params(situation: Situation, trigger: str) -> Json:
    """Zero-shot settings with steps: an eighth of the context, 256 tokens at most."""
    return {
        "decoding": "generate",
        "list_labels": False,
        "trigger": trigger,
        "steps_tokens": min(MAX_STEPS_TOKENS, situation.context_tokens // 8),
    }


def answer(request: Request) -> Answers:
    """Each item asked on its own, steps first."""
    return ask(request, put(request, request.items))
