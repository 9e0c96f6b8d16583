"""conda's way: which commands it is given, and what is left when one fails.

No conda is here: a small program of that name notes what it is told and makes or removes the folder it is told of.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from envdoctor.fix.conda import BASE, NO_CONDA, NotByConda, beside, in_new, is_base, make, program_of, unmake

SPEC = "conda-forge::pytorch=2.13.0=cuda129*"
STAND_IN = """\
#!{python}
import json, os, shutil, sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps([words, os.environ.get("CONDA_PIP_INTEROP_ENABLED"), os.environ.get("PYTHONPATH")]) + "\\n")
prefix = words[words.index("--prefix") + 1]
if words[0] == "create":
    os.makedirs(os.path.join(prefix, "conda-meta"))
elif words[0] == "remove":
    shutil.rmtree(os.path.join(prefix, "conda-meta"))
elif {fails}:
    print("PackagesNotFoundError: The following packages are not available from current channels")
    sys.exit(1)
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An environment of conda's with a pin."""
    folder = tmp_path / "conda" / "envs" / "work"
    (folder / "conda-meta").mkdir(parents=True)
    (folder / "conda-meta" / "pinned").write_text("numpy <2\n", encoding="utf-8")
    (folder / "conda-meta" / "pytorch-2.9.1-cpu.json").write_text("{}", encoding="utf-8")
    return folder


def conda_in(folder: Path, *, fails: bool = False) -> tuple[dict[str, str], Path]:
    """Put the stand-in into a folder; return variables by which it is found, and its notes."""
    folder.mkdir(exist_ok=True)
    log = folder / "notes"
    program = folder / "conda"
    program.write_text(STAND_IN.format(python=sys.executable, log=str(log), fails=fails), encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": "/elsewhere"}, log


def told(log: Path) -> list[list[str]]:
    return [json.loads(line)[0] for line in log.read_text(encoding="utf-8").splitlines()]


def test_the_commands(old: Path, tmp_path: Path) -> None:
    environ, _ = conda_in(tmp_path / "bin")
    conda = str(tmp_path / "bin" / "conda")
    commands = (
        ("mamba", "install", "--prefix", str(old), "--channel", "conda-forge", SPEC),
        ("conda", "install", "conda-forge::libstdcxx-ng"),
        (f"{old}/bin/python", "-m", "pip", "install", "torch==2.9.1+cu126"),
    )
    new = f"{old}-repaired"
    wanted = beside(commands, str(old), None, environ)
    assert (wanted.program, wanted.old, wanted.new, wanted.python) == (conda, str(old), new, f"{new}/bin/python")
    assert wanted.commands == (
        (conda, "create", "--yes", "--prefix", new, "--clone", str(old)),
        (conda, "install", "--yes", "--prefix", new, "--channel", "conda-forge", SPEC),
        (conda, "install", "--yes", "--prefix", new, "conda-forge::libstdcxx-ng"),
        (f"{new}/bin/python", "-m", "pip", "install", "torch==2.9.1+cu126"),
    )


def test_a_word_that_only_begins_alike_is_left_alone() -> None:
    argv = ("/e/place/bin/python", "-m", "pip", "install", "--find-links", "/e/place2", "/e/place/x", "x@/e/place/y")
    moved = ("/e/new/bin/python", "-m", "pip", "install", "--find-links", "/e/place2", "/e/new/x", "x@/e/place/y")
    assert in_new(argv, "/e/place", "/e/new", "conda") == moved


def test_made_and_told_of(old: Path, tmp_path: Path) -> None:
    environ, log = conda_in(tmp_path / "bin")
    into = str(tmp_path / "elsewhere" / "new")
    wanted = beside([("conda", "install", "--prefix", str(old), SPEC)], str(old), into, environ)
    assert make(wanted, environ, str(tmp_path / "log.txt"), lambda _: None) == ""
    assert told(log) == [
        ["create", "--yes", "--prefix", into, "--clone", str(old)],
        ["install", "--yes", "--prefix", into, SPEC],
    ]
    assert [json.loads(line)[1:] for line in log.read_text(encoding="utf-8").splitlines()] == [["false", None]] * 2
    assert (Path(into) / "conda-meta" / "pinned").read_text(encoding="utf-8") == "numpy <2\n"
    assert "create --yes" in (tmp_path / "log.txt").read_text(encoding="utf-8")
    unmake(wanted, environ, str(tmp_path / "log.txt"), lambda _: None)
    assert told(log)[-1] == ["remove", "--yes", "--prefix", into, "--all"]
    assert not os.path.lexists(into)


def test_nothing_is_left_of_what_failed(old: Path, tmp_path: Path) -> None:
    environ, log = conda_in(tmp_path / "bin", fails=True)
    wanted = beside([("conda", "install", "--prefix", str(old), SPEC)], str(old), None, environ)
    trouble = make(wanted, environ, str(tmp_path / "log.txt"), lambda _: None)
    assert trouble
    assert "\n" not in trouble
    assert [words[0] for words in told(log)] == ["create", "install", "remove"]
    assert not os.path.lexists(wanted.new)
    assert (old / "conda-meta" / "pinned").exists()


def test_a_name_that_is_taken_is_not_used(old: Path, tmp_path: Path) -> None:
    environ, _ = conda_in(tmp_path / "bin")
    Path(f"{old}-repaired").mkdir()
    assert beside([], str(old), None, environ).new == f"{old}-repaired-2"
    with pytest.raises(NotByConda, match="exists already"):
        beside([], str(old), f"{old}-repaired", environ)


def test_base_is_never_changed(tmp_path: Path, old: Path) -> None:
    environ, _ = conda_in(tmp_path / "bin")
    root = old.parents[1]
    assert is_base(str(root))
    assert not is_base(str(old))
    with pytest.raises(NotByConda, match=BASE):
        beside([], str(root), None, environ)
    (old / "conda-meta" / "conda-25.9.1-py312.json").write_text("{}", encoding="utf-8")
    assert is_base(str(old))
    assert not is_base(str(tmp_path / "nothing"))


def test_conda_has_to_be_there(old: Path, tmp_path: Path) -> None:
    with pytest.raises(NotByConda) as said:
        beside([], str(old), None, {"PATH": str(tmp_path)})
    assert str(said.value) == NO_CONDA
    conda_in(tmp_path / "bin")
    program = str(tmp_path / "bin" / "conda")
    assert program_of({"CONDA_EXE": program, "PATH": ""}) == program
    assert program_of({"CONDA_EXE": str(tmp_path / "gone"), "PATH": str(tmp_path / "bin")}) == program


def test_a_place_that_cannot_be_written_to(old: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    environ, _ = conda_in(tmp_path / "bin")
    old.parent.chmod(0o500)
    with pytest.raises(NotByConda, match="cannot be written to"):
        beside([], str(old), None, environ)
