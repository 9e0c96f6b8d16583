"""The ladder by which the interpreter to examine is chosen (contract: Commands), on real folders."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.probes import target

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.probes.target import Target


@dataclass
class Place:
    """A home with environments in it; `choose` asks as the `envdoctor` script would."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def environment(self, name: str, *, torch: bool = False, packages: str = "lib/python3.11/site-packages") -> str:
        prefix = self.home / name
        self.program(prefix / "bin" / "python")
        if torch:
            (prefix / packages / "torch").mkdir(parents=True)
            (prefix / packages / "torch" / "version.py").write_text("__version__ = '2.9.1+cu128'\n")
        return str(prefix)

    def program(self, path: Path, text: str = "#!/bin/sh\nexit 0\n") -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def folder(self, name: str, *marks: str) -> str:
        path = self.home / name
        path.mkdir(parents=True, exist_ok=True)
        for mark in marks:
            (path / mark).touch()
        return str(path)

    def choose(
        self, installed: str, *, cwd: str | None = None, python: str | None = None, script: bool = True
    ) -> Target:
        return target.choose(
            Host(environ=self.environ),
            python=python,
            script=script,
            executable=f"{installed}/bin/python",
            prefix=installed,
            cwd=cwd or str(self.home),
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path.resolve())


@pytest.fixture
def tool(place: Place) -> str:
    """An environment made by pipx for envdoctor alone."""
    prefix = place.environment("tool")
    place.folder("tool", "pipx_metadata.json")
    return prefix


def test_the_environment_it_is_installed_in_comes_first(place: Place) -> None:
    installed, active = place.environment("installed"), place.environment("active")
    place.environ["VIRTUAL_ENV"] = active
    chosen = place.choose(installed)
    assert (chosen.python, chosen.own) == (f"{installed}/bin/python", True)
    assert chosen.because == "the environment envdoctor is installed in"


def test_as_a_module_it_examines_the_interpreter_that_runs_it(place: Place, tool: str) -> None:
    place.environ["VIRTUAL_ENV"] = place.environment("active")
    chosen = place.choose(tool, script=False)
    assert (chosen.python, chosen.own, chosen.others) == (f"{tool}/bin/python", True, ())


@pytest.mark.parametrize("marker", ["pipx_metadata.json", "uv-receipt.toml", "envdoctor-apart"])
def test_the_environment_of_a_tool_is_passed_over(place: Place, marker: str) -> None:
    installed = place.environment("tool")
    place.folder("tool", marker)
    place.environ["VIRTUAL_ENV"] = place.environment("active")
    chosen = place.choose(installed)
    assert (chosen.python, chosen.because, chosen.own) == (
        place.environ["VIRTUAL_ENV"] + "/bin/python",
        "VIRTUAL_ENV",
        False,
    )


@pytest.mark.parametrize("bucket", ["archive-v0", "environments-v2"])
def test_uvx_runs_it_from_the_cache_of_uv(place: Place, bucket: str) -> None:
    installed = place.environment(f".cache/uv/{bucket}/5mledyZnvLs75xlCg")
    place.folder(f".cache/uv/{bucket}/5mledyZnvLs75xlCg", "pyvenv.cfg")
    place.environ["VIRTUAL_ENV"] = place.environment("active")
    assert place.choose(installed).because == "VIRTUAL_ENV"


def test_each_rung_is_taken_when_those_above_are_gone(place: Place, tool: str) -> None:
    place.program(place.home / "bin" / "python3")
    place.program(place.home / "bin" / "python")
    place.environ |= {
        "VIRTUAL_ENV": place.environment("active"),
        "CONDA_PREFIX": place.environment("conda"),
        "PATH": str(place.home / "bin"),
    }
    place.environment("project/.venv")
    seen = []
    for gone in ("active", "project/.venv", "conda", "bin/python3"):
        seen.append(place.choose(tool, cwd=str(place.home / "project")).because)
        path = place.home / gone
        path.unlink() if path.is_file() else shutil.rmtree(path)
    last = place.choose(tool, cwd=str(place.home / "project"))
    assert [*seen, last.because] == [
        "VIRTUAL_ENV",
        ".venv of this project",
        "CONDA_PREFIX",
        "the first python3 on PATH",
        "the first python on PATH",
    ]
    assert last.python == str(place.home / "bin" / "python")


def test_nothing_at_all(place: Place, tool: str) -> None:
    with pytest.raises(target.NoTarget, match="--python PATH"):
        place.choose(tool)


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.py", "requirements.txt", ".git"])
def test_a_parent_counts_where_it_is_a_project(place: Place, tool: str, mark: str) -> None:
    place.environment("project/.venv")
    deep = place.folder("project/src/deep")
    with pytest.raises(target.NoTarget):
        place.choose(tool, cwd=deep)
    place.folder("project", mark)
    assert place.choose(tool, cwd=deep).python == str(place.home / "project/.venv/bin/python")


def test_a_working_directory_that_was_removed(place: Place, tool: str) -> None:
    place.environ["CONDA_PREFIX"] = place.environment("conda")
    gone = place.folder("gone")
    os.rmdir(gone)
    assert place.choose(tool, cwd=gone).because == "CONDA_PREFIX"


def test_a_stale_variable_is_passed_over(place: Place, tool: str) -> None:
    place.environ |= {"VIRTUAL_ENV": str(place.home / "removed"), "CONDA_PREFIX": place.environment("conda")}
    assert place.choose(tool).because == "CONDA_PREFIX"


def test_a_shim_of_a_python_that_is_not_there_is_passed_over(place: Place, tool: str) -> None:
    shim = "#!/bin/sh\necho 'pyenv: python3: command not found' >&2\nexit 127\n"
    place.program(place.home / "shims" / "python3", shim)
    place.environ["PATH"] = str(place.home / "shims")
    with pytest.raises(target.NoTarget, match=r"shims/python3 does not start"):
        place.choose(tool)
    place.program(place.home / "bin" / "python")
    place.environ["PATH"] += f":{place.home / 'bin'}"
    assert place.choose(tool).python == str(place.home / "bin" / "python")


def test_path_entries_that_are_empty_or_relative(place: Place, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place.program(place.home / "bin" / "python3")
    monkeypatch.chdir(place.home)
    place.environ["PATH"] = "::bin"
    assert place.choose(tool).python == str(place.home / "bin" / "python3")


def test_a_folder_and_a_file_without_permission_are_no_commands(place: Place, tool: str) -> None:
    place.folder("a/python3")
    place.program(place.home / "b" / "python3")
    (place.home / "b" / "python3").chmod(0o644)
    place.environ["PATH"] = f"{place.home / 'a'}:{place.home / 'b'}"
    with pytest.raises(target.NoTarget):
        place.choose(tool)


@pytest.mark.parametrize(
    "packages", ["lib/python3.11/site-packages", "lib64/python3.9/site-packages", "lib/python3/dist-packages"]
)
def test_others_that_hold_a_torch_are_named(place: Place, packages: str) -> None:
    installed = place.environment("installed")
    place.environ |= {
        "VIRTUAL_ENV": place.environment("active", torch=True, packages=packages),
        "CONDA_PREFIX": place.environment("conda"),
    }
    assert place.choose(installed).others == (place.environ["VIRTUAL_ENV"] + "/bin/python",)


def test_the_chosen_environment_by_another_path_is_no_other(place: Place) -> None:
    installed = place.environment("installed", torch=True)
    (place.home / "link").symlink_to(installed)
    place.environ |= {"VIRTUAL_ENV": str(place.home / "link"), "PATH": f"{installed}/bin"}
    chosen = place.choose(installed)
    assert (chosen.python, chosen.others) == (f"{installed}/bin/python", ())


def test_an_environment_met_twice_is_named_once(place: Place) -> None:
    installed = place.environment("installed")
    place.environ |= {
        "VIRTUAL_ENV": place.environment("project/.venv", torch=True),
        "PATH": str(place.home / "project/.venv/bin"),
    }
    assert len(place.choose(installed, cwd=str(place.home / "project")).others) == 1


def test_named_by_path_folder_and_command(place: Place, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = place.environment("chosen")
    python = f"{prefix}/bin/python"
    place.environ["PATH"] = f"{prefix}/bin"
    monkeypatch.chdir(place.home)
    for named in (python, prefix, "chosen", "./chosen", "chosen/bin/python", "python", f"{prefix}/"):
        chosen = place.choose(tool, python=named)
        assert (chosen.python, chosen.because, chosen.own) == (python, "named by --python", False), named


def test_a_folder_of_the_same_name_does_not_hide_a_command(
    place: Place, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.folder("python")
    place.environ["PATH"] = place.environment("chosen") + "/bin"
    monkeypatch.chdir(place.home)
    assert place.choose(tool, python="python").python == str(place.home / "chosen/bin/python")


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("./missing", "no such file"),
        ("python9.99", "no such command on PATH"),
        ("", "no such command on PATH"),
        ("empty/", "holds no bin/python"),
    ],
)
def test_what_cannot_be_examined_is_said(
    place: Place, tool: str, monkeypatch: pytest.MonkeyPatch, named: str, says: str
) -> None:
    place.folder("empty")
    monkeypatch.chdir(place.home)
    with pytest.raises(target.NoTarget, match=says):
        place.choose(tool, python=named)


def test_a_link_to_the_base_interpreter_stays_the_environment(place: Place, tool: str) -> None:
    base = place.program(place.home / "usr" / "bin" / "python3.11")
    prefix = place.home / "venv"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(base)
    assert place.choose(tool, python=str(prefix)).python == f"{prefix}/bin/python"
    assert place.choose(tool, python=f"{prefix}/bin/python").python == f"{prefix}/bin/python"
