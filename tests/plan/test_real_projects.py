"""The planned commands of uv, poetry and pdm, carried out by the real tools in projects that hold a wrong torch.

Each tool resolves, installs and locks against an index on 127.0.0.1; nothing else is reachable by its configuration.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loopback_index import NEW_NUMPY, OLD_LOCK, OLD_NUMPY, served, write_indexes

from machines import SCENARIOS, run_cli, standin_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
S1 = SCENARIOS["S1"]

PYPROJECT = """\
[project]
name = "p"
version = "0.1"
requires-python = ">=3.10,<4"
dependencies = ["torch>=2.5", "torchvision", "numpy"]

"""
SOURCES = {
    "uv": '[[tool.uv.index]]\nname = "main"\nurl = "{url}/simple"\ndefault = true\n',
    "poetry": "[tool.poetry]\npackage-mode = false\n\n"
    '[[tool.poetry.source]]\nname = "main"\nurl = "{url}/simple"\npriority = "primary"\n',
    "pdm": '[tool.pdm]\ndistribution = false\n\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{url}/simple"\n',
}
"""How a project of each tool names the default index."""


def tool(name: str) -> str:
    """The program: beside this interpreter, where `make test` puts it, or on PATH."""
    places = (Path(sys.executable).parent, ROOT / ".venvs" / name / "bin")
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"no {name}: make test sets it up")
    return found


@dataclass(frozen=True)
class Project:
    """A project of one tool; every command runs with an empty home and no configuration of this machine."""

    tool: str
    folder: Path
    home: Path

    @property
    def site(self) -> Path:
        return next((self.folder / ".venv" / "lib").glob("python3*")) / "site-packages"

    def run(self, *argv: str) -> str:
        program = tool(argv[0])
        environment = {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin")),
            "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home), "PIP_CONFIG_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1", "PIP_NO_INDEX": "1",
            "UV_NO_CACHE": "1", "UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never",
            "POETRY_CONFIG_DIR": str(self.home), "POETRY_CACHE_DIR": str(self.home / "cache"),
            "POETRY_DATA_DIR": str(self.home / "data"), "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_KEYRING_ENABLED": "false", "POETRY_VIRTUALENVS_OPTIONS_NO_PIP": "true",
            "PDM_CONFIG_FILE": str(self.home / "pdm.toml"), "PDM_CACHE_DIR": str(self.home / "cache"),
            "PDM_CHECK_UPDATE": "false",
        }  # fmt: skip
        done = subprocess.run(
            [program, *argv[1:]], env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def installed(self) -> dict[str, str]:
        names = (path.name.removesuffix(".dist-info") for path in self.site.glob("*.dist-info"))
        return {name.rpartition("-")[0]: name.rpartition("-")[2] for name in names}

    def carry_out(self, steps: Sequence[dict[str, Any]]) -> None:
        """Put each step's text into its file, as a person would, and run its command."""
        for step in steps:
            if step["edit"]:
                file = self.folder / step["edit"]["file"]
                file.write_text(f"{file.read_text()}\n{step['edit']['text']}")
            self.run(*step["argv"])


SET_UP: dict[str, tuple[tuple[str, ...], ...]] = {
    "uv": (("uv", "sync"),),
    "poetry": (("poetry", "env", "use", sys.executable), ("poetry", "lock"), ("poetry", "install")),
    "pdm": (("pdm", "venv", "create", "-w", "venv", sys.executable), ("pdm", "install")),
}
KEEP: dict[str, tuple[tuple[str, ...], ...]] = {
    "uv": (("uv", "sync"), ("uv", "lock", "--check"), ("uv", "lock", "--upgrade"), ("uv", "sync")),
    "poetry": (("poetry", "check", "--lock"), ("poetry", "update")),
    "pdm": (("pdm", "sync"), ("pdm", "lock", "--check"), ("pdm", "update")),
}
"""What a user types next: none of it may bring the wrong torch back, or anything else from the channel's index."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("indexes")
    write_indexes(folder)
    with served(folder) as address:
        yield address


def project_of(name: str, url: str, path: Path) -> Project:
    folder = path / "project"
    folder.mkdir()
    (path / "home").mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT + SOURCES[name].format(url=url))
    made = Project(name, folder, path / "home")
    for argv in SET_UP[name]:
        made.run(*argv)
    return made


def planned(project: Project, url: str, standin: Path, base: str = "whl") -> dict[str, Any]:
    python = str(project.folder / ".venv" / "bin" / "python")
    words = ["plan", "--python", python, "--index-base", f"{url}/{base}", "--format", "json"]
    said = run_cli(words, standin_variables(S1), standin=standin)
    assert said.exit_code == 0, said.stderr
    plan: dict[str, Any] = said.json()
    return plan


LAYOUTS = [
    *(("uv", "whl"), ("poetry", "whl"), ("pdm", "whl")),
    *(("uv", "flat"), ("pdm", "flat"), ("uv", "page"), ("poetry", "page"), ("pdm", "page")),
]
"""Tools and mirrors: a page a project, a folder a channel, one page for all. poetry reads no folder."""


@pytest.mark.parametrize(("name", "base"), LAYOUTS)
def test_a_project_gets_the_right_torch_and_keeps_it(
    name: str, base: str, url: str, standin: Path, tmp_path: Path
) -> None:
    project = project_of(name, url, tmp_path)
    before = project.installed()
    assert (before["torch"], before["torchvision"]) == ("2.5.1", "0.20.1")

    plan = planned(project, url, standin, base)
    assert plan["target"]["channel"] == "cu118"
    assert {step["argv"][0] for step in plan["steps"]} == {name}
    assert {step["applicability"] for step in plan["steps"]} == {"unsafe"}
    project.carry_out(plan["steps"])
    right = {"torch": "2.5.1+cu118", "torchvision": "0.20.1+cu118", "nvidia_cuda_runtime_cu11": "11.8.89"}
    kept = {"numpy": OLD_NUMPY, "filelock": OLD_LOCK, "triton": "3.1.0"}
    assert project.installed().items() >= {**right, **kept}.items()

    for argv in KEEP[name]:
        project.run(*argv)
    assert project.installed().items() >= {**right, **kept}.items()
    assert planned(project, url, standin, base)["status"] == "nothing-to-do"


def test_why_the_index_of_uv_is_explicit_before_uv_add(url: str, tmp_path: Path) -> None:
    """The one-line form of uv's own documentation takes unrelated packages from the PyTorch index."""
    project = project_of("uv", url, tmp_path)
    project.run("uv", "add", "--index", f"pytorch-cu118={url}/whl/cu118", "torch==2.5.1+cu118")
    assert project.installed()["torch"] == "2.5.1+cu118"
    assert project.installed()["filelock"] != OLD_LOCK


def test_why_the_source_of_pdm_excludes_everything_else(url: str, tmp_path: Path) -> None:
    project = project_of("pdm", url, tmp_path)
    file = project.folder / "pyproject.toml"
    source = f'\n[[tool.pdm.source]]\nname = "a"\nurl = "{url}/whl/cu118"\ninclude_packages = ["torch"]\n'
    file.write_text(file.read_text() + source)
    project.run("pdm", "add", "torch==2.5.1+cu118")
    assert NEW_NUMPY in project.run("pdm", "update", "--dry-run")


def test_without_the_local_version_the_wrong_build_stays(url: str, tmp_path: Path) -> None:
    project = project_of("poetry", url, tmp_path)
    project.run("poetry", "add", "torch==2.5.1")
    assert project.installed()["torch"] == "2.5.1"
