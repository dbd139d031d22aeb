"""A causal language model of transformers behind the `LanguageModel` contract."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from probes.models import Conversation, Progress
from probes.models.likelihood import answer_log_likelihoods, choice_log_likelihoods, padded
from probes.records import Prediction
from probes.work import BATCH_TOKENS

GREEDY = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}


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

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.model.parameters()).device

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without special tokens."""
        ids = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [len(row) for row in ids]

    def encode(self, conversation: Conversation, *, answer: str | None = None) -> list[int]:
        """Token ids of a conversation in the chat template, ready for the answer to follow.

        With `answer`, the answer and the end-of-turn token are appended. They are tokenised apart
        from the prompt, so that the prompt's ids are the same with and without it.
        """
        text = self.tokenizer.apply_chat_template(
            [{"role": turn.role, "content": turn.content} for turn in conversation],
            tokenize=False,
            add_generation_prompt=True,
        )
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if answer is not None:
            ids = ids + self.encode_answer(answer)
        return ids

    def encode_answer(self, answer: str) -> list[int]:
        """Token ids of an answer with the token that ends a turn."""
        ids: list[int] = self.tokenizer(answer, add_special_tokens=False)["input_ids"]
        return [*ids, self.end_of_turn]

    @property
    def end_of_turn(self) -> int:
        """Id of the token after which the model is taken to have answered."""
        return int(self.tokenizer.eos_token_id)

    def prompt_tokens(self, conversation: Conversation) -> int:
        """Number of tokens of a conversation with the chat template around it."""
        return len(self.encode(conversation))

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
        drawn = self._answers(conversations, item_ids, max_new_tokens, progress, GREEDY)
        return [answers[0] for answers in drawn]

    def sample(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        *,
        n: int,
        temperature: float,
        seed: int,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[list[Prediction]]:
        """For each conversation `n` answers drawn at `temperature` from the whole distribution.

        The draws depend on `seed` and on the batch that an item falls into, hence on the set of
        items; they are the same for the same call. Prompts that do not fit as in `generate`.
        """
        torch.manual_seed(seed)
        how = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        return self._answers(
            conversations, item_ids, max_new_tokens, progress, how | {"num_return_sequences": n}
        )

    def _answers(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        max_new_tokens: int,
        progress: Progress,
        how: Mapping[str, Any],
    ) -> list[list[Prediction]]:
        prompts = [self.encode(conversation) for conversation in conversations]
        answers = {
            row: [self._too_long(item_ids[row], prompts[row])] * how.get("num_return_sequences", 1)
            for row in self._misfits(prompts, max_new_tokens)
        }
        for rows in self._batches(prompts, max_new_tokens):
            chosen = [prompts[row] for row in rows]
            for row, texts in zip(rows, self._generate(chosen, max_new_tokens, how), strict=True):
                answers[row] = [
                    Prediction(
                        item_id=item_ids[row],
                        text=text,
                        input_tokens=len(prompts[row]),
                        output_tokens=n_tokens,
                    )
                    for text, n_tokens in texts
                ]
            progress(len(answers), len(prompts), "answers")
        return [answers[row] for row in range(len(prompts))]

    @torch.inference_mode()
    def _generate(
        self, prompts: Sequence[list[int]], max_new_tokens: int, how: Mapping[str, Any]
    ) -> list[list[tuple[str, int]]]:
        """For each prompt its answers as text and number of tokens, end of turn included."""
        ids, mask = padded(prompts, left=True, pad=int(self.tokenizer.pad_token_id))
        out = self.model.generate(
            input_ids=ids.to(self.device),
            attention_mask=mask.to(self.device),
            max_new_tokens=max_new_tokens,
            pad_token_id=int(self.tokenizer.pad_token_id),
            eos_token_id=self.stop_ids,
            **how,
        )[:, ids.shape[1] :].tolist()
        answers = []
        for row in out:
            ends = [row.index(stop) for stop in self.stop_ids if stop in row]
            answer = row[: min(ends)] if ends else row
            text = self.tokenizer.decode(answer, skip_special_tokens=True).strip()
            answers.append((text, len(answer) + 1))
        per_prompt = len(answers) // len(prompts)
        return [answers[at : at + per_prompt] for at in range(0, len(answers), per_prompt)]

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
        for rows in self._batches(prompts, longest):
            scores = choice_log_likelihoods(
                self.model, [prompts[row] for row in rows], answers, BATCH_TOKENS
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
        for rows in self._batches(prompts, longest):
            totals = answer_log_likelihoods(
                self.model, [prompts[row] for row in rows], [ends[row] for row in rows]
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

    def _batches(self, prompts: Sequence[list[int]], extra: int) -> Iterator[list[int]]:
        """Rows that fit in batches of like length, longest first, at most BATCH_TOKENS each."""
        misfits = self._misfits(prompts, extra)
        fitting = [row for row in range(len(prompts)) if row not in misfits]
        order = sorted(fitting, key=lambda row: (-len(prompts[row]), row))
        while order:
            width = len(prompts[order[0]]) + extra
            size = max(1, BATCH_TOKENS // width)
            yield order[:size]
            order = order[size:]
