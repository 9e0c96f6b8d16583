"""What others do to an environment while a fix is at work, or waits for an answer: nothing of it is lost."""

from __future__ import annotations

import os
import pty
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fix_worlds import WORLDS, Environment, Place, begun, beside, digest, doctored, serving, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VISION = WORLDS["torchvision of another torch"]
NEW = "0.24.1+cu128"


@pytest.fixture
def at(tiny_wheels: Path, tmp_path: Path) -> Iterator[Environment]:
    """An environment whose index, its own, stops in the midst of the wheel that a fix needs."""
    with serving(tiny_wheels) as index:
        try:
            place = Place(index, tmp_path / "caches")
            made = VISION.made(tmp_path / "project" / ".venv", "uv", place)
            shutil.rmtree(place.cache)
            yield made
        finally:
            index.let_go.set()


def words(at: Environment, *more: str) -> tuple[str, ...]:
    return ("fix", "--index-base", at.place.index.base, "--apply", "--no-smoke", *more)


def written(at: Environment) -> None:
    """As an installer does that puts the same version there again: other files, the same freeze."""
    file = at.site / "bystander" / "__init__.py"
    content = file.read_text()
    file.unlink()
    file.write_text(f"{content}# mended by hand\n")


def replaced(at: Environment) -> None:
    shutil.copytree(at.folder, f"{at.folder}-2", symlinks=True)
    shutil.rmtree(at.folder)
    os.rename(f"{at.folder}-2", at.folder)


@pytest.mark.parametrize(("change", "told"), [(written, "was changed"), (replaced, "was replaced")])
def test_an_environment_that_changes_is_not_replaced(
    change: Callable[[Environment], None], told: str, at: Environment
) -> None:
    at.place.index.faults["torchvision"] = "stall"
    doctor = begun(at, *words(at, "--yes"))
    assert at.place.index.stalled.wait(60), doctor.communicate()
    change(at)
    is_now = digest(at.folder)
    at.place.index.let_go.set()
    said, _ = doctor.communicate(timeout=60)
    assert doctor.returncode == 1, said
    assert told in " ".join(said.split())
    assert digest(at.folder) == is_now
    assert not Path(f"{at.folder}.envdoctor", "new").exists()


@pytest.mark.parametrize("other", ["apply", "killed"])
def test_another_doctor_while_one_waits_for_an_answer(other: str, at: Environment) -> None:
    """What was planned for the environment as it was is not done to what it has become."""
    ours, theirs = pty.openpty()
    doctor = started(at, [sys.executable, "-m", "envdoctor"], *words(at), stdin=theirs)
    os.close(theirs)
    assert doctor.stderr is not None
    said = ""
    while "Carry this out" not in said:
        said += doctor.stderr.read(1)
    was = digest(at.folder)
    if other == "apply":
        assert doctored(at, VISION, *words(at, "--yes"), standin=Path()).exit_code == 0
    else:
        at.place.index.faults["torchvision"] = "stall"
        killed = begun(at, *words(at, "--yes"))
        assert at.place.index.stalled.wait(60), killed.communicate()
        killed.kill()
        killed.communicate()
    os.write(ours, b"y\n")
    out, _ = doctor.communicate(timeout=60)
    os.close(ours)
    assert doctor.returncode == 2, out
    assert "meanwhile" in out
    if other == "apply":
        assert at.versions()["torchvision"] == NEW
        assert doctored(at, VISION, "fix", "--rollback", "--yes", standin=Path()).exit_code == 0
    assert digest(at.folder) == was
    assert beside(at) == []
