"""A state folder that somebody else prepared: nothing outside is ever written or removed, and the environment stays."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from swapped_worlds import TRADES, digest, fix, go_back, make_world, mend, names, project, version

from envdoctor.fix import journal
from envdoctor.fix.installing import install
from envdoctor.fix.journal import Damaged, FileKept, Stage
from envdoctor.fix.lock import locked
from envdoctor.fix.place import Place, make_state, obstacle, place_of, places_near

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "project").mkdir()
    return make_world(tmp_path / "project")


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder that is somebody's, and has to be as it was after every test."""
    folder = tmp_path / "outside"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "work").write_text("years of it")
    (folder / "pyproject.toml").write_text("of another project")
    before = digest(str(folder))
    yield folder
    assert digest(str(folder)) == before


@pytest.mark.parametrize("name", ["new", "old", "aside", "older"])
@pytest.mark.parametrize("trade", TRADES)
def test_a_link_where_an_environment_of_the_fix_lies(name: str, trade: str, place: Place, outside: Path) -> None:
    """As a repository may hold one: it gives way, and what it leads to does not."""
    before = digest(place.environment)
    make_state(place)
    os.symlink(outside, os.path.join(place.state, name))
    fix(place, TRADES[trade])
    assert version(place) == 1
    assert names(place) == {"kept.json", "old", "files"}
    go_back(place, TRADES[trade])
    assert digest(place.environment) == before
    assert not os.path.lexists(place.state)


def test_the_project_s_files_are_not_kept_through_a_link(place: Place, outside: Path) -> None:
    before = digest(place.environment)
    make_state(place)
    os.symlink(outside, place.files)
    with pytest.raises(OSError, match="is a link"):
        fix(place)
    os.unlink(place.files)
    assert mend(place)
    assert digest(place.environment) == before
    assert project(place).read_text() == "torch = 0"


def test_nothing_is_put_back_from_behind_a_link(place: Place, outside: Path) -> None:
    fix(place)
    shutil.move(place.files, outside.parent / "elsewhere")
    os.symlink(outside.parent / "elsewhere", place.files)
    with pytest.raises(OSError, match="is a link"):
        go_back(place)
    assert project(place).read_text() == "torch = 1"
    os.unlink(place.files)
    shutil.move(outside.parent / "elsewhere", place.files)
    assert mend(place)
    assert version(place) == 0
    assert project(place).read_text() == "torch = 0"


def test_the_log_is_not_written_through_a_link(place: Place, outside: Path) -> None:
    make_state(place)
    os.symlink(outside / "1" / "work", place.log)
    ran = install(["echo", "said"], dict(os.environ), place.log, lambda doing: None)
    assert ran.exit == 0


@pytest.mark.parametrize("stage", [Stage.MAKING, Stage.GOING_BACK])
def test_a_journal_that_names_files_which_no_project_has(stage: Stage, place: Place, outside: Path) -> None:
    fix(place)
    kept = Path(place.files, "1-pyproject.toml").read_text()
    done = journal.kept(place)
    assert done is not None
    for path in (outside / "1" / "work", Path("/etc/hostname")):
        with locked(place):
            journal.write(place, replace(done, stage=stage, files=(FileKept(str(path), "1-pyproject.toml"),)))
        with pytest.raises(Damaged, match="is no path of a file"):
            mend(place)
        os.unlink(place.journal)
    assert Path(place.files, "1-pyproject.toml").read_text() == kept


@pytest.mark.parametrize("change", [
    {"environment": "/"}, {"state": 1}, {"stage": "swapping", "environment": "/usr"}, {"id": "../x"},
    {"files": [{"path": "/etc/../etc/passwd", "kept": "../../x", "left": ""}]}, {"old": [1, "2"]}, {"version": 2},
])  # fmt: skip
@pytest.mark.parametrize("which", ["journal", "kept"])
def test_an_edited_journal_is_obeyed_in_nothing(
    which: str, change: dict[str, object], place: Place, outside: Path
) -> None:
    fix(place)
    before = digest(place.environment), digest(place.old)
    path = Path(getattr(place, which))
    if which == "journal":
        done = journal.kept(place)
        assert done is not None
        with locked(place):
            journal.write(place, replace(done, stage=Stage.MAKING))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(Damaged):
        mend(place)
    assert (digest(place.environment), digest(place.old)) == before


def test_a_copy_of_a_project_goes_nowhere_back(place: Place, tmp_path: Path) -> None:
    """`cp -a project copy`: the entry there is of the original, which must not be touched from the copy."""
    fix(place)
    before = digest(place.environment), digest(place.old), project(place).read_text()
    copied = place_of(str(shutil.copytree(Path(place.environment).parent, tmp_path / "copy", symlinks=True) / ".venv"))
    with pytest.raises(Damaged, match="another environment"):
        go_back(copied)
    assert (digest(copied.environment), digest(copied.old)) == before[:2]
    assert (digest(place.environment), digest(place.old), project(place).read_text()) == before


def test_a_folder_of_that_name_which_is_no_fix_s(place: Place) -> None:
    """Somebody's own, beside the environment or beside the project."""
    for path in (place.environment, os.path.dirname(place.environment)):
        other = place_of(path)
        for name in ("new", "files", "aside"):
            Path(other.state, name).mkdir(parents=True)
            Path(other.state, name, "work").write_text("years of it")
        assert str(obstacle(other)).endswith("holds what is not envdoctor's")
        with pytest.raises(PermissionError, match="not envdoctor's"), locked(other):
            pytest.fail("it is somebody's")
        Path(other.ignore).write_text("*.pyc\n")
        with pytest.raises(PermissionError, match="not envdoctor's"), locked(other):
            pytest.fail("it is somebody's")
        os.unlink(other.ignore)
        assert names(other) == {"new", "files", "aside"}
        for name in ("new", "files", "aside"):
            assert Path(other.state, name, "work").read_text() == "years of it"
    assert places_near(os.path.join(place.environment, "bin", "python")) == []


def test_a_journal_without_an_end(place: Place) -> None:
    fix(place)
    with open(place.journal, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Damaged, match="too long"):
        mend(place)
    assert version(place) == 1
