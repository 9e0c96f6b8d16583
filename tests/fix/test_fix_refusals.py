"""What `envdoctor fix` refuses before it begins: one line, exit code 2, and nothing is made beside the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from fix_worlds import WORLDS, Environment, beside, digest, doctored

from machines import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from fix_worlds import Place

    from machines import Said

WORLD = WORLDS["torchvision of another torch"]
APPLY = ("--apply", "--yes", "--no-smoke")


@pytest.fixture(scope="module")
def broken(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return WORLD.made(tmp_path_factory.mktemp("refused") / ".venv", "pip", place)


def fixed(at: Environment, tmp_path: Path, *words: str, **env: str) -> Said:
    base = () if "--rollback" in words else ("--index-base", at.place.index.base)
    return doctored(at, WORLD, "fix", *base, *words, standin=tmp_path, env=env)


def is_refused(said: Said, *words: str) -> bool:
    lines = [line for line in said.stderr.splitlines() if line.startswith("envdoctor:")]
    told = f"{said.stdout} {' '.join(lines)}".replace("\n", " ")
    return said.exit_code == 2 and len(lines) <= 1 and all(word in " ".join(told.split()) for word in words)


@pytest.mark.parametrize(
    ("words", "env", "told"),
    [
        (APPLY, {"CI": "true"}, "--allow-ci"),
        (APPLY, {"CI": "1"}, "--allow-ci"),
        (("--rollback", "--yes"), {"CI": "true"}, "--allow-ci"),
        (("--apply",), {}, "--yes"),
        (("--rollback", "--yes"), {}, "no environment from before a fix"),
        (("--rollback", "--torch", "2.9.1"), {}, "--rollback"),
        (("--into", "somewhere"), {}, "--apply"),
        ((*APPLY, "--into", "/"), {}, "is there already"),
        ((*APPLY, "--into", "/nowhere/at/all"), {}, "is not there"),
        ((*APPLY, "--torch", "rubbish"), {}, "--torch"),
        ((*APPLY, "-o", ""), {}, "-o"),
    ],
)
def test_a_run_that_may_not_be(
    words: tuple[str, ...], env: dict[str, str], told: str, broken: Environment, tmp_path: Path
) -> None:
    was = digest(broken.folder)
    said = fixed(broken, tmp_path, *words, **env)
    assert is_refused(said, told), said
    assert (digest(broken.folder), beside(broken)) == (was, [])


def test_ci_set_to_false_is_no_ci(broken: Environment, tmp_path: Path) -> None:
    assert "--yes" in fixed(broken, tmp_path, "--apply", CI="false").stderr


def test_an_environment_in_use_is_left_alone(broken: Environment, tmp_path: Path) -> None:
    was = digest(broken.folder)
    user = subprocess.Popen([str(broken.python), "-c", "input()"], stdin=subprocess.PIPE)
    try:
        said = fixed(broken, tmp_path, *APPLY)
    finally:
        user.communicate(b"\n")
    assert is_refused(said, str(user.pid), "--into"), said
    assert (digest(broken.folder), beside(broken)) == (was, [])


def test_another_doctor_at_work_is_not_disturbed(broken: Environment, tmp_path: Path) -> None:
    from envdoctor.fix.lock import locked
    from envdoctor.fix.place import place_of

    with locked(place_of(str(broken.folder))):
        for words in ((), APPLY, ("--rollback", "--yes")):
            assert is_refused(fixed(broken, tmp_path, *words), f"process {os.getpid()}")


def test_a_system_python_is_advised_and_not_changed(tmp_path: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("this system has no Python of its own")
    dry = run_cli(["fix", "--python", python, "--installer", "pip"])
    assert dry.exit_code == 0
    assert "venv" in dry.stdout
    assert is_refused(run_cli(["fix", "--python", python, "--apply", "--yes"]))


def test_a_recorded_machine_is_shown_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_text("{}")
    env = {"ENVDOCTOR_SYSROOT": str(tmp_path)}
    assert is_refused(run_cli(["fix", "--python", sys.executable, "--apply", "--yes"], env), "ENVDOCTOR_SYSROOT")


def test_nothing_to_do_is_no_failure(place: Place, tmp_path: Path) -> None:
    at = WORLD.made(tmp_path / ".venv", "pip", place)
    assert fixed(at, tmp_path, *APPLY).exit_code == 0
    was = digest(at.folder)
    for words in ((), APPLY):
        said = fixed(at, tmp_path, *words, "--format", "json")
        assert (said.exit_code, said.json()["outcome"]) == (0, "nothing-to-do")
    assert digest(at.folder) == was


def test_the_dry_run_names_the_command_that_applies_it(broken: Environment, tmp_path: Path) -> None:
    said = fixed(broken, tmp_path, "--no-smoke")
    words = said.stdout.strip().splitlines()[-1].split()
    base = broken.place.index.base
    assert words == [
        "envdoctor", "fix", "--python", str(broken.python), "--no-smoke", "--index-base", base, "--apply",
    ]  # fmt: skip
