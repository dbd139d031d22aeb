"""What a run folder holds, and what it refuses."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.errors import UserError
from probes.records import Event, Json
from probes.store import RunStore, canonical_json, cell_key
from tests.probes.stored import KEY, LATER, OTHER, measured, temps

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore.create(tmp_path / "run", {"name": "t"})


# ---------------------------------------------------------------- keys

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc"), json_values, max_size=4))
def test_a_key_knows_content_and_not_order(context: dict[str, Any]) -> None:
    backwards = dict(reversed(context.items()))
    assert cell_key(backwards) == cell_key(json.loads(json.dumps(context, indent=3)))
    assert cell_key({**context, "new": 1}) != cell_key(context)


def test_canonical_json_is_a_fixed_format() -> None:
    assert canonical_json({"b": [1, 2.0], "a": "é\n"}) == '{"a":"é\\n","b":[1,2.0]}'
    digest = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    assert cell_key({"a": 1}) == digest  # as sha256sum prints it; a change loses every cell
    assert cell_key({"x": "e\u0301"}) != cell_key({"x": "\u00e9"})  # NFC is not applied
    with pytest.raises(ValueError, match="JSON compliant"):
        cell_key({"x": float("nan")})


# ---------------------------------------------------------------- folders


def test_create_and_open(tmp_path: Path) -> None:
    made = RunStore.create(tmp_path / "a/b", {"name": "t"}, frozen={"plan": {"cells": 3}})
    store = RunStore.open(made.folder)
    assert store.frozen("spec") == {"name": "t"}
    assert store.frozen("plan") == {"cells": 3}
    assert store.frozen("other") is None
    assert store.freeze("splits", {"x": [1]})
    assert not store.freeze("splits", {"x": [2]})
    assert store.frozen("splits") == {"x": [1]}
    with pytest.raises(UserError, match="is a run already") as raised:
        RunStore.create(made.folder, {})
    assert raised.value.code == "E-RUN-EXISTS"


def test_a_changed_spec_is_refused(store: RunStore) -> None:
    path = store.folder / "frozen/spec.json"
    path.write_text(path.read_text().replace('"t"', '"u"'))
    with pytest.raises(UserError, match="wrong checksum") as raised:
        store.frozen("spec")
    assert raised.value.code == "E-RUN-DAMAGED"


@pytest.mark.parametrize(
    ("marker", "code"),
    [
        (None, "E-RUN-FOREIGN"),
        ("", "E-RUN-FOREIGN"),
        ("[]", "E-RUN-FOREIGN"),
        ('{"kind": "other", "schema_version": 1}', "E-RUN-FOREIGN"),
        ('{"kind": "llm-advisor-run", "schema_version": true}', "E-RUN-FOREIGN"),
        ('{"kind": "llm-advisor-run", "schema_version": 2}', "E-RUN-NEWER"),
    ],
)
def test_folders_that_are_not_ours(tmp_path: Path, marker: str | None, code: str) -> None:
    (tmp_path / "thesis.doc").touch()
    if marker is not None:
        (tmp_path / "run.json").write_text(marker)
    with pytest.raises(UserError) as raised:
        RunStore.open(tmp_path)
    assert raised.value.code == code
    with pytest.raises(UserError):
        RunStore.create(tmp_path, {})


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        RunStore.open(tmp_path / "no")
    assert raised.value.code == "E-RUN-NOT-FOUND"


# ---------------------------------------------------------------- measurements


def test_publish_and_read_back(store: RunStore) -> None:
    assert store.measurement(KEY) is None
    assert store.publish(measured())
    assert store.measurement(KEY) == measured()
    assert not store.publish(measured(value=0.9)), "the first writer wins"
    assert store.publish(measured(OTHER))
    assert [m.key for m in RunStore.open(store.folder).measurements()] == sorted([KEY, OTHER])
    assert store.measurement(KEY) == measured()
    assert not temps(store)


def test_nan_is_refused_and_not_turned_into_null(store: RunStore) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.publish(measured(engine={"x": float("nan")}))
    assert store.measurement(KEY) is None
    assert not temps(store)


@pytest.mark.parametrize("key", ["", "../x", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_keys_are_keys(store: RunStore, key: str) -> None:
    for call in (store.measurement, store.adapter_folder):
        with pytest.raises(ValueError, match="not a"):
            call(key)


def seal_of(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"schema_version":1,"sha256":"{digest}","value":{text}}}'


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-30],
        lambda text: text.replace("wilson", "Wilson"),
        lambda text: text.replace('"schema_version":1', '"schema_version":9'),
        lambda text: "[" * 100_000,
        lambda text: "\x00" * 4096,
        lambda text: "\ud800",
        lambda text: seal_of('{"key":"' + KEY + '"}'),
        lambda text: text.replace(KEY, OTHER),
        lambda text: seal_of(canonical_json(measured(OTHER).model_dump())),
        lambda text: '{"schema_version":1,"sha256":"","value":{"x":1e999}}',
    ],
)
def test_a_bad_file_goes_to_quarantine(
    store: RunStore, damage: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    store.publish(measured())
    path = store.folder / f"cells/{KEY}.json"
    bad = damage(path.read_text()).encode(errors="surrogatepass")
    path.write_bytes(bad)
    assert store.measurement(KEY) is None
    (kept,) = (store.folder / "quarantine").iterdir()
    assert kept.read_bytes() == bad
    assert "moved to" in caplog.text
    assert store.publish(measured())
    assert store.measurements() == [measured()]


def test_attempts_are_counted(store: RunStore) -> None:
    assert store.attempts(KEY) == 0
    assert [store.begin_attempt(KEY), store.begin_attempt(KEY)] == [1, 2]
    assert RunStore.open(store.folder).attempts(KEY) == 2
    assert store.attempts(OTHER) == 0


# ---------------------------------------------------------------- what happened


def test_a_torn_event_is_cut_and_a_bad_one_left_out(
    store: RunStore, caplog: pytest.LogCaptureFixture
) -> None:
    path = store.folder / "events.jsonl"
    assert store.events() == []
    one, two = Event(kind="run"), Event(kind="note", payload={"text": "a\nb\u2028"})
    store.append_event(one, LATER)
    with path.open("ab") as file:
        file.write(b'{"kind": "unknown", "time": ""}\n[]\n\xff\n{"time": "x", "kind": "note"')
    assert store.events() == [(LATER, one)]
    assert caplog.text.count("left out") == 3
    store.append_event(two, LATER)
    assert store.events() == [(LATER, one), (LATER, two)]
    assert b'"x"' not in path.read_bytes()


@pytest.mark.parametrize("torn", [b"x", b"x" * 65_536, b"x" * 200_000])
def test_a_file_that_is_all_torn(store: RunStore, torn: bytes) -> None:
    (store.folder / "events.jsonl").write_bytes(torn)
    store.append_event(Event(kind="run"), LATER)
    assert len(store.events()) == 1


def test_openings_of_the_test_split_are_never_lost(store: RunStore) -> None:
    records: list[Json] = [{"cells": [KEY]}, {"cells": [OTHER], "why": "é"}]
    for record in records:
        store.log_test_opening(record)
    assert store.test_openings() == records
    path = store.folder / "test_openings.jsonl"
    path.write_bytes(path.read_bytes().replace(KEY.encode(), OTHER.encode()) + b"0000")
    assert store.test_openings() == [{"damaged_line": 1}, records[1]]


# ---------------------------------------------------------------- other files


def test_texts_are_replaced_whole(store: RunStore) -> None:
    store.write_text("report.md", "old")
    store.write_text("report.md", "new é")
    store.write_json("recipes/lora.json", {"rate": 1e-4})
    assert (store.folder / "report.md").read_text(encoding="utf-8") == "new é"
    assert json.loads((store.folder / "recipes/lora.json").read_text()) == {"rate": 1e-4}
    for name in ("../x", "/x", "cells/x", "run.json", "a/../b", ".hidden", "", "a//b", "lock"):
        with pytest.raises(ValueError, match="not a name"):
            store.write_text(name, "")
    with pytest.raises(ValueError, match="JSON compliant"):
        store.write_json("report.json", {"x": float("inf")})


def test_adapters_are_published_whole(store: RunStore) -> None:
    assert store.adapter_folder(KEY) is None
    for text in ("first", "second"):
        temp = store.scratch / text
        (temp / "deep").mkdir(parents=True)
        (temp / "deep/weights").write_text(text)
        assert store.publish_adapter(temp, KEY) == (text == "first")
        assert not temp.exists()
    folder = store.adapter_folder(KEY)
    assert folder
    assert (folder / "deep/weights").read_text() == "first"


# ---------------------------------------------------------------- lock


def test_one_driver_a_run(store: RunStore) -> None:
    with store.lock():
        match = f"process {os.getpid()} is working"
        with pytest.raises(UserError, match=match) as raised, RunStore.open(store.folder).lock():
            pass
        assert raised.value.code == "E-RUN-LOCKED"
    with store.lock():
        pass


def test_the_lock_of_a_killed_driver_is_free(store: RunStore) -> None:
    script = (
        "import os, sys; from pathlib import Path; from probes.store import RunStore\n"
        f"with RunStore.open(Path({str(store.folder)!r})).lock(): os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == -9
    with store.lock():
        pass


def test_locking_cleans_up_after_the_dead_only(store: RunStore) -> None:
    store.publish(measured())
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = [f"cells/.tmp-{dead.pid}-a", f".tmp-{os.getpid()}-b", "scratch/x.json", "scratch/d/x"]
    (store.folder / "scratch/d").mkdir()
    alive = store.folder / f"cells/.tmp-{os.getppid()}-c"
    for name in left:
        (store.folder / name).touch()
    alive.touch()
    with store.lock():
        assert not any((store.folder / name).exists() for name in left)
        assert alive.exists()
        os.utime(alive, (0, 0))
    with store.lock():
        assert temps(store) == []
    assert store.measurements() == [measured()]


def test_errors_of_the_driver_pass_through_the_lock(store: RunStore) -> None:
    with pytest.raises(OSError, match="mine"), store.lock():
        raise OSError(errno.ENOSPC, "mine")
