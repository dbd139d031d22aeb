"""The core and the command line load nothing heavy: read from a clean process."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "peft", "optuna", "textual", "scipy", "pandas", "statsmodels")
CORE = (
    "advisor.advice",
    "advisor.audit",
    "advisor.belief",
    "advisor.bibliography",
    "advisor.cli",
    "advisor.commands.advise",
    "advisor.commands.fit",
    "advisor.decide",
    "advisor.findings",
    "advisor.first_advice",
    "advisor.first_words",
    "advisor.fit",
    "advisor.fit_answers",
    "advisor.hardware_text",
    "advisor.knowledge_index",
    "advisor.knowledge_search",
    "advisor.knowledge_text",
    "advisor.knowledge_whole",
    "advisor.lab.added",
    "advisor.lab.binding",
    "advisor.lab.laboratory",
    "advisor.lab.null",
    "advisor.lab.openings",
    "advisor.lab.policies",
    "advisor.lab.replay",
    "advisor.lab.scenarios",
    "advisor.lab.scores",
    "advisor.nature",
    "advisor.once",
    "advisor.plan_summary",
    "advisor.prepare",
    "advisor.prior",
    "advisor.promise",
    "advisor.records",
    "advisor.report.audit_html",
    "advisor.report.audit_text",
    "advisor.report.build",
    "advisor.report.files",
    "advisor.report.first_advice_text",
    "advisor.report.fit_text",
    "advisor.room",
    "advisor.rules",
    "advisor.session",
    "advisor.task",
    "advisor.weighing",
    "advisor.wizard.board",
    "advisor.wizard.child",
    "advisor.wizard.job",
    "knowledge.cost",
    "knowledge.decoding",
    "knowledge.errors",
    "knowledge.laws",
    "knowledge.load",
    "knowledge.local_speed",
    "knowledge.machine_names",
    "knowledge.measured",
    "knowledge.memory",
    "knowledge.records",
    "knowledge.throughput",
    "probes.answer_files",
    "probes.asking",
    "probes.audit.amount",
    "probes.audit.answers",
    "probes.audit.baselines",
    "probes.audit.chat",
    "probes.audit.cleaned",
    "probes.audit.contradictions",
    "probes.audit.costs",
    "probes.audit.coverage",
    "probes.audit.difficulty",
    "probes.audit.duplicates",
    "probes.audit.faulty_rows",
    "probes.audit.field_drift",
    "probes.audit.frames",
    "probes.audit.label_noise",
    "probes.audit.label_spellings",
    "probes.audit.language_guess",
    "probes.audit.languages",
    "probes.audit.leaks",
    "probes.audit.learnability",
    "probes.audit.lengths",
    "probes.audit.near",
    "probes.audit.noise_estimate",
    "probes.audit.noise_model",
    "probes.audit.novelty",
    "probes.audit.odd_characters",
    "probes.audit.output_forms",
    "probes.audit.output_frames",
    "probes.audit.output_languages",
    "probes.audit.output_shapes",
    "probes.audit.output_wrappers",
    "probes.audit.preference",
    "probes.audit.private_patterns",
    "probes.audit.reading",
    "probes.audit.records",
    "probes.audit.runner",
    "probes.audit.safety",
    "probes.audit.same_question",
    "probes.audit.semantic",
    "probes.audit.sheet",
    "probes.audit.shift",
    "probes.audit.too_long",
    "probes.audit.unreadable",
    "probes.curves",
    "probes.data",
    "probes.documents",
    "probes.driver",
    "probes.events",
    "probes.executors.local",
    "probes.figures",
    "probes.footprint.closed_form",
    "probes.footprint.deepen",
    "probes.footprint.depth",
    "probes.footprint.replay",
    "probes.footprint.run",
    "probes.footprint.settings",
    "probes.free_memory",
    "probes.hardware.reading",
    "probes.lab.family",
    "probes.lab.measure",
    "probes.lab.menu",
    "probes.lab.packing",
    "probes.lab.table",
    "probes.ladder",
    "probes.machine",
    "probes.methods",
    "probes.methods.few_shot",
    "probes.methods.lora",
    "probes.methods.zero_shot",
    "probes.mistakes",
    "probes.plan",
    "probes.pocket",
    "probes.prompt",
    "probes.records",
    "probes.retrieval",
    "probes.retrieval_health",
    "probes.scoring",
    "probes.self_queries",
    "probes.sinks",
    "probes.spec",
    "probes.speed_probe",
    "probes.split",
    "probes.stats",
    "probes.store",
    "probes.summary",
    "probes.systems",
)


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_core_loads_nothing_heavy() -> None:
    loaded = loaded_after("\n".join(f"import {name}" for name in CORE))
    assert set(CORE) <= loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--version"],
        ["probe", "--help"],
        ["schema", "spec"],
        ["audit", "--help"],
        ["doctor", "--gpu", "rtx-4090"],
        ["knowledge", "search", "lora"],
        ["lab", "replay", "--lab", "nowhere"],
    ],
)
def test_light_commands_load_nothing_heavy(argv: list[str]) -> None:
    code = f"""
import contextlib, io, sys
from advisor.cli import main
sys.argv = ["advisor", *{argv!r}]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""
    loaded = loaded_after(code)
    assert "advisor.cli" in loaded
    assert not loaded & set(HEAVY)


def test_advice_loads_no_numpy() -> None:
    """A fifth of its time otherwise."""
    loaded = loaded_after("import advisor.first_advice, advisor.commands.advise")
    assert "advisor.room" in loaded
    assert "numpy" not in loaded


@pytest.mark.parametrize("argv", [["--help"], ["knowledge", "--help"]])
def test_help_loads_no_pydantic(argv: list[str]) -> None:
    """`--help` answers from the static map: not even the records are read."""
    code = f"""
import contextlib, io, sys
from advisor.cli import main
sys.argv = ["advisor", *{argv!r}]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""
    assert "pydantic" not in loaded_after(code)


def test_what_is_known_is_read_without_a_yaml_parser() -> None:
    code = """
import contextlib, io, sys
from advisor.cli import main
sys.argv = ["advisor", "knowledge", "stale"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
"""
    loaded = loaded_after(code)
    assert "knowledge.load" in loaded
    assert not {"ruamel", "numpy"} & loaded
