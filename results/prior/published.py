"""The published tables that the prior is fitted to: where they lie, and what their names mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from knowledge.expectations import Kind

LIMITS = (0.02, 0.98)
"""Scores beyond are taken for these: a logit of 0 or 1 is infinite."""


KINDS: dict[Kind, tuple[str, ...]] = {
    "labels": (
        "customer_support", "dbpedia", "covid", "glue_cola", "glue_mnli", "glue_mrpc", "glue_qqp",
        "glue_sst2", "glue_wnli", "jigsaw",
    ),
    "extraction": ("bc5cdr", "conllpp"),
    "text": (
        "e2e_nlg", "tldr_content_gen", "tldr_headline_gen", "viggo", "webnlg", "legal",
        "hellaswag_processed",
    ),
    "reading": ("boolq", "glue_qnli"),
    "facts": ("mmlu", "arc_combined"),
    "reasoning": ("gsm8k", "hellaswag", "winogrande", "drop"),
    "calls": ("wikisql",),
    "code": ("magicoder",),
}  # fmt: skip
"""LoRA Land's tasks by kind. Left out: reuters (lists of topics scored by ROUGE, under .03 for
GPT-4) and stsb (an error, not a share). DROP asks for counts and sums over a paragraph."""


INSTRUCT = ("instruct", "chat", "zephyr")


MMLU = {
    "phi-2": "microsoft/phi-2",
    "gemma-2b": "google/gemma-2b",
    "gemma-7b": "google/gemma-7b",
    "llama-2-7b": "meta-llama/Llama-2-7b-hf",
    "mistral-7b": "mistralai/Mistral-7B-v0.1",
    "zephyr-7b": "mistralai/Mistral-7B-v0.1",
}
"""Base model -> its row in ObsScaling; instruct models take the MMLU of their base."""


CHOICES = {
    "glue_cola": 2, "glue_mrpc": 2, "glue_qqp": 2, "glue_sst2": 2, "glue_wnli": 2, "jigsaw": 2,
    "glue_mnli": 3, "covid": 5, "dbpedia": 14, "boolq": 2, "glue_qnli": 2, "mmlu": 4,
    "arc_combined": 4, "hellaswag": 4, "winogrande": 2,
}  # fmt: skip
"""Answers to choose from. customer_support has labels too; how many was not found, and no share is
taken for chance there."""


MEASURES: dict[Kind, str] = {
    "labels": "accuracy",
    "extraction": "ROUGE of the list of entities",
    "text": "ROUGE",
    "reading": "accuracy",
    "facts": "accuracy among four answers",
    "reasoning": "accuracy, and ROUGE of DROP",
    "calls": "ROUGE, and queries that run right",
    "code": "tests passed",
}


RECENT = ("Qwen2", "Llama-3", "Llama-3.1", "Gemma-2")
"""Families whose MMLU by size stands for the models of today."""


def logit(share: Any) -> Any:
    """ln(q / (1 - q)), q held within LIMITS."""
    held = np.clip(share, *LIMITS)
    return np.log(held / (1 - held))


@dataclass(frozen=True)
class Published:
    """The tables, read."""

    lora_land: pd.DataFrame
    tuning: pd.DataFrame
    """Accuracy by data set and n_train."""
    prompting: pd.DataFrame
    bench: pd.DataFrame
    instruct: pd.DataFrame
    post: pd.DataFrame
    losses: dict[str, pd.DataFrame]
    spider: pd.DataFrame


def read(folder: Path) -> Published:
    """The published tables of `folder`."""
    obs = folder / "obsscaling"
    return Published(
        pd.read_csv(folder / "lora_land" / "lora_land_310.csv"),
        pd.read_csv(folder / "longcontext_icl" / "finetune_llama2_7b_curves.csv"),
        pd.read_csv(folder / "longcontext_icl" / "icl_curves.csv"),
        pd.read_csv(obs / "base_llm_benchmark_eval.csv"),
        pd.read_csv(obs / "instruct_llm_benchmark_eval.csv"),
        pd.read_csv(obs / "base_llm_post_training_eval.csv"),
        {p.stem: pd.read_csv(p) for p in sorted((folder / "rectified").glob("*.csv"))},
        pd.read_csv(folder / "dbgpt_hub_text2sql" / "spider_base_lora_qlora.csv"),
    )


def above_chance(score: float, task: str) -> float:
    """The share that is right beyond guessing among k answers: (q - 1/k) / (1 - 1/k)."""
    guess = 1 / CHOICES[task] if task in CHOICES else 0.0
    return (score - guess) / (1 - guess)


PROMPTED_SPLIT = 43


LABELS = {"banking77": 77, "nlu": 68, "trec": 6}
"""Number of labels of the long-context ICL sets."""


def prompted(table: pd.DataFrame, name: str, variant: str) -> pd.Series:
    """Accuracy of Llama-2-7B-80k by the number of examples in the prompt, mean over runs."""
    mine = table[(table.dataset == name) & (table.variant == variant)]
    mine = mine[mine.model == "yaofu+llama-2-7b-80k"]
    return mine.groupby("n_shots").accuracy_pct.mean() / 100


def same_items(tuning: pd.DataFrame, name: str) -> pd.DataFrame:
    """Tuning on the test items that prompting was measured on: splits differ by ten points."""
    return tuning[(tuning.dataset == name) & (tuning.test_split_seed == PROMPTED_SPLIT)]
