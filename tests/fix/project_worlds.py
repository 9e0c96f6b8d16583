"""Projects of uv, poetry and pdm that hold a wrong torch, made by the real tools from an index on 127.0.0.1."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fix_worlds import ran, write_wheel

from envdoctor.model.plan import Applicability, Step
from envdoctor.plan.installers import pdm, poetry, uv_project
from envdoctor.plan.installers.order import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
WRONG, RIGHT = "2.5.1", "2.5.1+cu118"
CHANNEL = "cu118"
PLANNED = {"uv": uv_project.commands, "poetry": poetry.commands, "pdm": pdm.commands}
OTHERS = ("alpha", "beta", "gamma", "by-hand", "filelock", "numpy")
"""Packages that no fix may touch: of an extra, of two groups, of nobody, and what the torch set requires."""

TORCH = '["torch>=2.5", "torchvision"]'
LAYOUTS = {
    "dependencies": (
        'dependencies = ["torch>=2.5", "torchvision", "numpy"]\n\n'
        '[project.optional-dependencies]\nx = ["alpha==1.0"]\n\n[dependency-groups]\ndev = ["beta"]\n'
    ),
    "group": f'dependencies = ["numpy"]\n\n[dependency-groups]\ngpu = {TORCH}\ndev = ["beta"]\n',
    "extra": f'dependencies = ["numpy"]\n\n[project.optional-dependencies]\ngpu = {TORCH}\nx = ["alpha==1.0"]\n\n'
    '[dependency-groups]\ndev = ["beta"]\n',
}
"""Where a project names torch."""

INDEX = {
    "uv": '[[tool.uv.index]]\nname = "main"\nurl = "{url}/simple/"\ndefault = true\n',
    "poetry": "[tool.poetry]\npackage-mode = false\n\n"
    '[[tool.poetry.source]]\nname = "main"\nurl = "{url}/simple/"\npriority = "primary"\n',
    "pdm": '[tool.pdm]\ndistribution = false\n\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{url}/simple/"\n',
}
BUILT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """\
import os
import zipfile

INFO = "p-0.1.dist-info"


def build_editable(folder, settings=None, metadata=None):
    name = "p-0.1-py3-none-any.whl"
    files = {
        "p.pth": os.getcwd(),
        f"{INFO}/METADATA": "Metadata-Version: 2.1\\nName: p\\nVersion: 0.1\\n",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{INFO}/RECORD", "".join(f"{path},,\\n" for path in (*files, f"{INFO}/RECORD")))
    with open(os.path.join(os.environ["HOME"], "built.txt"), "a") as log:
        log.write("once more\\n")
    return name


def build_wheel(folder, settings=None, metadata=None):
    return build_editable(folder)
"""
"""A project that is installed in its own environment, and tells in `~/built.txt` how often it was built."""

INSTALLED: dict[tuple[str, str], tuple[str, ...]] = {
    ("uv", "all"): ("uv", "sync", "--all-extras", "--all-groups"),
    ("uv", "few"): ("uv", "sync", "--no-dev"),
    ("uv", "group"): ("uv", "sync", "--no-dev", "--group", "gpu"),
    ("uv", "extra"): ("uv", "sync", "--no-dev", "--extra", "gpu"),
    ("poetry", "all"): ("poetry", "install", "--all-extras", "--all-groups"),
    ("poetry", "few"): ("poetry", "install", "--only", "main"),
    ("poetry", "group"): ("poetry", "install", "--without", "dev"),
    ("pdm", "all"): ("pdm", "sync", "-G:all"),
    ("pdm", "few"): ("pdm", "sync", "--prod"),
    ("pdm", "group"): ("pdm", "sync", "--no-default", "-G", "gpu"),
    ("pdm", "extra"): ("pdm", "sync", "--prod", "-G", "gpu"),
}
"""How the environment is made: with all that the project names, or with less."""


def write_wheels(root: Path) -> None:
    """Write the package index and the channel; the channel has newer copies of packages that nothing may bring in."""
    for folder, local, runtime in (("simple", "", "cu12"), (CHANNEL, f"+{CHANNEL}", "cu11")):
        needs = ("filelock", "triton==3.1.0", f"nvidia-cuda-runtime-{runtime}")
        write_wheel(root / folder, "torch", f"2.5.1{local}", {"torch/__init__.py": ""}, needs)
        needs = ("numpy", "torch==2.5.1")
        write_wheel(root / folder, "torchvision", f"0.20.1{local}", {"torchvision/__init__.py": ""}, needs)
        for name, version in (("triton", "3.1.0"), ("nvidia-cuda-runtime-cu12", "12.4.127")):
            write_wheel(root / folder, name, version, {})
        write_wheel(root / folder, "nvidia-cuda-runtime-cu11", "11.8.89", {})
    for name in OTHERS:
        write_wheel(root / "simple", name, "1.0", {f"{name.replace('-', '_')}.py": ""})
        write_wheel(root / CHANNEL, name, "9.0", {f"{name.replace('-', '_')}.py": ""})


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
    url: str
    inside: bool = False

    @property
    def manifest(self) -> Path:
        return self.folder / "pyproject.toml"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a user in whose home nothing was ever set, save the tool's folders."""
        path = os.pathsep.join(
            (str(Path(tool(self.tool)).parent), str(Path(sys.executable).parent), "/usr/bin", "/bin")
        )
        return {
            "PATH": path, "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home), "PIP_CONFIG_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1", "PIP_NO_INDEX": "1", "UV_NO_CACHE": "1", "UV_PYTHON_DOWNLOADS": "never",
            "POETRY_CONFIG_DIR": str(self.home), "POETRY_CACHE_DIR": str(self.home / "pypoetry"),
            "POETRY_DATA_DIR": str(self.home / "data"), "POETRY_KEYRING_ENABLED": "false",
            "POETRY_VIRTUALENVS_OPTIONS_NO_PIP": "true", "PDM_CONFIG_FILE": str(self.home / "pdm.toml"),
            "PDM_CACHE_DIR": str(self.home / "cache"), "PDM_CHECK_UPDATE": "false",
            "POETRY_VIRTUALENVS_IN_PROJECT": str(self.inside).lower(),
        }  # fmt: skip

    def run(self, argv: Sequence[str], **more: str) -> str:
        return ran([tool(argv[0]), *argv[1:]], {**self.variables, **more}, self.folder)

    def environment(self) -> Path:
        """The folder of the environment, as the tool tells; poetry's lie below the user's home."""
        if self.tool == "poetry":
            return Path(self.run(("poetry", "env", "info", "--path")).strip().splitlines()[-1])
        return self.folder / ".venv"

    def times_built(self) -> int:
        """How often the project itself was built, to be installed in its environment."""
        log = self.home / "built.txt"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def steps(self) -> tuple[Step, ...]:
        """The plan's steps to the right torch."""
        order = Order(
            python=str(self.environment() / "bin" / "python"),
            requirements=(f"torch=={RIGHT}", "torchvision==0.20.1+cu118"),
            index_url=f"{self.url}/whl/{CHANNEL}",
            project=str(self.folder),
        )
        return tuple(
            Step("install-wheels", Applicability.UNSAFE, "", command.argv, command.edit)
            for command in PLANNED[self.tool](order)
        )


def project_of(name: str, layout: str, installed: str, url: str, path: Path, *, inside: bool = False) -> Project:
    """Make a project, its environment, and one more package in it that somebody put there by hand.

    `inside` where poetry is told to make it in the project; uv and pdm do by themselves.
    """
    folder = path / "project"
    folder.mkdir()
    (path / "home").mkdir()
    made = Project(name, folder, path / "home", url, inside)
    head = '[project]\nname = "p"\nversion = "0.1"\nrequires-python = ">=3.10,<4"\n'
    text = f"{head}{LAYOUTS[layout]}\n{INDEX[name].format(url=url)}"
    if layout == "dependencies" and name != "poetry":
        (folder / "backend.py").write_text(BACKEND)
        text = f"{text.replace('distribution = false', 'distribution = true')}\n{BUILT}"
    made.manifest.write_text(text)
    if name == "poetry":
        made.run(("poetry", "env", "use", sys.executable))
        made.run(("poetry", "lock"))
    elif name == "pdm":
        made.run(("pdm", "venv", "create", "-w", "venv", sys.executable))
        made.run(("pdm", "lock", "-G:all"))
    more = {"UV_PYTHON": sys.executable} if name == "uv" else {}
    made.run(INSTALLED[name, installed], **more)
    python = str(made.environment() / "bin" / "python")
    uv = [tool("uv"), "pip", "install", "--python", python, "--no-config", "--index-url", f"{url}/simple/", "by-hand"]
    ran(uv, made.variables)
    return made


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder by its content; links by where they lead."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
