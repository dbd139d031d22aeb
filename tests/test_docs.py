"""What the README and the examples say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from advisor.cli import COMMANDS
from probes.data import read_examples
from probes.spec import read_spec
from probes.split import split_examples

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*/spec.yaml"))


def test_readme_names_commands_that_exist() -> None:
    named = set(re.findall(r"^advisor (\w+)", README, flags=re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)


def test_readme_links_to_files_that_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_make_targets_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", README, flags=re.MULTILINE)) <= targets


def test_readme_spec_is_a_spec_and_its_fragments_fit_in(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 2
    (tmp_path / "spec.yaml").write_text("".join(blocks))
    spec = read_spec(tmp_path / "spec.yaml")
    assert spec.name == "banking-intents"
    assert [system.name for system in spec.systems] == ["current-prompt"]


def test_there_is_an_example() -> None:
    assert ROOT / "examples" / "ticket-routing" / "spec.yaml" in EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_examples_are_tasks(path: Path) -> None:
    spec = read_spec(path)
    examples, test = read_examples(spec, path)
    splits = split_examples(examples, test)
    assert len(splits.test) >= 50
