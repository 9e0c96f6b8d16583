"""The whole command, killed at every step: the environment works each time, and the next start cleans up."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fix_worlds import WORLDS, Environment, begun, beside, digest, doctored, ran, started

if TYPE_CHECKING:
    from fix_worlds import Place

WORLD = WORLDS["torchvision of another torch"]
OLD, NEW = "0.23.0+cu128", "0.24.1+cu128"
DRIVER = str(Path(__file__).with_name("killed_after.py"))
FEW = 4


def words(at: Environment) -> tuple[str, ...]:
    return ("fix", "--index-base", at.place.index.base, "--apply", "--yes", "--no-smoke")


def steps_until(at: Environment, step: int) -> int | None:
    """Run the fix up to a step, and kill it there; the number of its steps where it came to its end, else None."""
    run = started(at, [sys.executable, DRIVER, str(step), "--"], *words(at))
    _, said = run.communicate(timeout=120)
    assert run.returncode in (0, -signal.SIGKILL), said
    return int(said.splitlines()[-1]) if run.returncode == 0 else None


def is_right_after_a_kill(at: Environment, was: dict[str, tuple[int, int, str]]) -> str:
    """Check the environment as the kill left it, and as the next start leaves it; put it back, return what it was."""
    version = version_that_works(at)
    if version == OLD:
        assert digest(at.folder) == was
    next_start = doctored(at, WORLD, "fix", "--index-base", at.place.index.base, standin=at.folder)
    assert next_start.exit_code == 0, next_start.stdout + next_start.stderr
    assert version_that_works(at) == version
    if version == NEW:
        back = doctored(at, WORLD, "fix", "--rollback", "--yes", standin=at.folder)
        assert back.exit_code == 0, back.stdout + back.stderr
    assert digest(at.folder) == was
    assert beside(at) == []
    return version


def version_that_works(at: Environment) -> str:
    """The version of torchvision, after the environment's interpreter has imported torch."""
    ran([str(at.python), "-I", "-B", "-c", "import torch"], at.variables)
    version = at.versions()["torchvision"]
    assert version in (OLD, NEW)
    return version


@pytest.mark.parametrize(
    ("installer", "every"),
    [
        ("uv", False),
        pytest.param("uv", True, marks=pytest.mark.real),
        pytest.param("pip", True, marks=pytest.mark.real),
    ],
)
def test_killed_at_a_step(installer: str, every: bool, tmp_path: Path, place: Place) -> None:
    """Every step in `make test-real`; in `make test` a few, the last ones among them, where the two are swapped."""
    at = WORLD.made(tmp_path / "project" / ".venv", installer, place)
    was = digest(at.folder)
    count = steps_until(at, 0)
    assert count is not None
    assert is_right_after_a_kill(at, was) == NEW
    chosen = range(1, count + 1) if every else sorted({*range(count // FEW, count, count // FEW), count - 3, count - 8})
    left = []
    for step in chosen:
        assert steps_until(at, step) is None, f"step {step} of {count}"
        left.append(is_right_after_a_kill(at, was))
    assert left == sorted(left, reverse=True) or left == sorted(left)  # once it was swapped, it stays so
    assert {*left} == {OLD, NEW}


@pytest.mark.real
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_killed_at_any_moment(installer: str, tmp_path: Path, place: Place) -> None:
    """By the clock, alone: the installer, a process of its own, may still be at work when the next start cleans up."""
    at = WORLD.made(tmp_path / "project" / ".venv", installer, place)
    was = digest(at.folder)
    began = time.monotonic()
    assert steps_until(at, 0)
    whole = time.monotonic() - began
    assert is_right_after_a_kill(at, was) == NEW
    chance = random.Random(7)
    for turn in range(30):
        doctor = begun(at, *words(at))
        try:
            doctor.wait(whole * (turn + chance.random()) / 30)
        except subprocess.TimeoutExpired:
            doctor.kill()
        doctor.communicate()
        is_right_after_a_kill(at, was)


@pytest.mark.real
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_signal_at_any_moment(installer: str, tmp_path: Path, place: Place) -> None:
    """What can be caught is undone at once: no next start is needed."""
    at = WORLD.made(tmp_path / "project" / ".venv", installer, place)
    was = digest(at.folder)
    began = time.monotonic()
    assert steps_until(at, 0)
    whole = time.monotonic() - began
    assert is_right_after_a_kill(at, was) == NEW
    chance = random.Random(11)
    ended = set()
    for turn in range(30):
        number = (signal.SIGINT, signal.SIGTERM)[turn % 2]
        doctor = begun(at, *words(at))
        try:
            doctor.wait(whole * (turn + chance.random()) / 30)
        except subprocess.TimeoutExpired:
            doctor.send_signal(number)
        _, said = doctor.communicate(timeout=60)
        ended.add(doctor.returncode)
        assert doctor.returncode in (0, 128 + number, -number), said
        assert "Traceback" not in said
        if version_that_works(at) == OLD:
            assert digest(at.folder) == was
            assert not [name for name in under(at) if name in ("new", "old", "journal.json")]
        is_right_after_a_kill(at, was)
    assert {130, 143} <= ended


def under(at: Environment) -> list[str]:
    """What lies in the folder beside the environment."""
    state = Path(f"{at.folder}.envdoctor")
    return [path.name for path in state.iterdir()] if state.exists() else []
