"""A causal language model of transformers behind the `LanguageModel` contract."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from probes.models import Conversation, Progress, Sampling
from probes.models.decode import Drawing, decode
from probes.models.likelihood import answer_log_likelihoods, choice_log_likelihoods
from probes.models.prefix import Prefix
from probes.records import Prediction
from probes.work import BATCH_TOKENS, SHARED_COST


class HfModel:
    """Weights, tokenizer and chat template of one rung, kept warm between cells."""

    def __init__(
        self, model: Any, tokenizer: Any, *, context_tokens: int, stop_ids: Sequence[int]
    ) -> None:
        self.model = model
        self.stop_ids = list(stop_ids)
        """Tokens after any of which an answer has ended."""
        self.tokenizer = tokenizer
        self.context_tokens = context_tokens
        self.fused: dict[tuple[int, int], int] = {}
        """How many trainees share a forward pass, as timed (`probes.fusing.Settled`)."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.model.parameters()).device

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without special tokens."""
        ids = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [len(row) for row in ids]

    def encode(self, conversation: Conversation) -> list[int]:
        """Token ids of a conversation in the chat template, ready for the answer to follow."""
        text = self.tokenizer.apply_chat_template(
            [{"role": turn.role, "content": turn.content} for turn in conversation],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # Qwen3 and SmolLM3 would think first; other templates ignore it
        )
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def encode_answer(self, answer: str) -> list[int]:
        """Token ids of an answer with the token that ends a turn.

        Tokenised apart from the prompt, so that the prompt's ids are the same with and without it.
        """
        ids: list[int] = self.tokenizer(answer, add_special_tokens=False)["input_ids"]
        return [*ids, self.end_of_turn]

    @property
    def end_of_turn(self) -> int:
        """Id of the token after which the model is taken to have answered."""
        return int(self.tokenizer.eos_token_id)

    def generate(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        *,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[Prediction]:
        """Greedy answers, in the order of `conversations`.

        A prompt that leaves its answer no room in the context gets an empty one of 0 tokens.
        """
        drawn = self._answers(conversations, item_ids, max_new_tokens, progress)
        return [answers[0] for answers in drawn]

    def sample(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        sampling: Sampling,
        *,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[list[Prediction]]:
        """For each conversation `sampling.n` answers, drawn from the whole distribution.

        The draws depend on the seed and on the batch that an item falls into, hence on the set of
        items; they are the same for the same call. Prompts that do not fit as in `generate`.
        """
        generator = torch.Generator().manual_seed(sampling.seed)
        drawing = Drawing(sampling.n, sampling.temperature, generator)
        return self._answers(conversations, item_ids, max_new_tokens, progress, drawing)

    def _answers(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        max_new_tokens: int,
        progress: Progress,
        drawing: Drawing | None = None,
    ) -> list[list[Prediction]]:
        prompts = [self.encode(conversation) for conversation in conversations]
        n = drawing.n if drawing else 1
        answers = {
            row: [self._too_long(item_ids[row], prompts[row])] * n
            for row in self._misfits(prompts, max_new_tokens)
        }
        for prefix, rows in self._batches(prompts, max_new_tokens, copies=n):
            written = decode(
                self.model,
                prefix,
                [prompts[row] for row in rows],
                max_new_tokens=max_new_tokens,
                stop_ids=self.stop_ids,
                drawing=drawing,
            )
            for at, row in enumerate(rows):
                answers[row] = [
                    Prediction(
                        item_id=item_ids[row],
                        text=self.tokenizer.decode(tokens, skip_special_tokens=True).strip(),
                        input_tokens=len(prompts[row]),
                        output_tokens=len(tokens) + 1,
                    )
                    for tokens in written[at * n : (at + 1) * n]
                ]
            progress(len(answers), len(prompts), "answers")
        return [answers[row] for row in range(len(prompts))]

    def choose(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        choices: Sequence[str],
        *,
        progress: Progress,
    ) -> list[Prediction]:
        """For each conversation the choice with the highest likelihood as the whole answer.

        A prompt that leaves the longest choice no room gets an empty answer of 0 tokens.
        """
        prompts = [self.encode(conversation) for conversation in conversations]
        answers = [self.encode_answer(choice) for choice in choices]
        longest = max(len(answer) for answer in answers)
        misfits = self._misfits(prompts, longest)
        best: list[int] = [0] * len(prompts)
        done = 0
        for prefix, rows in self._batches(prompts, longest):
            scores = choice_log_likelihoods(
                self.model, prefix, [prompts[row] for row in rows], answers, BATCH_TOKENS
            )  # (rows, choices)
            for row, index in zip(rows, scores.argmax(dim=1).tolist(), strict=True):
                best[row] = index
            done += len(rows)
            progress(done, len(prompts), "answers")
        return [
            self._too_long(item_ids[row], prompts[row])
            if row in misfits
            else Prediction(
                item_id=item_ids[row],
                text=choices[index],
                input_tokens=len(prompts[row]),
                output_tokens=len(answers[index]),
            )
            for row, index in enumerate(best)
        ]

    def log_likelihoods(
        self, conversations: Sequence[Conversation], answers: Sequence[str]
    ) -> list[float]:
        """Mean log-likelihood a token of each answer after its conversation, in nats.

        A prompt that leaves its answer no room gets minus infinity.
        """
        prompts = [self.encode(conversation) for conversation in conversations]
        ends = [self.encode_answer(answer) for answer in answers]
        longest = max(len(end) for end in ends)
        found = [-math.inf] * len(prompts)
        for prefix, rows in self._batches(prompts, longest):
            totals = answer_log_likelihoods(
                self.model, prefix, [prompts[row] for row in rows], [ends[row] for row in rows]
            )
            for row, total in zip(rows, totals, strict=True):
                found[row] = total / len(ends[row])
        return found

    def _misfits(self, prompts: Sequence[list[int]], extra: int) -> set[int]:
        """Rows whose prompt leaves the answer no room in the context."""
        room = self.context_tokens - extra
        return {row for row, prompt in enumerate(prompts) if len(prompt) > room}

    @staticmethod
    def _too_long(item_id: str, prompt: Sequence[int]) -> Prediction:
        """No answer: nothing is cut in silence; without form, so it counts as wrong."""
        return Prediction(item_id=item_id, text="", input_tokens=len(prompt), output_tokens=0)

    def _batches(
        self, prompts: Sequence[list[int]], extra: int, copies: int = 1
    ) -> Iterator[tuple[Prefix, list[int]]]:
        """Rows that fit in batches of like length, longest first, with what they all begin with.

        A batch takes BATCH_TOKENS, of which a token that is read once and only kept for each row
        takes a SHARED_COST-th.
        """
        misfits = self._misfits(prompts, extra)
        fitting = [row for row in range(len(prompts)) if row not in misfits]
        order = sorted(fitting, key=lambda row: (-len(prompts[row]), row))
        if not order:
            return
        prefix = Prefix.of(self.model, [prompts[row] for row in order])
        shared = len(prefix.ids)
        while order:
            own = len(prompts[order[0]]) - shared + extra
            size = max(1, BATCH_TOKENS // (copies * (own + shared // SHARED_COST)))
            yield prefix, order[:size]
            order = order[size:]
