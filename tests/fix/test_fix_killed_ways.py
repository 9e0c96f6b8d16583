"""Every way through `envdoctor fix`, killed: a copy elsewhere, the way back, a second fix, a project with its files."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from fix_worlds import WORLDS, Environment, Place, begun, beside, digest, doctored, ran, serving, started
from test_fix_faults import children_of
from test_fix_projects import WORLD as OF_PROJECTS
from test_fix_projects import fixed, made, state, url  # noqa: F401 - a fixture

from machines import SCENARIOS, standin_variables
from standin.command import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from project_worlds import Project

WORLD = WORLDS["torchvision of another torch"]
OLD, NEW = "0.23.0+cu128", "0.24.1+cu128"
DRIVER = str(Path(__file__).with_name("killed_after.py"))
FEW, ALL = "a few steps", "every step"
HOW_MANY = [FEW, pytest.param(ALL, marks=pytest.mark.real)]
LAST = 4
"""Steps before the end at which environments have traded places."""

BEFORE = 5
"""A step of the way back at which nothing is back yet: most of its steps remove what was repaired."""


def chosen(count: int, many: str) -> Sequence[int]:
    """The steps at which it is killed: of few, one before and one after environments trade places."""
    return range(1, count + 1) if many == ALL else (count // 2, count - LAST)


class Way(NamedTuple):
    """An environment, and the words of the command that is killed."""

    at: Environment
    words: tuple[str, ...]

    def steps_until(self, step: int) -> int | None:
        """Run the command up to a step, and kill it there; the number of its steps where it came to its end."""
        run = started(self.at, [sys.executable, DRIVER, str(step), "--"], *self.words)
        _, said = run.communicate(timeout=120)
        assert run.returncode in (0, -signal.SIGKILL), said
        return int(said.splitlines()[-1]) if run.returncode == 0 else None


def words(at: Environment, *more: str) -> tuple[str, ...]:
    return ("fix", "--index-base", at.place.index.base, "--apply", "--yes", "--no-smoke", *more)


def succeeds(at: Environment, *words: str) -> str:
    said = doctored(at, WORLD, *words, standin=at.folder)
    assert said.exit_code == 0, said.stdout + said.stderr
    return said.stdout


def works(at: Environment) -> str:
    """The version of torchvision in an environment whose interpreter imports torch."""
    ran([str(at.python), "-I", "-B", "-c", "import torch"], at.variables)
    return at.versions()["torchvision"]


@pytest.fixture
def at(tmp_path: Path, place: Place) -> Environment:
    return WORLD.made(tmp_path / "project" / ".venv", "uv", place)


@pytest.mark.parametrize("many", HOW_MANY)
def test_a_copy_elsewhere(many: str, at: Environment) -> None:
    """It is there and whole, or not at all; the environment itself is never touched."""
    was, into = digest(at.folder), at.folder.with_name("repaired")
    way = Way(at, words(at, "--into", str(into)))
    count = way.steps_until(0)
    assert count is not None
    seen = set()
    for step in chosen(count, many):
        shutil.rmtree(into, ignore_errors=True)
        assert way.steps_until(step) is None
        seen.add(into.exists())
        if not into.exists():
            succeeds(at, *words(at, "--into", str(into)))
        assert works(Environment(into, "uv", at.place)) == NEW
        assert digest(at.folder) == was
    assert seen == {True, False}


@pytest.mark.parametrize("many", HOW_MANY)
def test_the_way_back(many: str, at: Environment) -> None:
    was = digest(at.folder)
    way = Way(at, ("fix", "--rollback", "--yes"))
    succeeds(at, *words(at))
    count = way.steps_until(0)
    assert count is not None
    assert digest(at.folder) == was
    ended = set()
    for step in chosen(count, many) if many == ALL else (BEFORE, count // 2):
        succeeds(at, *words(at))
        assert way.steps_until(step) is None
        version = works(at)
        ended.add(version)
        succeeds(at, *words(at)[:3])
        assert works(at) == version
        if version == NEW:
            succeeds(at, "fix", "--rollback", "--yes")
        assert digest(at.folder) == was
        assert beside(at) == []
    assert ended == {OLD, NEW}


@pytest.mark.real
@pytest.mark.parametrize("many", [ALL])
def test_a_second_fix(many: str, at: Environment) -> None:
    """The way back from the first is open until the second is done."""
    way = Way(at, words(at))

    def killed_in_the_second(step: int) -> int | None:
        oldest = digest(at.folder)
        succeeds(at, *words(at))
        at.install("cu128", "--no-deps", f"torchvision=={OLD}")
        before = digest(at.folder)
        count = way.steps_until(step)
        version = works(at)
        ended.add(version)
        succeeds(at, *words(at)[:3])
        assert works(at) == version
        succeeds(at, "fix", "--rollback", "--yes")
        assert digest(at.folder) == (before if version == NEW else oldest)
        assert beside(at) == []
        return count

    ended: set[str] = set()
    count = killed_in_the_second(0)
    assert count is not None
    for step in chosen(count, many):
        assert killed_in_the_second(step) is None
    assert ended == {OLD, NEW}


def project_killed_at(step: int, project: Project, standin: Path) -> int | None:
    """Fix a project up to a step; the number of its steps where it came to its end."""
    python = str(project.environment() / "bin" / "python")
    argv = [sys.executable, DRIVER, str(step), "--", "fix", "--python", python, "--index-base", f"{project.url}/whl"]
    done = subprocess.run(
        [*argv, "--no-smoke", "--apply", "--yes"],
        env={
            **project.variables,
            **standin_variables(SCENARIOS[OF_PROJECTS.machine or ""]),
            "LD_LIBRARY_PATH": str(standin),
            "PYTHONPATH": str(CHECKOUT / "src"),
            "LC_ALL": "C.UTF-8",
        },
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return int(done.stderr.splitlines()[-1]) if done.returncode == 0 else None


@pytest.mark.parametrize(
    ("manager", "many"),
    [("uv", FEW), *(pytest.param(name, ALL, marks=pytest.mark.real) for name in ("uv", "poetry", "pdm"))],
)
def test_a_project(manager: str, many: str, url: str, tmp_path: Path, standin: Path) -> None:  # noqa: F811 - the fixture
    """Manifest, lock file and environment are those from before or those from after, once the next start was there."""
    project = made(manager, url, tmp_path)
    was = state(project)
    count = project_killed_at(0, project, standin)
    assert count is not None
    repaired = state(project)
    assert fixed(project, standin, "--rollback", "--yes").exit_code == 0
    ended = []
    for step in chosen(count, many):
        assert project_killed_at(step, project, standin) is None
        said = fixed(project, standin)
        assert said.exit_code == 0, (step, said.stdout, said.stderr)
        ended.append(state(project) == was)
        if not ended[-1]:
            assert state(project)[0].keys() == repaired[0].keys()
            assert fixed(project, standin, "--rollback", "--yes").exit_code == 0
        assert state(project) == was
    assert {*ended} == {True, False}


@pytest.fixture
def faulty(tiny_wheels: Path, tmp_path: Path) -> Iterator[Place]:
    """An index of its own, that errs as its `faults` say, and caches in which nothing is."""
    with serving(tiny_wheels) as index:
        try:
            yield Place(index, tmp_path / "caches")
        finally:
            index.let_go.set()


@pytest.mark.parametrize("installer", [pytest.param("pip", marks=pytest.mark.real), "uv"])
def test_an_installer_that_outlives_its_doctor(installer: str, tmp_path: Path, faulty: Place) -> None:
    """It waits for the rest of a wheel: the next start ends it before it takes the copy away under its hands."""
    at = WORLD.made(tmp_path / "project" / ".venv", installer, faulty)
    shutil.rmtree(faulty.cache)
    was = digest(at.folder)
    faulty.index.faults["torchvision"] = "stall"
    doctor = begun(at, *words(at))
    assert faulty.index.stalled.wait(60), doctor.communicate()
    doctor.kill()
    doctor.communicate()
    assert children_of(at.folder)
    assert digest(at.folder) == was
    faulty.index.faults.clear()
    assert "interrupted" in succeeds(at, *words(at)[:3])
    assert children_of(at.folder) == []
    assert digest(at.folder) == was
    assert beside(at) == []
