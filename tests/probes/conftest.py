"""Fixtures that tests beside a model share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from probes.models import Progress
from probes.task import ModelRef

if TYPE_CHECKING:
    from probes.models.hf import HfModel


@pytest.fixture
def quiet() -> Progress:
    """No progress."""
    return lambda done, total, what: None


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> HfModel:
    """The tiny model, loaded once for a file of tests, on one thread."""
    import torch

    from probes.models.load import load_model

    torch.set_num_threads(1)
    return load_model(ModelRef(name="tiny", source="local", location=str(tiny_model)))
