"""What is ruled out or shifted before any probe: one function a rule, each with its claims.

A rule looks at the question and one option and returns what it does to it, or None. It may exclude
the option, shift the logit of its quality by a stated strength, or warn, nothing else; what a claim
graded `ungrounded` says alone moves nothing (a test holds every rule to that).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from advisor.nature import STEP_TOKENS, Nature, request_tokens
from advisor.needs import STALE, forbidden_by_licence, trained_in
from advisor.room import RANK, Use, does_not_fit, space_on, takes
from knowledge.memory import (
    full_training_peak_bytes,
    inference_peak_bytes,
    training_peak_bytes,
)
from knowledge.records import Machine, ModelCard
from probes.task import RETRIEVING, TRAINED, TaskSpec

CEILING = -0.9
"""Shift of every option where a plan must keep hard constraints, in logits: a rule of thumb, on the
grounds that strong models fail most of the one problem that was measured."""
STORED = -0.5
"""Shift of tuned options where the facts must come from memory: a rule of thumb."""
HABIT, HABIT_ROWS = 0.5, 300
"""Shift of tuned options where a form of one's own is asked for, and the rows that it needs: a rule
of thumb."""
FORMED = frozenset({"generation", "summarization", "extraction", "function-calling"})
MUCH = 100_000
"""Training rows from which on low-rank adapters were seen to fall behind full fine-tuning."""


@dataclass(frozen=True)
class Asked:
    """The question and the option that a rule is asked about."""

    spec: TaskSpec
    nature: Nature
    method: str
    card: ModelCard
    machine: Machine
    """Where it would be trained and served."""


@dataclass(frozen=True)
class Ruling:
    """What a rule does to an option: excludes it, shifts the logit of its quality, or warns."""

    reason: str
    logits: float = 0.0
    excludes: bool = False
    shared: str = ""
    """The reason without the option's own figures, where it has any: told of several at once."""


@dataclass(frozen=True)
class Rule:
    """A rule as `advisor knowledge why` shows it."""

    name: str
    function: Callable[[Asked], Ruling | None]
    claims: tuple[str, ...]
    """What it rests on; empty where it follows from the spec alone."""
    strength: str


def no_examples(asked: Asked) -> Ruling | None:
    """Without examples nothing can be trained, and none can be shown in a prompt."""
    if asked.nature.n_rows == 0 and asked.method in {"few_shot", *TRAINED}:
        return Ruling("there are no examples to show or to train on", excludes=True)
    return None


def no_documents(asked: Asked) -> Ruling | None:
    """Retrieval needs documents that hold the answers."""
    if asked.method in RETRIEVING and asked.nature.answers_from != "documents":
        return Ruling("the answers do not stand in documents", excludes=True)
    return None


def facts_that_change(asked: Asked) -> Ruling | None:
    """Facts that change weekly or daily are not trained into weights where documents hold them.

    Retrieval was consistently above unsupervised tuning for facts, most for those that are seldom
    told, and an index can be changed today. Where no documents are at hand nothing else is left,
    and the option stays.
    """
    closed = asked.method in TRAINED - RETRIEVING
    changing = asked.spec.needs.knowledge_changes in STALE
    if closed and changing and asked.nature.answers_from == "documents":
        return Ruling(trained_in(asked.spec), excludes=True)
    return None


def stored_facts(asked: Asked) -> Ruling | None:
    """Tuning teaches how to answer, hardly what: where facts must come from memory it adds little.

    About two bits a parameter is what a model stores, most of it in pre-training, and facts that
    are new in tuning are learnt slowly and raise hallucination. A tuned option is taken back by
    half a logit there: what tuning adds on public benchmarks of knowledge is mostly their form.
    """
    remembered = asked.nature.answers_from == "memory" and asked.nature.hard_part == "facts"
    if remembered and asked.method in TRAINED:
        return Ruling("tuning hardly adds facts, and new ones raise hallucination", STORED)
    return None


def new_habit(asked: Asked) -> Ruling | None:
    """A form or a style of one's own is learnt by tuning where there are examples enough.

    On seven text tasks of LoRA Land tuned models of 7B are .7 logits above GPT-4 with a prompt. The
    prior lets tuning grow by the curves of losses, which fall slower than a form is learnt. Below
    about 300 rows tuning does not reliably pass prompts: about 100 labels where one run counts, two
    to three times that where the spread over runs does.
    """
    formed = asked.nature.hard_part == "form" and asked.nature.task_type in FORMED
    enough = asked.nature.n_rows >= HABIT_ROWS
    if formed and enough and asked.method in TRAINED:
        return Ruling("a form of one's own is learnt better by tuning than by a prompt", HABIT)
    return None


def thought_where_it_helps(asked: Asked) -> Ruling | None:
    """Steps before the answer, and votes over them, are for answers that take several steps."""
    if asked.method in ("steps", "vote") and asked.nature.hard_part not in ("steps", "constraints"):
        return Ruling("the answer takes no steps of thought", excludes=True)
    return None


def hard_constraints(asked: Asked) -> Ruling | None:
    """Plans under hard constraints: written ones mostly fail; a solver or a verifier is what helps.

    Large models failed most optimal power flow tasks, the one problem that was measured; a grammar
    of actions, tuned on a solver's answers and checked by it, took failures from half to single
    digits. No size is known to be enough by itself.
    """
    if asked.nature.hard_part == "constraints":
        return Ruling(
            "plans under hard constraints mostly fail where no program checks them", CEILING
        )
    return None


def all_weights_seldom(asked: Asked) -> Ruling | None:
    """All weights are trained only where there is far more data than an adapter can hold."""
    if asked.method == "full" and asked.nature.n_rows < MUCH:
        return Ruling(
            f"adapters learn as much from fewer than {MUCH:,} rows, for a fraction of the memory",
            excludes=True,
        )
    return None


def licence(asked: Asked) -> Ruling | None:
    """The licence must allow the use that the spec names."""
    reason = forbidden_by_licence(asked.card, asked.spec)
    return Ruling(reason, excludes=True) if reason else None


def fits_the_machine(asked: Asked) -> Ruling | None:
    """One request, or one row in training with checkpointing, must fit the machine.

    By the closed form of `advisor fit`: weights in bf16 or, where the spec says so, in 4 bits,
    adapters of rank 16, the length of the method's requests. What fits only tightly is told.
    """
    return None if asked.method == "full" else _room(asked)


def weights_trained_whole(asked: Asked) -> Ruling | None:
    """Training all weights takes their gradients and the optimiser's states as well.

    In bf16 with checkpointing and one row a step, by the closed form of `advisor fit`.
    """
    return _room(asked) if asked.method == "full" else None


def _room(asked: Asked) -> Ruling | None:
    space = space_on(asked.machine)
    written = asked.nature.tokens_out + STEP_TOKENS * (asked.method in ("steps", "vote"))
    use = Use(
        method=asked.method,
        tokens_in=request_tokens(asked.method, asked.nature) - written,
        tokens_out=written,
        four_bit=asked.spec.hardware.quantization == "nf4",
    )
    found = list(takes(asked.card, use, space)) if space else []
    if not space or not found:
        return _roughly(use, asked.card, asked.machine)
    most = max(found, key=lambda each: each.safe_bytes)
    if most.verdict == "fits":
        return None
    if most.verdict == "tight":
        return Ruling(does_not_fit(most))
    return Ruling(does_not_fit(most), excludes=True, shared=_shared(asked.machine))


def _roughly(use: Use, card: ModelCard, machine: Machine) -> Ruling | None:
    """By the rough form of the probes' own trainer, where the other one has nothing to say."""
    tokens, per_param = use.tokens_in + use.tokens_out, 0.6 if use.four_bit else 2.0
    if use.method == "full":
        needed = full_training_peak_bytes(card, tokens=tokens)
    elif use.method in TRAINED:
        needed = training_peak_bytes(
            card,
            rank=RANK,
            tokens=tokens,
            answer_tokens=use.tokens_out,
            bytes_per_param=per_param,
        )
    else:
        needed = inference_peak_bytes(card, tokens=tokens, bytes_per_param=per_param)
    if needed <= machine.total_bytes:
        return None
    size, about = f"{machine.total_bytes / 1e9:.1f} GB", f"{needed / 1e9:.1f} GB"
    reason = f"does not fit {machine.name} ({size}): {about} are needed by a rough form"
    return Ruling(reason, excludes=True, shared=_shared(machine))


def _shared(machine: Machine) -> str:
    return f"needs more than the {machine.total_bytes / 1e9:.1f} GB of {machine.name}"


def fits_the_context(asked: Asked) -> Ruling | None:
    """A request must not be longer than what the model was made for."""
    tokens = request_tokens(asked.method, asked.nature)
    if tokens > asked.card.context_tokens:
        return Ruling("a request is longer than its context", excludes=True)
    return None


def methods_of_the_spec(asked: Asked) -> Ruling | None:
    """The spec's own list of methods stands above everything else."""
    if asked.spec.methods and asked.method not in asked.spec.methods:
        return Ruling("`methods:` leaves it out", excludes=True)
    return None


def _rule(
    function: Callable[[Asked], Ruling | None], strength: str, *claims: str
) -> tuple[str, Rule]:
    name = function.__name__.replace("_", "-")
    return name, Rule(name, function, claims, strength)


RULES: dict[str, Rule] = dict(
    (
        _rule(methods_of_the_spec, "excludes"),
        _rule(no_examples, "excludes"),
        _rule(no_documents, "excludes"),
        _rule(licence, "excludes"),
        _rule(fits_the_context, "excludes"),
        _rule(fits_the_machine, "excludes"),
        _rule(weights_trained_whole, "excludes", "full-tuning-needs-six-times-the-weights"),
        _rule(
            facts_that_change,
            "excludes",
            "retrieval-for-facts-and-change",
            "retrieval-above-unsupervised-tuning",
        ),
        _rule(
            stored_facts,
            f"{STORED:g} logits",
            "knowledge-two-bits-per-parameter",
            "new-facts-by-tuning-raise-hallucination",
        ),
        _rule(
            new_habit,
            f"{HABIT:+g} logits",
            "lora-land-beats-gpt4-on-narrow-tasks",
            "form-apart-from-content",
            "break-even-of-tuning-in-labels",
        ),
        _rule(thought_where_it_helps, "excludes"),
        _rule(
            hard_constraints,
            f"{CEILING:g} logits",
            "constrained-optimisation-plateau",
            "solver-or-verifier-for-constraints",
        ),
        _rule(all_weights_seldom, "excludes", "lora-learns-less-forgets-less"),
    )
)
"""Every rule by name, in the order of asking."""


MEMORY = frozenset({"fits-the-machine", "weights-trained-whole"})
"""Rules that a larger machine answers."""


def rulings(asked: Asked) -> list[tuple[Rule, Ruling]]:
    """What the rules do to an option."""
    found = [(rule, rule.function(asked)) for rule in RULES.values()]
    return [(rule, ruling) for rule, ruling in found if ruling is not None]
