"""`envdoctor fix` on projects of uv, poetry and pdm behind a mirror that wants a login."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from fix_worlds import WORLDS, Wheels, digest
from mirror_secrets import PASSWORD, TOKEN, USER, WORD, shows_nothing, watched
from mirror_server import Mirror, mirroring
from project_worlds import INDEX, Project

from envdoctor.fix.freezing import freeze
from machines import SCENARIOS, Said, run_cli, standin_variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORLD = WORLDS["a driver too old for CUDA 13"]
WRONG, RIGHT = "2.15.0", "2.14.0+cu126"
MADE = {
    "uv": (("uv", "sync"),),
    "poetry": (("poetry", "env", "use", sys.executable), ("poetry", "lock"), ("poetry", "install")),
    "pdm": (("pdm", "venv", "create", "-w", "venv", sys.executable), ("pdm", "install")),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("wheels")
    wheels = Wheels(root)
    wheels.channel("cu130", ("2.15.0",), cuda="13.0", public=True)
    wheels.channel("cu126", ("2.14.0",), cuda="12.6")
    for name in ("nvidia*", "triton*"):
        for wheel in (root / "cu126").glob(name):
            shutil.copy(wheel, root / "simple")
    return root


@pytest.fixture
def mirror(folders: Path) -> Iterator[Mirror]:
    with mirroring(folders) as running:
        yield running


def made(tool: str, mirror: Mirror, path: Path) -> Project:
    for name in ("project", "home"):
        (path / name).mkdir()
    url = mirror.simple.removesuffix("/simple/")
    project = Project(tool, path / "project", path / "home", url)
    project.manifest.write_text(
        '[project]\nname = "p"\nversion = "0.1"\nrequires-python = ">=3.10,<4"\n'
        f'dependencies = ["torch>={WRONG}", "torchvision"]\n\n' + INDEX[tool].format(url=url)
    )
    for argv in MADE[tool]:
        project.run(argv, **({"UV_PYTHON": sys.executable} if tool == "uv" else {}))
    return project


def fixed(project: Project, mirror: Mirror, base: str, standin: Path) -> Said:
    python = str(project.environment() / "bin" / "python")
    played = standin_variables(SCENARIOS[WORLD.machine or ""])
    variables = {**project.variables, **played, "ENVDOCTOR_INDEX_BASE": base, "UV_DEFAULT_INDEX": mirror.simple}
    words = ["fix", "--python", python, "--apply", "--yes", "--no-smoke", "-v"]
    return run_cli(words, variables, standin=standin, cwd=project.folder)


@pytest.mark.parametrize(
    ("tool", "layout", "login"),
    [
        ("uv", "projects", PASSWORD),
        ("poetry", "projects", PASSWORD),
        pytest.param("uv", "flat", TOKEN, marks=pytest.mark.real),
        pytest.param("poetry", "projects", TOKEN, marks=pytest.mark.real),
        pytest.param("poetry", "flat", PASSWORD, marks=pytest.mark.real),
    ],
)
def test_a_login_reaches_the_manager_and_no_file(
    tool: str, layout: str, login: str, mirror: Mirror, tmp_path: Path, standin: Path
) -> None:
    project = made(tool, mirror, tmp_path)
    mirror.login = f"{USER}:{WORD}" if login == PASSWORD else f"{TOKEN}:"
    shown: list[str] = []
    with watched(shown):
        said = fixed(project, mirror, mirror.base(layout, login), standin)
    assert said.exit_code == 0, said.stdout + said.stderr
    assert freeze(str(project.environment()))["torch"] == RIGHT
    assert shown == []
    assert shows_nothing(said, project.folder)


def test_pdm_reads_a_login_from_netrc_alone(mirror: Mirror, tmp_path: Path, standin: Path) -> None:
    project = made("pdm", mirror, tmp_path)
    was, mirror.login = digest(project.folder), f"{USER}:{WORD}"
    said = fixed(project, mirror, mirror.base("projects", PASSWORD), standin)
    assert said.exit_code == 2, said.stdout + said.stderr
    assert "Refused: pdm is told the login" in " ".join(said.stdout.split())
    assert digest(project.folder) == was
    netrc = project.home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {WORD}\n")
    netrc.chmod(0o600)
    again = fixed(project, mirror, mirror.base("projects"), standin)
    assert again.exit_code == 0, again.stdout + again.stderr
    assert freeze(str(project.environment()))["torch"] == RIGHT
    assert shows_nothing(said, project.folder)
    assert shows_nothing(again, project.folder)
