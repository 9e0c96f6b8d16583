"""Real environments of real wheels, broken and repaired by the real command from a real index server, and put back.

The wheels are made again from the environments (`real_wheels.py`) and served by pypiserver; the fix runs its kernels.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from fix_worlds import Environment, Index, Place, World, beside, digest, doctored, names_a_copy, outside, serving
from real_wheels import copied, linked, real_environment, rebuilt, site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.real

CPU, CUDA = "ENVDOCTOR_TEST_CPU_ENV", "ENVDOCTOR_TEST_CUDA_ENV"
LARGE = ("nvidia", "triton", "torch", "pip")
"""Beginnings of what is served only where a repair needs it."""
NEEDED = ("nvidia_nccl_cu13", "nvidia_cudnn_cu13")
HOW = ("pip", "uv")


@dataclass(frozen=True)
class Broken:
    """A real environment that a variable names, what breaks it, what a check finds first, and whether torch imports."""

    variable: str
    rule: str
    broken_by: Callable[[Environment], None]
    imports: str = "import torch; torch.nn.Linear(1, 1)"


def gone(pattern: str) -> Callable[[Environment], None]:
    """Take away the file or folder that a pattern names."""

    def remove(at: Environment) -> None:
        path = at.one(pattern)
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    return remove


def cut(pattern: str, size: int) -> Callable[[Environment], None]:
    """Leave the first bytes of a file, as a new one: it may be a link to the real one."""

    def truncate(at: Environment) -> None:
        path = at.one(pattern)
        with path.open("rb") as file:
            start = file.read(size)
        path.unlink()
        path.write_bytes(start)

    return truncate


def uninstalled(*patterns: str) -> Callable[[Environment], None]:
    """Take away a distribution by what it holds: the files of a linked environment are not an uninstaller's."""

    def remove(at: Environment) -> None:
        for pattern in patterns:
            gone(pattern)(at)

    return remove


def other(requirement: str) -> Callable[[Environment], None]:
    """Install another release from the user's own package index, without what it requires."""

    def install(at: Environment) -> None:
        argv = [at.python, "-m", "pip", "install", "--disable-pip-version-check", "-qq", "--no-deps", requirement]
        subprocess.run(argv, check=True)

    return install


BROKEN = {
    "libtorch_cpu.so cut short": Broken(CPU, "package-files-damaged", cut("torch/lib/libtorch_cpu.so", 1_000_000)),
    "libc10.so gone": Broken(CPU, "package-files-damaged", gone("torch/lib/libc10.so")),
    "torch/nn gone": Broken(CPU, "package-files-damaged", gone("torch/nn")),
    "torch/_tensor.py gone": Broken(CPU, "package-files-damaged", gone("torch/_tensor.py")),
    "the extension of torch gone": Broken(CPU, "package-files-damaged", gone("torch/_C.*.so")),
    "libcudnn.so.9 gone": Broken(CUDA, "package-files-damaged", gone("nvidia/cudnn/lib/libcudnn.so.9")),
    "cuDNN uninstalled": Broken(
        CUDA, "shared-library-missing", uninstalled("nvidia/cudnn", "nvidia_cudnn_cu13-*.dist-info")
    ),
    "NCCL cut short": Broken(CUDA, "package-files-damaged", cut("nvidia/nccl/lib/libnccl.so.2", 4096)),
    "half a CUDA torch": Broken(CUDA, "package-files-damaged", uninstalled("torch/nn", "torch/lib/libc10.so")),
    "torchvision of another torch": Broken(
        CUDA, "torch-torchvision-mismatch", other("torchvision==0.27.1"), "import torch, torchvision"
    ),
}


@pytest.fixture(scope="session")
def real_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """An index of the wheels that the repairs need; some gigabytes, gone with the session."""
    root = tmp_path_factory.mktemp("real")
    cpu, cuda = real_environment(CPU), real_environment(CUDA)
    for environment, channel, local in ((cpu, "cpu", ""), (cuda, "cu130", "+cu130")):
        rebuilt(environment, "torch", root / "whl" / channel, local=local)
    rebuilt(cuda, "torchvision", root / "whl" / "cu130", local="+cu130")
    for environment, channel in ((cpu, "cpu"), (cuda, "cu130")):
        for info in site_of(environment).glob("*.dist-info"):
            name = info.name.partition("-")[0]
            if name in NEEDED or not name.startswith(LARGE):
                rebuilt(environment, name, root / "whl" / channel)
    with serving(root / "whl") as index:
        yield index
    shutil.rmtree(root)


def said_by(at: Environment, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [at.python, "-I", "-B", "-c", code], capture_output=True, text=True, check=False, env=at.variables, cwd="/"
    )


@pytest.mark.parametrize("installer", HOW)
@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in BROKEN.items()])
def test_a_real_environment_is_repaired_and_put_back(
    broken: Broken, installer: str, tmp_path: Path, real_index: Index
) -> None:
    real = real_environment(broken.variable)
    at = Environment(tmp_path / "project" / ".venv", installer, Place(real_index, tmp_path / "caches"))
    at.folder.parent.mkdir()
    (copied if broken.variable == CPU else linked)(real, at.folder)
    assert said_by(at, broken.imports).returncode == 0
    broken.broken_by(at)
    assert said_by(at, broken.imports).returncode != 0
    was, others, world = digest(at.folder), outside(at), World("", broken.rule)
    found = doctored(at, world, "check", "--format", "json", standin=tmp_path).json()
    assert found["findings"][0]["rule"] == broken.rule

    words = ("fix", "--index-base", real_index.base, "--apply", "--yes", "--installer", installer)
    applied = doctored(at, world, *words, standin=tmp_path, limit=900)
    assert applied.exit_code == 0, applied.stdout + applied.stderr
    assert "kernels are right" in applied.stdout
    after = doctored(at, world, "check", "--format", "json", standin=tmp_path)
    assert (after.exit_code, after.json()["verdict"]) == (0, "healthy")
    imported = said_by(at, broken.imports)
    assert imported.returncode == 0, imported.stderr
    assert outside(at) == others
    assert names_a_copy(at.folder) == []

    back = doctored(at, world, "fix", "--rollback", "--yes", standin=tmp_path)
    assert back.exit_code == 0, back.stdout + back.stderr
    assert digest(at.folder) == was
    assert beside(at) == []
    shutil.rmtree(at.folder)
    shutil.rmtree(tmp_path / "caches", ignore_errors=True)
