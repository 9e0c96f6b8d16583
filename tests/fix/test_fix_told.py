"""What the user of a fix is told, and by which words an environment is found again."""

from __future__ import annotations

import io
import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from fix_worlds import UV, WORLDS, Environment, beside, digest, ran

from envdoctor.commands.carrying_out import _obstacle
from envdoctor.commands.consent import Consent
from envdoctor.commands.fix_case import Case
from envdoctor.commands.fixing import _elsewhere
from envdoctor.fix.place import place_of
from envdoctor.fix.projects import Prepared
from envdoctor.fix.route import Route
from envdoctor.model.fact import Known
from envdoctor.model.fix import Way
from envdoctor.model.machine import Machine
from envdoctor.model.snapshot import Snapshot
from machines import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from fix_worlds import Place

    from machines import Said

WORLD = WORLDS["torchvision of another torch"]


def said_of(at: Environment, *words: str, **env: str) -> Said:
    return run_cli(["fix", *words], {**at.variables, **env})


def _case(machine: Machine, *commands: tuple[str, ...]) -> Case:
    """A case of which only the machine and the commands are looked at."""
    prepared = Prepared({}, commands, ())
    return Case(machine, None, None, None, None, Route(Way.CLONE), prepared)  # type: ignore[arg-type]


def test_the_way_back_is_found_through_a_link_and_by_a_command(tmp_path: Path, place: Place) -> None:
    at = WORLD.made(tmp_path / "far" / "away", "uv", place)
    was = digest(at.folder)
    link = tmp_path / ".venv"
    link.symlink_to(at.folder)
    base = ("--index-base", place.index.base)
    applied = said_of(at, "--python", str(link), *base, "--apply", "--yes", "--no-smoke")
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    assert digest(at.folder) != was
    env = {"PATH": f"{link / 'bin'}{os.pathsep}{at.variables['PATH']}"}
    back = said_of(at, "--python", "python3", "--rollback", "--yes", "--format", "json", **env)
    assert back.exit_code == 0, back.stderr
    changes = [(one["name"], one["before"], one["after"]) for one in back.json()["changes"]]
    assert changes == [("torchvision", "0.24.1+cu128", "0.23.0+cu128")]
    assert (digest(at.folder), beside(at)) == (was, [])


def test_a_system_python_gets_a_new_environment(tmp_path: Path, place: Place) -> None:
    """Made by that Python, in the folder that was named; nothing is copied."""
    python = shutil.which("python3", path="/usr/bin")
    if python is None or UV is None:
        pytest.skip("this system has no Python of its own, or no uv")
    release = ran([python, "-c", "import sys; print(*sys.version_info[:2])"], {})
    if release.split() != [str(number) for number in sys.version_info[:2]]:
        pytest.skip("the wheels are for another Python")
    at = Environment(tmp_path / "new", "uv", place)
    base = ("--index-base", place.index.base, "--torch", "2.14.1", "--installer", "uv")
    said = said_of(at, "--python", python, *base, "--apply", "--yes", "--no-smoke", "--into", str(at.folder))
    if "is not changed here" in said.stdout or "is no virtual environment" in said.stdout:
        pytest.skip("this Python is not the system's")
    assert said.exit_code == 0, said.stdout + said.stderr
    assert " ".join(said.stdout.split()).startswith(f"Installed into a new environment, {at.folder}:")
    assert at.versions().items() >= {"torch": "2.14.1+cpu"}.items()
    assert beside(at) == []


@pytest.mark.parametrize("others", [(), ("/p/.venv/bin/python", "/q/bin/python")])
def test_another_environment_that_may_be_meant_is_named(others: tuple[str, ...]) -> None:
    facts = {
        "python.executable": "/tool/bin/python",
        "python.chosen_because": "the environment envdoctor is installed in",
        "python.also_with_torch": [*others],
    }
    machine = Machine(Snapshot({name: Known(value, "test") for name, value in facts.items()}))
    told = _elsewhere(_case(machine))
    assert [note.partition(" has a torch")[0] for note in told] == [
        f"this is about /tool/bin/python (the environment envdoctor is installed in); {other}" for other in others[:1]
    ]
    assert _elsewhere(_case(Machine(Snapshot({})))) == ()


def test_a_program_that_is_missing_is_told_before_anything_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "e").mkdir()
    place = place_of(str(tmp_path / "e"))
    case = _case(Machine(Snapshot({})), ("uv", "pip", "install", "torch"))
    assert _obstacle(place, place, case, None) == "uv is not installed, or not on the PATH"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "agrees"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_only_a_yes_is_one(typed: str, agrees: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the input, Ctrl-D, is a no, and not an interruption."""
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert Consent(yes=False, allow_ci=False).ask("Carry this out?") is agrees


def test_a_copy_of_an_environment_behind_a_link_runs_by_itself(tmp_path: Path, place: Place) -> None:
    at = WORLD.made(tmp_path / "far" / "away", "uv", place)
    link, copy = tmp_path / ".venv", tmp_path / "copy"
    link.symlink_to(at.folder)
    script = at.folder / "bin" / "where"
    script.write_text(f"#!{link}/bin/python\nimport sys\nprint(sys.prefix)\n")
    script.chmod(0o755)
    words = ("--index-base", place.index.base, "--apply", "--yes", "--no-smoke", "--into", str(copy))
    applied = said_of(at, "--python", str(link), *words)
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    assert ran([str(copy / "bin" / "where")], at.variables).strip() == str(copy)
    assert ran([str(script)], at.variables).strip() == str(link)


def test_the_report_names_what_is_wrong(tmp_path: Path, place: Place) -> None:
    at = WORLD.made(tmp_path / ".venv", "uv", place)
    words = ("--python", str(at.python), "--index-base", place.index.base)
    assert said_of(at, *words, "--format", "json").json()["mends"] == ["torch-torchvision-mismatch (torchvision)"]
    assert "torch-torchvision-mismatch (torchvision)" in said_of(at, *words).stdout
