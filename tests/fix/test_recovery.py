"""A fix and a way back, killed at every step, and what mends that, killed too: always one whole environment."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from killed_after import killed_at
from swapped_worlds import TRADES, digest, fix, go_back, make_world, mend, names, project, version

from envdoctor.fix import journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envdoctor.fix.place import Place
    from envdoctor.fix.swapping import Trade

MOST = 400
"""More steps than any of these runs has."""

MEMORY = "/dev/shm"
"""For thousands of synchronised writes."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where the system has one."""
    made = tempfile.mkdtemp(dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    yield Path(made)
    shutil.rmtree(made)


def world(folder: Path, fixes: int) -> Place:
    """An environment that was fixed so many times."""
    shutil.rmtree(folder, ignore_errors=True)
    place = make_world(folder)
    for _ in range(fixes):
        fix(place)
    return place


def check_environment(place: Place, *digests: str) -> None:
    """One of the two is whole at its place; between two renames, and until it is mended, it may lie aside."""
    at = place.environment if os.path.isdir(place.environment) else place.aside
    assert digest(at) in digests


def check_mended(place: Place, fixes: int) -> None:
    """All is as after so many fixes, with nothing else left."""
    assert version(place) == fixes
    assert project(place).read_text() == f"torch = {fixes}"
    assert project(place).with_name("uv.lock").exists() == bool(fixes)
    assert {path.name for path in Path(place.environment).parent.iterdir()} <= {
        *(".venv", ".venv.envdoctor", "pyproject.toml", "uv.lock")
    }
    if fixes:
        assert names(place) == {"kept.json", "old", "files"}
        assert version(place, place.old) == fixes - 1
        assert len(os.listdir(place.files)) == (1 if fixes == 1 else 2)  # before the first there is no lock file
    else:
        assert not os.path.lexists(place.state)


@pytest.mark.parametrize("fixes", [0, 1])
@pytest.mark.parametrize("trade", TRADES)
def test_a_fix_killed_at_any_step_leaves_an_environment_and_the_next_start_mends_the_rest(
    folder: Path, trade: str, fixes: int
) -> None:
    outcomes = set()
    for step in range(1, MOST):
        place = world(folder / "project", fixes)
        before = digest(place.environment)
        killed = killed_at(step, lambda place=place: fix(place, TRADES[trade]))
        check_environment(place, before, *repaired(place, fixes + 1))
        mend(place)
        outcomes.add(version(place))
        check_mended(place, version(place))
        assert digest(place.environment if version(place) == fixes else place.old) == before
        assert mend(place) is None
        if not killed:
            break
    assert step > 40
    assert not killed
    assert outcomes == {fixes, fixes + 1}


def repaired(place: Place, number: int) -> set[str]:
    """The digest of what the run made, where that is in place already."""
    there = os.path.isdir(place.environment) and version(place) == number
    return {digest(place.environment)} if there else set()


@pytest.mark.parametrize("trade", TRADES)
def test_a_way_back_killed_at_any_step_is_undone_or_finished(folder: Path, trade: str) -> None:
    outcomes = set()
    for step in range(1, MOST):
        place = make_world(folder / "project")
        oldest = digest(place.environment)
        fix(place)
        newest = digest(place.environment)
        killed = killed_at(step, lambda place=place: go_back(place, TRADES[trade]))
        check_environment(place, oldest, newest)
        mend(place)
        outcomes.add(version(place))
        check_mended(place, version(place))
        assert digest(place.environment) == (newest if version(place) else oldest)
        assert mend(place) is None
        if not killed:
            break
        shutil.rmtree(folder / "project")
    assert step > 20
    assert not killed
    assert outcomes == {0, 1}


def state(place: Place) -> tuple[object, ...]:
    """What mending decides by."""
    entry = journal.under_way(place)
    there = version(place) if os.path.isdir(place.environment) else None
    return frozenset(names(place)), entry and (entry.stage, bool(entry.files)), there, project(place).read_text()


@pytest.mark.parametrize(("run", "trade"), [(fix, "renames"), (go_back, "exchange")], ids=["fix", "way-back"])
def test_mending_that_is_killed_at_any_step_is_mended_by_the_next(
    folder: Path, run: Callable[[Place, Trade], object], trade: str
) -> None:
    """Once for what is left behind alike, and at every third step: which third differs."""
    seen = set()
    pairs = 0
    for step in range(1, MOST):
        place = world(folder / "project", 1)
        if not killed_at(step, lambda place=place: run(place, TRADES[trade])):
            break
        left = state(place)
        if left in seen:
            continue
        seen.add(left)
        endings = set()
        for second in range(1 + len(seen) % 3, MOST, 3):
            place = world(folder / "project", 1)
            before = {digest(place.environment), digest(place.old)}
            killed_at(step, lambda place=place: run(place, TRADES[trade]))
            newest = repaired(place, 2)
            stopped = killed_at(second, lambda place=place: mend(place))
            check_environment(place, *before, *newest)
            mend(place)
            check_mended(place, version(place))
            endings.add(version(place))
            pairs += 1
            if not stopped:
                break
        assert len(endings) == 1, "how it ends was decided when the run was killed"
    assert len(seen) > 5
    assert pairs > 30
