"""Broken environments, repaired by the real command with the real pip and the real uv, and put back.

Each kind of environment is made by one of the two installers in `make test`, and by the other in `make test-real`.
"""

from __future__ import annotations

import shutil
import sysconfig
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fix_worlds import BYSTANDERS, WORLDS, Environment, World, beside, digest, doctored, names_a_copy, outside, ran

from standin.build import CannotCompile, compiler

if TYPE_CHECKING:
    from pathlib import Path

    from fix_worlds import Place

HOW = ("pip", "uv")


def cases() -> list[object]:
    """Every world with both installers; the second pair of each is left to `make test-real`."""
    return [
        pytest.param(world, installer, id=f"{installer}: {name}", marks=() if number % 2 == turn else pytest.mark.real)
        for number, (name, world) in enumerate(WORLDS.items())
        for turn, installer in enumerate(HOW)
    ]


@pytest.mark.parametrize(("world", "installer"), cases())
def test_a_broken_environment_is_healthy_after_the_fix_and_as_it_was_after_the_rollback(
    world: World, installer: str, tmp_path: Path, place: Place, standin: Path
) -> None:
    at = world.made(tmp_path / "project" / ".venv", installer, place)
    was, others, cached = digest(at.folder), outside(at), digest(place.cache / "uv") if installer == "uv" else {}
    found = doctored(at, world, "check", "--format", "json", standin=standin).json()
    assert found["findings"][0]["rule"] == world.rule

    base = ("--index-base", place.index.base)
    dry = doctored(at, world, "fix", *base, standin=standin)
    assert dry.exit_code == 0, dry.stderr
    assert digest(at.folder) == was
    assert beside(at) == []

    applied = doctored(at, world, "fix", *base, "--apply", "--yes", "--no-smoke", standin=standin)
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    after = doctored(at, world, "check", "--format", "json", standin=standin).json()
    assert after["verdict"] == "healthy", after["findings"]
    assert [finding["message"] for finding in after["findings"] if finding["severity"] != "note"] == []
    assert at.versions().items() >= world.after.items()
    if not world.own_index:
        assert outside(at) == others
    ran([str(at.python), "-I", "-B", "-c", f"import {', '.join(('torch', *world.partners))}"], at.variables)
    assert ran([str(at.folder / "bin" / "bystander")], at.variables).strip() == BYSTANDERS["bystander"]
    assert names_a_copy(at.folder) == []
    # What uv links into its environments stays as it was: nothing was written through a link.
    now = digest(place.cache / "uv") if cached else {}
    assert {path: now.get(path) for path, told in cached.items() if "archive" in path and told[2] != "folder"} == {
        path: told for path, told in cached.items() if "archive" in path and told[2] != "folder"
    }

    again = doctored(at, world, "fix", *base, "--apply", "--yes", standin=standin)
    assert again.exit_code == 0, again.stderr
    assert at.versions().items() >= world.after.items()
    back = doctored(at, world, "fix", "--rollback", "--yes", standin=standin)
    assert back.exit_code == 0, back.stdout + back.stderr
    assert digest(at.folder) == was
    assert beside(at) == []


VISION = WORLDS["torchvision of another torch"]


@pytest.mark.parametrize("installer", HOW)
def test_a_mirror_that_is_a_bare_folder(installer: str, tmp_path: Path, place: Place, standin: Path) -> None:
    """What the folder has not, and none of torch's, comes from the index of the user."""
    world = replace(VISION, own_index=True)
    at = world.made(tmp_path / "project" / ".venv", installer, place)
    was, others = digest(at.folder), outside(at)
    words = ("fix", "--index-base", place.index.flat, "--apply", "--yes", "--no-smoke")
    applied = doctored(at, world, *words, standin=standin)
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    assert at.versions().items() >= VISION.after.items()
    assert outside(at) == others
    assert doctored(at, VISION, "fix", "--rollback", "--yes", standin=standin).exit_code == 0
    assert digest(at.folder) == was


def test_what_is_for_a_person_changes_nothing(tmp_path: Path, place: Place, standin: Path) -> None:
    """A second torch by its record, as an interrupted upgrade leaves it: only its user knows which is meant."""
    world = World("2.9.1+cu128", "duplicate-torch-install")
    at = world.made(tmp_path / ".venv", "uv", place)
    copy = at.site / "torch-2.8.0+cu128.dist-info"
    shutil.copytree(at.one("torch-2.9.1*.dist-info"), copy)
    metadata = copy / "METADATA"
    text = metadata.read_text().replace("2.9.1+cu128", "2.8.0+cu128")
    metadata.unlink()
    metadata.write_text(text)
    was = digest(at.folder)
    said = doctored(at, world, "fix", "--index-base", place.index.base, "--apply", "--yes", standin=standin)
    assert said.exit_code == 2, said.stdout + said.stderr
    assert digest(at.folder) == was
    assert beside(at) == []


def test_a_copy_elsewhere_leaves_the_environment_as_it_is(tmp_path: Path, place: Place, standin: Path) -> None:
    at = VISION.made(tmp_path / "project" / ".venv", "uv", place)
    was = digest(at.folder)
    words = ("fix", "--index-base", place.index.base, "--apply", "--yes", "--no-smoke", "--into", str(tmp_path / "new"))
    said = doctored(at, VISION, *words, standin=standin)
    assert said.exit_code == 0, said.stdout + said.stderr
    assert digest(at.folder) == was
    assert beside(at) == []
    other = Environment(tmp_path / "new", "uv", place)
    assert other.versions().items() >= VISION.after.items()
    assert ran([str(other.folder / "bin" / "bystander")], at.variables).strip() == BYSTANDERS["bystander"]
    assert names_a_copy(other.folder) == []
    assert beside(other) == ["caches", "project"] or beside(other) == ["project"]
    ran([str(other.python), "-I", "-B", "-c", "import torch, torchvision"], at.variables)


BACKEND = """\
import os, zipfile

def get_requires_for_build_editable(settings=None):
    return []

def build_editable(folder, settings=None, metadata=None):
    wheel = "{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        info = "{name}-1.0.dist-info/"
        archive.writestr("__editable__.{name}.pth", os.getcwd() + os.sep + "code\\n")
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "entry_points.txt", "[console_scripts]\\n{name} = {name}:main\\n")
        archive.writestr(info + "RECORD", "")
    return wheel
"""

COMPILED = """\
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "compiled", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_compiled(void) { return PyModule_Create(&definition); }
"""


def project(folder: Path, name: str) -> Path:
    """A project with a backend of its own, so that nothing has to be downloaded to build it."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / f"{name}.py").write_text(f"def main():\n    print({name!r}, __file__)\n")
    (folder / "backend.py").write_text(BACKEND.format(name=name))
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return folder


def compile_into(at: Environment, folder: Path) -> None:
    """Compile an extension module, as `setup.py build_ext --inplace` and a copy by hand leave it: in no record."""
    include = sysconfig.get_paths()["include"]
    source = folder / "compiled.c"
    source.write_text(COMPILED)
    target = at.site / f"compiled{sysconfig.get_config_var('EXT_SUFFIX')}"
    try:
        ran([compiler(), "-shared", "-fPIC", f"-I{include}", "-o", str(target), str(source)], at.variables)
    except (CannotCompile, AssertionError) as reason:
        pytest.skip(f"no extension module can be compiled here: {reason}")


@pytest.mark.parametrize("installer", HOW)
def test_what_its_user_put_there_survives_and_runs(installer: str, tmp_path: Path, place: Place, standin: Path) -> None:
    at = VISION.made(tmp_path / "a project" / ".venv", installer, place)
    for folder, name in ((tmp_path / "elsewhere", "outer"), (at.folder / "src" / "inner", "inner")):
        at.install("cu128", "--no-build-isolation", "--no-deps", "-e", str(project(folder, name)))
    compile_into(at, tmp_path)
    (at.site / "byhand.py").write_text("print('by hand')\n")
    (at.folder / "mine").mkdir()
    (at.folder / "mine" / "onpath.py").write_text("print('on the path')\n")
    (at.site / "mine.pth").write_text(f"{at.folder}/mine\n")
    (at.folder / "latest").symlink_to(at.folder / "mine")
    (at.folder / "bin" / "tool").write_text(f"#!/bin/sh\nexec '{at.python}' -B -c 'import byhand'\n")
    (at.folder / "bin" / "tool").chmod(0o755)
    was, others = digest(at.folder), outside(at)
    assert {"outer", "inner"} <= others.keys()

    def runs() -> list[str]:
        environ = {**at.variables, "PYTHONDONTWRITEBYTECODE": "1"}
        said = [ran([str(at.folder / "bin" / name)], environ) for name in ("outer", "inner", "bystander", "tool")]
        return [*said, ran([str(at.python), "-c", "import byhand, onpath, compiled, torch; print(compiled)"], environ)]

    before = runs()
    words = ("fix", "--index-base", place.index.base, "--apply", "--yes", "--no-smoke")
    applied = doctored(at, VISION, *words, standin=standin)
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    assert at.versions().items() >= VISION.after.items()
    assert outside(at) == others
    assert runs() == before
    assert names_a_copy(at.folder) == []
    assert (at.folder / "latest").resolve() == at.folder / "mine"
    now = digest(at.folder)
    changed = {path for path in {*was, *now} if was.get(path) != now.get(path) and "torch" not in path}
    # Folders in which something of the set was changed have another time, and pip compiles what it runs.
    assert {path for path in changed if "__pycache__" not in path and was[path][2] != "folder"} <= set()
    assert doctored(at, VISION, "fix", "--rollback", "--yes", standin=standin).exit_code == 0
    assert digest(at.folder) == was
    assert runs() == before
