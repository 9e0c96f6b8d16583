"""The way back."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from swapped_worlds import TRADES, digest, fix, go_back, make_world, names, project, version

from envdoctor.fix import journal
from envdoctor.fix.lock import locked
from envdoctor.fix.rolling_back import NoWayBack, roll_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.fix.journal import Entry
    from envdoctor.fix.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_world(tmp_path / "project")


def kept(place: Place) -> Entry:
    entry = journal.kept(place)
    assert entry is not None
    return entry


@pytest.mark.parametrize("trade", TRADES)
def test_everything_is_as_it_was_byte_for_byte(place: Place, trade: str) -> None:
    whole = os.path.dirname(place.environment)
    os.utime(whole, ns=(0, 0))  # the one time that changes: other names came and went in this folder
    before, inode = digest(whole), os.stat(place.environment).st_ino
    fix(place, TRADES[trade])
    Path(place.log).write_text("said")
    assert digest(whole) != before
    assert go_back(place, TRADES[trade]) == ()
    assert os.stat(place.environment).st_ino == inode
    assert sorted(os.listdir(whole)) == [".venv", "pyproject.toml"]
    os.utime(whole, ns=(0, 0))
    assert digest(whole) == before


def test_after_two_fixes_the_way_leads_to_the_first(place: Place) -> None:
    fix(place)
    between = digest(place.environment)
    fix(place)
    go_back(place)
    assert digest(place.environment) == between
    assert project(place).read_text() == "torch = 1"
    assert not os.path.lexists(place.state)


def test_a_file_that_was_edited_since_the_fix_stays(place: Place) -> None:
    fix(place)
    project(place).write_text("edited")
    (note,) = go_back(place)
    assert str(project(place)) in note
    assert project(place).read_text() == "edited"
    assert version(place) == 0


def test_where_the_environment_is_gone_the_old_one_takes_its_place(place: Place) -> None:
    before = digest(place.environment)
    fix(place)
    shutil.rmtree(place.environment)
    assert go_back(place) == ()
    assert digest(place.environment) == before
    assert not os.path.lexists(place.state)


@pytest.mark.parametrize("made", [os.mkdir, lambda path: os.symlink("/usr", path), lambda path: Path(path).touch()])
def test_an_environment_that_the_fix_did_not_make_is_not_taken_away(place: Place, made: Callable[[str], None]) -> None:
    fix(place)
    os.rename(place.environment, f"{place.environment}.mine")
    made(place.environment)
    with locked(place), pytest.raises(NoWayBack, match="is not what the fix of 2026-11-21 made"):
        roll_back(place, kept(place))
    assert names(place) == {"kept.json", "old", "files"}
    assert version(place, place.old) == 0
    assert version(place, f"{place.environment}.mine") == 1
    assert os.path.lexists(place.environment)


def test_without_the_old_one_there_is_no_way_back(place: Place) -> None:
    fix(place)
    entry = kept(place)
    shutil.rmtree(place.old)
    with locked(place), pytest.raises(NoWayBack, match="no longer"):
        roll_back(place, entry)
    os.mkdir(place.old)
    with locked(place), pytest.raises(NoWayBack, match="no longer"):
        roll_back(place, replace(entry, old=None))
    assert version(place) == 1
