"""Broken environments for `envdoctor fix`, made by the real pip and uv from the tiny wheels of a real index server."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tiny_index import BYSTANDERS, CHANNELS, Index, Wheels, serving, write_wheel

from machines import SCENARIOS, Said, run_cli, standin_variables
from standin.command import CHECKOUT, is_installed
from standin.wheels import RELEASES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "BYSTANDERS", "CHANNELS", "UV", "WORLDS", "Environment", "Index", "Place", "Wheels", "World", "arguments", "bare",
    "begun", "beside", "digest", "doctored", "names_a_copy", "outside", "ran", "serving", "started", "truncate",
    "write_wheel",
]  # fmt: skip

UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


class Place(NamedTuple):
    """Where wheels come from: the index, and the folder of the installers' caches."""

    index: Index
    cache: Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and how its installer is called."""

    folder: Path
    installer: str
    place: Place

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        return next((self.folder / "lib").glob("python3*")) / "site-packages"

    def install(self, channel: str, *words: str) -> None:
        """Install as its user would: the real installer, with the channel as its only index."""
        index = ("--index-url", f"{self.place.index.base}/{channel}")
        if self.installer == "uv":
            argv = [str(UV), "pip", "install", "--python", str(self.python), *index, *words]
        else:
            argv = [str(self.python), "-m", "pip", "install", *index, *words]
        ran(argv, self.variables)

    def remove(self, name: str) -> None:
        """Uninstall a package."""
        if self.installer == "uv":
            ran([str(UV), "pip", "uninstall", "--python", str(self.python), name], self.variables)
        else:
            ran([str(self.python), "-m", "pip", "uninstall", "--yes", name], self.variables)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of whatever installs: no configuration of this machine, the caches of the test."""
        kept = {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}
        path = f"{Path(str(UV)).parent}{os.pathsep}{os.environ['PATH']}" if UV else os.environ["PATH"]
        return kept | {
            "PATH": path, "HOME": str(self.place.cache), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CACHE_DIR": str(self.place.cache / "pip"),
            "UV_CACHE_DIR": str(self.place.cache / "uv"), "UV_PYTHON_DOWNLOADS": "never",
        }  # fmt: skip

    def one(self, pattern: str) -> Path:
        """The first file or folder of the packages that a pattern names."""
        return min(self.site.glob(pattern))

    def versions(self) -> dict[str, str]:
        """What is installed, by the names of the dist-info folders."""
        found = {}
        for info in self.site.glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            found[name.replace("_", "-").lower()] = version
        return found


def bare(folder: Path, installer: str, place: Place) -> Environment:
    """Make an environment of uv, or one of venv with the pip that this interpreter has (ensurepip takes seconds)."""
    at = Environment(folder, installer, place)
    if installer == "uv":
        if UV is None:
            pytest.skip("no uv on this machine")
        ran([UV, "venv", "-q", "--python", sys.executable, str(folder)], at.variables)
        return at
    ran([sys.executable, "-m", "venv", "--without-pip", str(folder)], at.variables)
    try:
        own = metadata.distribution("pip")
    except metadata.PackageNotFoundError:
        pytest.skip("the interpreter of the tests has no pip to lend")
    info = Path(str(own.locate_file(f"pip-{own.version}.dist-info")))
    for part in (info, Path(str(own.locate_file("pip")))):
        shutil.copytree(part, at.site / part.name)
    return at


def ran(argv: Sequence[str], environ: Mapping[str, str], cwd: str | Path = "/") -> str:
    """Run a command that has to succeed, and return what it said."""
    done = subprocess.run(list(argv), capture_output=True, text=True, check=False, env=dict(environ), cwd=cwd)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def begun(at: Environment, *words: str, **env: str) -> subprocess.Popen[str]:
    """Start `envdoctor WORDS` on an environment, to be met by a signal."""
    return started(at, [sys.executable, "-m", "envdoctor"], *words, **env)


def started(
    at: Environment, program: Sequence[str], *words: str, stdin: int = subprocess.DEVNULL, **env: str
) -> subprocess.Popen[str]:
    """Start a program with the words of a command line about an environment, in a process group of its own."""
    variables = {"NO_COLOR": "1", "COLUMNS": "80", "LC_ALL": "C.UTF-8", **at.variables, **env}
    if not is_installed():
        variables["PYTHONPATH"] = str(CHECKOUT / "src")
    return subprocess.Popen(
        [*program, *arguments(at, *words)],
        env=variables,
        cwd="/",
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def truncate(path: Path, size: int = 100) -> None:
    """Put the first bytes of a file in its place: as a new file, for uv's are those of its cache."""
    content = path.read_bytes()[:size]
    path.unlink()
    path.write_bytes(content)


def _half_gone(at: Environment) -> None:
    """An uninstaller that was stopped: the package's folder is gone, its record is not."""
    shutil.rmtree(at.site / "torch" / "nn")
    (at.site / "torch" / "_tensor.py").unlink()


@dataclass(frozen=True)
class World:
    """A broken environment: the set that is installed, what is done to it, the machine, and what a check finds first.

    `machine` names a scenario whose driver and GPUs the stand-in plays, None for a machine without either.
    `after` is what the repaired environment holds of the set, as far as it matters. `own_index` says that the plan
    names no index, so that the user's own is asked.
    """

    torch: str
    rule: str
    broken_by: Callable[[Environment], None] = lambda at: None
    partners: tuple[str, ...] = ("torchvision",)
    machine: str | None = None
    after: Mapping[str, str] = field(default_factory=dict)
    own_index: bool = False

    @property
    def channel(self) -> str:
        return self.torch.partition("+")[2]

    def made(self, folder: Path, installer: str, place: Place) -> Environment:
        """Make it by the real installer; skips the test where there is none."""
        at = bare(folder, installer, place)
        release = self.torch.partition("+")[0]
        known = RELEASES[release]
        versions = {"torchvision": known.torchvision, "torchaudio": known.torchaudio}
        wanted = [f"torch=={self.torch}", *(f"{name}=={versions[name]}+{self.channel}" for name in self.partners)]
        wanted += [f"{name}=={version}" for name, version in BYSTANDERS.items()]
        at.install(self.channel, *wanted)
        self.broken_by(at)
        return at

    def variables(self, index: Index) -> dict[str, str]:
        """The variables by which the stand-in plays the machine, and those of a user's own index."""
        own = f"{index.url}/simple/"
        asked = {"PIP_INDEX_URL": own, "UV_DEFAULT_INDEX": own} if self.own_index else {}
        return asked | (standin_variables(SCENARIOS[self.machine]) if self.machine else {})


WORLDS = {
    "torchvision of another torch": World(
        "2.9.1+cu128",
        "torch-torchvision-mismatch",
        lambda at: at.install("cu128", "--no-deps", "torchvision==0.23.0+cu128"),
        after={"torch": "2.9.1+cu128", "torchvision": "0.24.1+cu128"},
    ),
    "torchaudio of another torch": World(
        "2.9.1+cu128",
        "torch-torchaudio-mismatch",
        lambda at: at.install("cu128", "--no-deps", "torchaudio==2.8.0+cu128"),
        partners=("torchvision", "torchaudio"),
        after={"torch": "2.9.1+cu128", "torchaudio": "2.9.1+cu128"},
    ),
    "a library of torch cut short": World(
        "2.9.1+cu128",
        "package-files-damaged",
        lambda at: truncate(at.site / "torch/lib/libtorch_cuda.so"),
        after={"torch": "2.9.1+cu128"},
    ),
    "half of torch uninstalled": World(
        "2.9.1+cu128", "package-files-damaged", _half_gone, after={"torch": "2.9.1+cu128"}
    ),
    "a CUDA library deleted": World(
        "2.9.1+cu128",
        "package-files-damaged",
        lambda at: at.one("nvidia/cuda_runtime/lib/libcudart.so*").unlink(),
        after={"torch": "2.9.1+cu128"},
    ),
    "a CUDA library uninstalled": World(
        "2.9.1+cu128",
        "shared-library-missing",
        lambda at: at.remove("nvidia-cuda-runtime-cu12"),
        after={"nvidia-cuda-runtime-cu12": "12.8.90"},
    ),
    "a pinned cuDNN replaced": World(
        "2.9.1+cu128",
        "cuda-package-pin-broken",
        lambda at: at.install("cu124", "--no-deps", "nvidia-cudnn-cu12==9.1.0.70"),
        after={"nvidia-cudnn-cu12": "9.10.2.21"},
    ),
    "two CUDA majors in one environment": World(
        "2.14.1+cu130", "mixed-cu-packages", lambda at: at.install("cu128", "--no-deps", "nvidia-cudnn-cu12==9.10.2.21")
    ),
    "NumPy 2 with an old torch": World(
        "2.1.2+cu121",
        "numpy2-abi",
        lambda at: at.install("cu121", "--no-deps", "numpy==2.9.9"),
        partners=(),
        after={"torch": "2.1.2+cu121", "numpy": "1.26.4"},
        own_index=True,
    ),
    "triton of another torch": World(
        "2.9.1+cu128",
        "triton-mismatch",
        lambda at: at.install("cu128", "--no-deps", "triton==3.4.0"),
        after={"triton": "3.5.1"},
    ),
    "a build for the CPU beside a GPU": World(
        "2.13.0+cpu", "cpu-only-build", machine="S6", after={"torch": "2.13.0+cu130", "torchvision": "0.28.0+cu130"}
    ),
    "a build without this GPU": World(
        "2.5.1+cu124",
        "gpu-arch-not-in-wheel",
        machine="S2c",
        after={"torch": "2.10.0+cu128", "torchvision": "0.25.0+cu128"},
    ),
    "a build that dropped this GPU": World(
        "2.9.1+cu128", "gpu-arch-dropped", machine="S4", after={"torch": "2.9.1+cu126", "torchvision": "0.24.1+cu126"}
    ),
    "a driver too old for CUDA 12": World(
        "2.5.1+cu124",
        "driver-too-old",
        machine="S1",
        # 2.6.0 is the first with wheels of Python 3.13 for CUDA 11.8.
        after={"torch": "2.5.1+cu118", "torchvision": "0.20.1+cu118"}
        if sys.version_info < (3, 13)
        else {"torch": "2.6.0+cu118", "torchvision": "0.21.0+cu118"},
    ),
    "a driver too old for CUDA 13": World(
        "2.14.0+cu130", "driver-too-old", machine="S10", after={"torch": "2.14.0+cu126"}
    ),
}


def arguments(at: Environment, *words: str) -> list[str]:
    """The words of a command line of envdoctor about an environment."""
    return [words[0], "--python", str(at.python), *words[1:]]


def doctored(
    at: Environment, world: World, *words: str, standin: Path, env: Mapping[str, str] | None = None, limit: float = 120
) -> Said:
    """Run `envdoctor WORDS` on an environment, on the machine of its world."""
    said = run_cli(
        arguments(at, *words),
        {**at.variables, **world.variables(at.place.index), **(env or {})},
        standin=standin if world.machine else None,
        limit=limit,
    )
    assert not said.shows_traceback, said.stderr
    return said


OF_THE_SET = ("torch", "triton", "nvidia-")
"""Beginnings of the names of the torch set."""


def outside(at: Environment) -> dict[str, str]:
    """What is installed and not of the torch set."""
    return {name: version for name, version in at.versions().items() if not name.startswith(OF_THE_SET)}


def names_a_copy(folder: Path) -> list[str]:
    """Files and links below a folder that name the place where a copy of it was repaired."""
    found = []
    for place, folders, files in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *files)):
            if path.suffix == ".pyc":  # which gets its own path again when it is loaded
                continue
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            if b".envdoctor/new" in content:
                found.append(str(path.relative_to(folder)))
    return found


def beside(at: Environment) -> list[str]:
    """What lies beside the environment: the folder of a fix, or nothing."""
    return sorted(path.name for path in at.folder.parent.iterdir() if path != at.folder)


def digest(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Every path below a folder, itself included: its mode, time in nanoseconds and content or where it links to."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            path = os.path.join(place, name)
            if name == "." and place != str(folder):
                continue
            told = os.lstat(path)
            if os.path.islink(path):
                content = f"-> {os.readlink(path)}"
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            else:
                content = "folder"
            found[os.path.relpath(path, folder)] = (told.st_mode, told.st_mtime_ns, content)
    return found
