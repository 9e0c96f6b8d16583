"""How the Makefile finds its Python; what it does with it is tried by `.ci/run`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "find", "grep", "test", "rm", "cat")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


def make(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make with a PATH that holds the bare tools and what the test put there."""
    for tool in TOOLS:
        found = shutil.which(tool)
        if found and not (path / tool).exists():
            (path / tool).symlink_to(found)
    return subprocess.run(
        [str(shutil.which("make")), "-s", "-C", str(ROOT), *words],
        env={"PATH": str(path), "HOME": str(path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_any_python_make_says_what_to_install(tmp_path: Path) -> None:
    ran = make(tmp_path, "python")
    assert ran.returncode == 2
    assert "no Python >= 3.10" in ran.stderr
    assert "python3-venv" in ran.stderr


def test_a_shim_for_a_python_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "python3", "echo 'command not found' >&2; exit 127")
    program(tmp_path / "python3.10", f'exec "{sys.executable}" "$@"')
    ran = make(tmp_path, "python")
    assert ran.returncode == 0, ran.stderr
    assert f"built with: {tmp_path}/python3.10\n" in ran.stdout
    assert f"examined: {tmp_path}/python3.10\n" in ran.stdout


def test_the_interpreter_that_is_named_is_the_one_examined(tmp_path: Path) -> None:
    program(tmp_path / "python3", f'exec "{sys.executable}" "$@"')
    program(tmp_path / "old", "exit 1")
    ran = make(tmp_path, "python", f"PYTHON={tmp_path}/old")
    assert ran.returncode == 0, ran.stderr
    assert f"built with: {tmp_path}/python3\n" in ran.stdout
    assert f"examined: {tmp_path}/old\n" in ran.stdout


def test_the_active_environment_is_examined_before_the_path(tmp_path: Path) -> None:
    program(tmp_path / "python3", f'exec "{sys.executable}" "$@"')
    active = tmp_path / "active" / "bin"
    active.mkdir(parents=True)
    program(active / "python", f'exec "{sys.executable}" "$@"')
    ran = make(tmp_path, "python", f"VIRTUAL_ENV={active.parent}")
    assert ran.returncode == 0, ran.stderr
    assert f"examined: {active}/python\n" in ran.stdout


def test_help_tells_every_target(tmp_path: Path) -> None:
    awk = shutil.which("awk")
    if awk is None:
        pytest.skip("no awk on this machine")
    (tmp_path / "awk").symlink_to(awk)
    ran = make(tmp_path, "help")
    assert ran.returncode == 0, ran.stderr
    for target in ("doctor", "test", "test-real", "gpu-evidence", "python", "clean", "help"):
        assert f"make {target} " in ran.stdout
    assert os.linesep.join(ran.stdout.splitlines()[:1]).startswith("make help")
