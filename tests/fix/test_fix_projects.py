"""`envdoctor fix` on projects of the real uv, poetry and pdm: manifest, lock file and environment together, or none.

Each project took the default torch, for CUDA 13, on a machine whose driver knows CUDA 12.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from fix_worlds import BYSTANDERS, WORLDS, Wheels, digest, serving
from project_worlds import INDEX, Project

from envdoctor.fix.freezing import freeze, outside, torch_set
from machines import SCENARIOS, Said, run_cli, standin_variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEXT = {"uv": ("uv", "sync", "--inexact"), "poetry": ("poetry", "install"), "pdm": ("pdm", "sync")}
"""What a user types next: it must not bring the wrong torch back."""


WORLD = WORLDS["a driver too old for CUDA 13"]
WRONG, RIGHT = "2.15.0", "2.14.0+cu126"
MADE = {
    "uv": (("uv", "sync"),),
    "poetry": (("poetry", "env", "use", sys.executable), ("poetry", "lock"), ("poetry", "install")),
    "pdm": (("pdm", "venv", "create", "-w", "venv", sys.executable), ("pdm", "install")),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("wheels")
    wheels = Wheels(root)
    wheels.channel("cu130", ("2.15.0",), cuda="13.0", public=True)
    wheels.channel("cu126", ("2.14.0",), cuda="12.6")
    for name in ("nvidia*", "triton*"):  # which the package index has for every torch
        for wheel in (root / "cu126").glob(name):
            shutil.copy(wheel, root / "simple")
    with serving(root) as index:
        yield index.url


def made(tool: str, url: str, path: Path) -> Project:
    for name in ("project", "home"):
        (path / name).mkdir()
    project = Project(tool, path / "project", path / "home", url)
    named = [f"torch>={WRONG}", "torchvision", *(f"{name}=={version}" for name, version in BYSTANDERS.items())]
    listed = "".join(f'    "{name}",  # as it is\n' for name in named)
    project.manifest.write_text(
        f'[project]\nname = "p"\nversion = "0.1"\nrequires-python = ">=3.10,<4"\ndependencies = [\n{listed}]\n\n'
        + INDEX[tool].format(url=url)
    )
    for argv in MADE[tool]:
        project.run(argv, **({"UV_PYTHON": sys.executable} if tool == "uv" else {}))
    return project


def state(project: Project) -> tuple[dict[str, tuple[int, int, str]], ...]:
    """Every file of the project and of its environment; the project's folder itself had others come and go."""
    files = digest(project.folder)
    del files["."]
    return files, digest(project.environment())


def fixed(project: Project, standin: Path, *words: str) -> Said:
    python = str(project.environment() / "bin" / "python")
    base = () if "--rollback" in words else ("--index-base", f"{project.url}/whl", "--no-smoke")
    variables = {**project.variables, **standin_variables(SCENARIOS[WORLD.machine or ""])}
    return run_cli(["fix", "--python", python, *base, *words], variables, standin=standin, cwd=project.folder)


@pytest.mark.parametrize("tool", ["uv", "poetry", "pdm"])
def test_a_project_is_repaired_with_its_manifest_and_comes_back_whole(
    tool: str, url: str, tmp_path: Path, standin: Path
) -> None:
    project = made(tool, url, tmp_path)
    environment = project.environment()
    before, was = freeze(str(environment)), state(project)
    assert before["torch"] == WRONG
    dry = fixed(project, standin)
    assert dry.exit_code == 0, dry.stderr
    assert f"torch=={RIGHT}" in dry.stdout
    assert "+++" in dry.stdout
    assert state(project) == was

    said = fixed(project, standin, "--apply", "--yes")
    assert said.exit_code == 0, said.stdout + said.stderr
    after = freeze(str(environment))
    assert after["torch"] == RIGHT
    assert outside(before, after, torch_set(str(environment)) | {name for name in before if "nvidia" in name}) == ()
    project.run(NEXT[tool])
    assert freeze(str(environment)) == after

    back = fixed(project, standin, "--rollback", "--yes")
    assert back.exit_code == 0, back.stdout + back.stderr
    assert state(project) == was
