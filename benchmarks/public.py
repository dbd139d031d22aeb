"""The probe's cells by public tools: HF Trainer, PEFT, and `generate` on sorted batches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from probes.asking import ask, put
from probes.batches import TokenisedExample, fitting_examples
from probes.failures import CellFailure, TrainingDiverged
from probes.methods import Answers, Request
from probes.models import Conversation, Progress, Sampling
from probes.models.hf import HfModel
from probes.models.likelihood import padded
from probes.records import Json, Prediction
from probes.train import derived_seed
from probes.work import BATCH_TOKENS

GREEDY = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}


class PublicModel(HfModel):
    """The same model asked through `generate`, and candidates one pass each."""

    def _sorted(self, prompts: Sequence[list[int]], extra: int) -> Iterator[list[int]]:
        misfits = self._misfits(prompts, extra)
        order = [row for row in range(len(prompts)) if row not in misfits]
        order.sort(key=lambda row: (-len(prompts[row]), row))
        while order:
            size = max(1, BATCH_TOKENS // (len(prompts[order[0]]) + extra))
            yield order[:size]
            order = order[size:]

    def generate(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        *,
        max_new_tokens: int,
        progress: Progress,
    ) -> list[Prediction]:
        """Greedy answers by `generate`."""
        drawn = self._generated(conversations, item_ids, max_new_tokens, GREEDY)
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
        """Samples by `generate`, which reads each prompt once for each of them."""
        torch.manual_seed(sampling.seed)
        how = {"do_sample": True, "temperature": sampling.temperature, "top_k": 0, "top_p": 1.0}
        how |= {"num_return_sequences": sampling.n}
        return self._generated(conversations, item_ids, max_new_tokens, how)

    def _generated(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        max_new_tokens: int,
        how: Json,
    ) -> list[list[Prediction]]:
        prompts = [self.encode(conversation) for conversation in conversations]
        n, pad = int(how.get("num_return_sequences", 1)), int(self.tokenizer.pad_token_id)
        found = [[self._too_long(item_ids[row], prompts[row])] * n for row in range(len(prompts))]
        for rows in self._sorted(prompts, max_new_tokens):
            ids, mask = padded([prompts[row] for row in rows], left=True, pad=pad)
            with torch.inference_mode():
                out = self.model.generate(
                    input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens,
                    pad_token_id=pad, eos_token_id=self.stop_ids, **how,
                )[:, ids.shape[1] :].tolist()  # fmt: skip
            for at, row in enumerate(rows):
                found[row] = [
                    self._prediction(item_ids[row], prompts[row], answer)
                    for answer in out[at * n : (at + 1) * n]
                ]
        return found

    def _prediction(self, item_id: str, prompt: list[int], answer: list[int]) -> Prediction:
        ends = [answer.index(stop) for stop in self.stop_ids if stop in answer]
        kept = answer[: min(ends)] if ends else answer
        text = self.tokenizer.decode(kept, skip_special_tokens=True).strip()
        return Prediction(
            item_id=item_id, text=text, input_tokens=len(prompt), output_tokens=len(kept) + 1
        )

    def choose(
        self,
        conversations: Sequence[Conversation],
        item_ids: Sequence[str],
        choices: Sequence[str],
        *,
        progress: Progress,
    ) -> list[Prediction]:
        """The likeliest candidate, each candidate with its prompt in a pass of its own."""
        prompts = [self.encode(conversation) for conversation in conversations]
        ends = [self.encode_answer(choice) for choice in choices]
        longest = max(len(end) for end in ends)
        found = [self._too_long(item_ids[row], prompts[row]) for row in range(len(prompts))]
        for rows in self._sorted(prompts, longest):
            with torch.inference_mode():
                scores = torch.stack(
                    [self._scored([prompts[row] for row in rows], end) for end in ends], dim=1
                )
            for row, best in zip(rows, scores.argmax(dim=1).tolist(), strict=True):
                found[row] = Prediction(
                    item_id=item_ids[row], text=choices[best], input_tokens=len(prompts[row]),
                    output_tokens=len(ends[best]),
                )  # fmt: skip
        return found

    def _scored(self, prompts: Sequence[list[int]], end: list[int]) -> torch.Tensor:
        ids, mask = padded([[*prompt, *end] for prompt in prompts], left=True)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        logits = self.model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False
        ).logits[:, -len(end) - 1 : -1]
        likely = logits.float().log_softmax(-1)
        return likely.gather(2, ids[:, -len(end) :, None]).sum(dim=(1, 2))


def answer(request: Request) -> Answers:
    """What `probes.methods.trained.answer` does, by HF Trainer and PEFT.

    Raises:
        TrainingDiverged: the loss is not finite.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    model = request.model
    assert isinstance(model, PublicModel)
    base, params = model.model, request.cell.params
    if request.load_adapter is not None:
        tuned = PeftModel.from_pretrained(base, request.load_adapter)
    else:
        torch.manual_seed(derived_seed(request.cell.seed, "adapter"))
        tuned = get_peft_model(
            base,
            LoraConfig(
                r=int(params["rank"]), lora_alpha=int(params["alpha"]), lora_dropout=0.0,
                target_modules="all-linear", task_type="CAUSAL_LM",
            ),
        )  # fmt: skip
    model.model = tuned
    try:
        if request.load_adapter is None:
            history, pruned, n_tokens = _trained(model, request)
            if pruned is not None:
                return Answers(pruned, pruned=True, history=history, train_tokens=n_tokens)
        else:
            history, n_tokens = [], 0
        tuned.eval()
        found = ask(request, put(request, request.items))
        if request.save_adapter is not None:
            tuned.save_pretrained(request.save_adapter)
        found.history, found.train_tokens = history, n_tokens
        return found
    finally:
        model.model = tuned.unload()
        model.model.eval()


def answer_together(requests: Sequence[Request]) -> list[Answers | CellFailure]:
    """One after the other."""
    found: list[Answers | CellFailure] = []
    for request in requests:
        try:
            found.append(answer(request))
        except CellFailure as failure:
            found.append(failure)
    return found


class Pruning(TrainerCallback):  # type: ignore[misc]
    """Asks the checkpoint between epochs, as the probe does."""

    def __init__(self, model: PublicModel, request: Request) -> None:
        self.model, self.request = model, request
        self.answers: list[Prediction] | None = None
        """What the checkpoint answered where it was stopped."""

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop where the checkpoint's answers fall below the bar."""
        request, model, epoch = self.request, self.model, round(state.epoch)
        if request.checkpoint is None or epoch >= int(request.cell.params["epochs"]):
            return
        items = request.checkpoint.items
        model.model.eval()
        answers = model.generate(
            [each.turns for each in put(request, items)], [item.id for item in items],
            max_new_tokens=request.max_new_tokens, progress=lambda *_: None,
        )  # fmt: skip
        model.model.train()
        if not request.checkpoint.keep_going(epoch, answers):
            self.answers = answers
            control.should_training_stop = True


def _trained(
    model: PublicModel, request: Request
) -> tuple[list[Json], list[Prediction] | None, int]:
    """Train: what each epoch saw, the checkpoint's answers where it was pruned, and the tokens."""
    examples, _ = fitting_examples(model, request)
    params, pruning = request.cell.params, Pruning(model, request)
    rate, size = float(params["learning_rate"]), int(params["batch_size"])
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model.model,
            args=TrainingArguments(
                output_dir=str(Path(folder)), per_device_train_batch_size=size,
                num_train_epochs=int(params["epochs"]), learning_rate=rate,
                lr_scheduler_type="linear", warmup_steps=0.1, max_grad_norm=1.0, weight_decay=0.0,
                train_sampling_strategy="group_by_length", seed=request.cell.seed, use_cpu=True,
                save_strategy="no", logging_strategy="epoch", report_to=[], disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
            train_dataset=[_row(example) for example in examples],
            data_collator=_collated,
            callbacks=[pruning],
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)  # stdout is for figures
        trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    if any(loss != loss for loss in losses):
        raise TrainingDiverged(0)
    history: list[Json] = [{"epoch": at, "loss": loss} for at, loss in enumerate(losses, start=1)]
    n_tokens = len(losses) * sum(len(example.ids) for example in examples)
    return history, pruning.answers, n_tokens


def _row(example: TokenisedExample) -> Json:
    ids = list(example.ids)
    hidden = len(ids) - example.n_answer
    return {"input_ids": ids, "labels": [-100] * hidden + ids[hidden:]}


def _collated(rows: Sequence[Json]) -> Json:
    """Padded on the right, as DataCollatorForSeq2Seq does."""
    ids, mask = padded([row["input_ids"] for row in rows], left=False)
    labels, _ = padded([row["labels"] for row in rows], left=False, pad=-100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}
