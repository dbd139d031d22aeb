"""How one answer is judged, metric by metric: form by a strict reading, content by a lenient one.

A judge is learned from the given train examples alone (labels, fields and types, the sign before
the final answer), and takes (answer, reference) to (form, content). An answer equal to the
reference always has form: what the train examples do not show cannot be held against it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from knowledge.errors import UserError
from probes.calls import Accepted, lenient_call, matches, read_accepted, strict_call
from probes.fields import field_share, infer_schema, read_fields, validator
from probes.readings import (
    Labels,
    final_answers,
    normalise,
    read_number,
    shared_marker,
    strict_json,
    strict_number,
    tokens,
)
from probes.records import Example

Judge = Callable[[str, str], tuple[bool, float]]
T = TypeVar("T")

_ROUGE_TOKENS = 1_500
"""ROUGE-L takes time in proportion to the product of the lengths: longer texts are cut to this,
and the precision and recall of the cut text are scaled down to the whole."""


def judge_labels(examples: Sequence[Example]) -> Judge:
    """Form: exactly a label of the train examples. Content: the label read leniently is right."""
    labels = Labels(example.output for example in examples)

    def judge(answer: str, reference: str) -> tuple[bool, float]:
        stripped, wanted = answer.strip(), reference.strip()
        if wanted in labels.exact:
            right = labels.read(answer) == wanted
        else:
            right = normalise(answer) == normalise(wanted)
        return stripped in labels.exact or stripped == wanted, float(right)

    return judge


def judge_exact(examples: Sequence[Example]) -> Judge:
    """Form: not empty. Content: equal after SQuAD's normalisation (Rajpurkar et al. 1606.05250).

    The whole answer counts, or what it gives as final after `####`, `Answer:`, `so` or `=`; numbers
    are compared as numbers. Where all references of the train examples end in such an answer
    (`steps so 42`), that answer is what is compared.
    """
    marker = shared_marker([example.output for example in examples])

    def judge(answer: str, reference: str) -> tuple[bool, float]:
        wanted = _final(reference, marker)
        given = [answer, *final_answers(answer)]
        return bool(answer.strip()), float(any(_same(text, wanted) for text in given))

    return judge


def judge_token_f1(examples: Sequence[Example]) -> Judge:
    """Form: not empty. Content: F1 over words (SQuAD), of the answer or of its final answer."""

    def judge(answer: str, reference: str) -> tuple[bool, float]:
        wanted = tokens(reference)
        given = [answer, *final_answers(answer, ("####", "answer:", "so"))]
        return bool(answer.strip()), max(token_f1(tokens(text), wanted) for text in given)

    return judge


def judge_rouge_l(examples: Sequence[Example]) -> Judge:
    """Form: not empty. Content: F1 of the longest common subsequence of words (Lin 2004)."""

    def judge(answer: str, reference: str) -> tuple[bool, float]:
        return bool(answer.strip()), rouge_l(tokens(answer), tokens(reference))

    return judge


def judge_number(examples: Sequence[Example]) -> Judge:
    """Form: a number alone, or after the sign that all train references have (`#### 42`).

    Content: the last number of the answer is that of the reference, to a relative 1e-6.
    UserError E-METRIC-NUMBER where a reference holds no number.
    """
    marker = shared_marker([example.output for example in examples])

    def wanted_number(reference: str) -> float:
        number = read_number(_final(reference, marker))
        if number is None:
            raise UserError("E-METRIC-NUMBER", "an output holds no number", hint=_OTHER_METRIC)
        return number

    def judge(answer: str, reference: str) -> tuple[bool, float]:
        wanted = wanted_number(reference)
        strict, given = strict_number(_final(answer, marker)), read_number(answer)
        if strict is not None:
            given = strict
        right = given is not None and math.isclose(given, wanted, rel_tol=1e-6, abs_tol=1e-12)
        return strict is not None, float(right)

    _for_each(examples, wanted_number)
    return judge


def judge_fields(examples: Sequence[Example], schema: dict[str, Any] | None = None) -> Judge:
    """Form: JSON that has the fields and types of `schema`, or of the train examples' outputs.

    Content: share of the reference's fields that are right in the first JSON object of the answer,
    or in its `name = value` pairs; fields that the reference lacks count as wrong. UserError
    E-METRIC-JSON where a reference is not a JSON object.
    """
    known = _for_each(examples, _object)
    validate = validator(schema or infer_schema(known))
    names = sorted({name for record in known for name in record})

    def judge(answer: str, reference: str) -> tuple[bool, float]:
        wanted = _object(reference)
        try:
            strict = strict_json(answer)
            form = strict == wanted or validate(strict)
        except (ValueError, RecursionError):
            form = False
        return form, field_share(read_fields(answer, {*names, *wanted}), wanted)

    return judge


def judge_call(examples: Sequence[Example]) -> Judge:
    """Form: one call, in Python or as JSON, and nothing else. Content: the call found is accepted.

    References are calls, or BFCL's lists of accepted values (`read_accepted`). UserError
    E-METRIC-CALL where a reference is neither.
    """

    def judge(answer: str, reference: str) -> tuple[bool, float]:
        accepted, found = _accepted(reference), lenient_call(answer)
        right = found is not None and matches(found, accepted)
        return strict_call(answer) is not None, float(right)

    _for_each(examples, _accepted)
    return judge


# ---------------------------------------------------------------- parts

_OTHER_METRIC = "correct the data or choose another `metric`"


def token_f1(given: Sequence[str], wanted: Sequence[str]) -> float:
    """F1 of two bags of words; 1 where both are empty."""
    if not given or not wanted:
        return float(list(given) == list(wanted))
    common = sum((Counter(given) & Counter(wanted)).values())
    return 2 * common / (len(given) + len(wanted))


def rouge_l(given: Sequence[str], wanted: Sequence[str]) -> float:
    """ROUGE-L F1 by the rouge-score library, on words of any script and without stemming."""
    if not given or not wanted:
        return float(list(given) == list(wanted))
    cut_given, cut_wanted = given[:_ROUGE_TOKENS], wanted[:_ROUGE_TOKENS]
    score = _rouge_scorer().score(" ".join(cut_wanted), " ".join(cut_given))["rougeL"]
    precision = float(score.precision) * len(cut_given) / len(given)
    recall = float(score.recall) * len(cut_wanted) / len(wanted)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


class _Words:
    """Tokenizer for rouge-score, whose own drops all that is not a-z or 0-9."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


@lru_cache(maxsize=1)
def _rouge_scorer() -> Any:
    from rouge_score import rouge_scorer  # imports nltk: about a second, at first use only

    return rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False, tokenizer=_Words())


def _final(text: str, marker: str | None) -> str:
    """The final answer after `marker`, or the whole text where there is none."""
    found = final_answers(text, (marker,)) if marker else []
    return found[0] if found else text


def _same(given: str, wanted: str) -> bool:
    number = strict_number(wanted)
    if number is not None:
        value = strict_number(given.strip().strip(".$€£ "))
        return value is not None and math.isclose(value, number, rel_tol=1e-9, abs_tol=1e-12)
    return normalise(given) == normalise(wanted)


@contextmanager
def row_as_place(example: Example) -> Iterator[None]:
    """Gives a UserError the example's row as its place."""
    try:
        yield
    except UserError as error:
        place = error.place or f"row {example.row}"
        raise UserError(error.code, error.what, place=place, hint=error.hint) from None


def _for_each(examples: Sequence[Example], read: Callable[[str], T]) -> list[T]:
    """What `read` makes of each output; the first unfit one is named before any model runs."""
    results = []
    for example in examples:
        with row_as_place(example):
            results.append(read(example.output))
    return results


def _accepted(reference: str) -> Accepted:
    try:
        return read_accepted(reference)
    except ValueError:
        what = "an output is not a call with named arguments"
        raise UserError("E-METRIC-CALL", what, hint=_OTHER_METRIC) from None


def _object(reference: str) -> dict[str, Any]:
    try:
        value = strict_json(reference)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError("E-METRIC-JSON", "an output is not a JSON object", hint=_OTHER_METRIC)
    return value
