"""The journal: written whole, read with suspicion."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envdoctor.fix import journal
from envdoctor.fix.journal import Damaged, Entry, FileKept, Stage
from envdoctor.fix.place import Place, make_state, place_of

ENTRY = Entry(
    id="3f2a",
    stage=Stage.SWAPPING,
    environment="",
    day="2026-11-21T10:00:00Z",
    before=(("torch", "2.14.1+cu130"), ("numpy", "2.3.0")),
    after=(("torch", "2.14.1+cu126"),),
    old=(65024, 11),
    new=(65024, 12),
    files=(FileKept("/x/pyproject.toml", "1-pyproject.toml", "0" * 64), FileKept("/x \udcff/uv.lock", None, "gone")),
    commands=(("python", "-m", "pip"), ()),
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    environment = tmp_path / ".venv"
    environment.mkdir()
    place = place_of(str(environment))
    make_state(place)
    return place


def entry(place: Place, stage: Stage = Stage.SWAPPING) -> Entry:
    return replace(ENTRY, environment=place.environment, stage=stage)


def test_nothing_was_written(place: Place) -> None:
    assert journal.read(place) is None
    journal.forget(place)
    journal.forget_kept(place)


def test_no_state_folder_at_all(tmp_path: Path) -> None:
    assert journal.read(place_of(str(tmp_path / "none"))) is None


@pytest.mark.parametrize("stage", Stage)
def test_what_is_written_is_read(place: Place, stage: Stage) -> None:
    journal.write(place, entry(place, stage))
    assert journal.read(place) == entry(place, stage)
    assert (journal.kept(place) is None) == (stage is not Stage.DONE)
    assert os.stat(place.kept if stage is Stage.DONE else place.journal).st_mode & 0o777 == 0o600


def test_a_run_under_way_does_not_cost_what_the_one_before_kept(place: Place) -> None:
    done = replace(entry(place, Stage.DONE), id="first")
    journal.write(place, done)
    journal.write(place, entry(place, Stage.MAKING))
    assert journal.read(place) == entry(place, Stage.MAKING)
    assert journal.kept(place) == done
    journal.forget(place)
    assert journal.read(place) == done
    journal.write(place, entry(place, Stage.MAKING))
    journal.write(place, entry(place, Stage.DONE))
    assert journal.under_way(place) is None
    assert journal.kept(place) == entry(place, Stage.DONE)


def changed(place: Place, **fields: Any) -> None:
    journal.write(place, entry(place))
    document = json.loads(Path(place.journal).read_text())
    Path(place.journal).write_text(json.dumps({**document, **fields}))


@pytest.mark.parametrize("fields", [
    {"version": 2}, {"version": None}, {"state": 1}, {"environment": "/elsewhere"}, {"environment": None},
    {"stage": "done"}, {"stage": "other"}, {"stage": 1}, {"id": "../x"}, {"id": ""}, {"id": 7}, {"day": "\x1b[31m"},
    {"before": {}}, {"before": [["torch"]]}, {"before": [["torch", 2]]}, {"before": [["a", "b", "c"]]}, {"after": None},
    {"old": [1]}, {"old": [1, True]}, {"old": "12"}, {"new": [1, 2, 3]}, {"commands": [1]}, {"commands": ["pip"]},
    {"files": ["x"]}, {"files": [{}]},
    {"files": [{"path": "pyproject.toml", "kept": None, "left": ""}]},
    {"files": [{"path": "/x/../y", "kept": None, "left": ""}]},
    {"files": [{"path": "/x\0y", "kept": None, "left": ""}]},
    {"files": [{"path": "/x", "kept": "../old", "left": ""}]},
    {"files": [{"path": "/x", "kept": "/etc/passwd", "left": ""}]},
    {"files": [{"path": "/x", "kept": "..", "left": ""}]},
    {"files": [{"path": "/x", "kept": "", "left": ""}]},
    {"files": [{"path": "/x", "kept": "a", "left": "abc"}]},
    {"files": [{"path": "/x", "kept": "a"}]},
], ids=str)  # fmt: skip
def test_what_is_not_as_it_was_written_is_damaged(place: Place, fields: dict[str, Any]) -> None:
    changed(place, **fields)
    with pytest.raises(Damaged, match="is damaged") as raised:
        journal.read(place)
    assert place.journal in raised.value.reason
    assert "\x1b" not in raised.value.reason
    assert "\n" not in raised.value.reason


def test_every_truncation_is_damaged(place: Place) -> None:
    journal.write(place, entry(place))
    whole = Path(place.journal).read_bytes()
    for length in range(len(whole)):
        Path(place.journal).write_bytes(whole[:length])
        with pytest.raises(Damaged):
            journal.read(place)


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"\xff\xfe", b"[]", b"null", b'"x"', b"{}", b" " * (17 << 20)], ids=len
)
def test_what_is_no_journal_is_damaged(place: Place, data: bytes) -> None:
    Path(place.journal).write_bytes(data)
    with pytest.raises(Damaged):
        journal.read(place)


def test_a_link_a_folder_and_a_fifo_are_damaged(place: Place, tmp_path: Path) -> None:
    changed(place)
    os.rename(place.journal, tmp_path / "journal")
    os.symlink(tmp_path / "journal", place.journal)
    with pytest.raises(Damaged):
        journal.read(place)
    os.unlink(place.journal)
    os.mkfifo(place.journal)
    with pytest.raises(Damaged):
        journal.read(place)
    os.unlink(place.journal)
    os.mkdir(place.journal)
    with pytest.raises(Damaged):
        journal.read(place)


def test_a_folder_that_came_with_a_repository_is_not_believed(place: Place, tmp_path: Path) -> None:
    """Its journal names the environment, and yet could have any file of this user overwritten."""
    journal.write(place, entry(place))
    told = Path(place.journal).read_bytes()
    os.rename(place.state, tmp_path / "original")
    make_state(place)
    Path(place.journal).write_bytes(told)
    with pytest.raises(Damaged, match="for another environment"):
        journal.read(place)


def test_a_folder_that_others_may_write_in_is_not_believed(place: Place) -> None:
    journal.write(place, entry(place))
    os.chmod(place.state, 0o770)
    with pytest.raises(Damaged, match="can be changed by other users"):
        journal.read(place)


def test_a_journal_is_the_earlier_one_or_the_new_one(place: Place) -> None:
    """What a killed run half wrote beside it does not stand in the way."""
    journal.write(place, entry(place, Stage.MAKING))
    Path(place.journal + ".part").write_text("{")
    assert journal.read(place) == entry(place, Stage.MAKING)
    journal.write(place, entry(place))
    assert journal.read(place) == entry(place)
    assert set(os.listdir(place.state)) == {".gitignore", "journal.json"}
