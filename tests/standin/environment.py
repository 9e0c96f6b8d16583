"""Writes Python environments in which packages look installed, down to dist-info, and cannot be imported.

Whatever imports one of them ends with `SystemExit`: nothing of ours may (ADR 0001).
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from standin.wheels import UNKNOWN_GIT, Build, partner_requires, take_apart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PARTNER = "partner"
"""Stands for the version that was released together with the torch in question."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment on disk."""

    prefix: Path
    python: Path
    site_packages: Path


def make_environment(
    path: Path,
    torch: str | None = "2.9.1+cu128",
    *,
    from_pypi: bool | None = None,
    cuda: str | None = None,
    torchvision: str | None = PARTNER,
    torchaudio: str | None = None,
    triton: str | None = PARTNER,
    nvidia: Mapping[str, str] | None = None,
    others: Mapping[str, str] | None = None,
    pip: bool = True,
) -> Environment:
    """Make a virtual environment at `path` with stub packages in it; `torch=None` leaves all of them out.

    `torch` is the version `torch/version.py` states. `from_pypi` says whether the distribution carries the
    bare release, as wheels of the public index do, or the local version too, as those of the PyTorch index;
    by default the former for the default build of a known release. `cuda` overrides what the local version
    says. A partner is a version, `PARTNER` or None; `nvidia` overrides the CUDA library distributions,
    `others` adds distributions without files, name to version.
    """
    environment = _virtual_environment(path)
    if pip:
        install(environment, "pip", "25.2", files={"pip/__init__.py": '__version__ = "25.2"\n'})
    build = take_apart(torch) if torch else None
    if build:
        _install_torch(environment, build, cuda or build.cuda, from_pypi)
        local = f"+{build.local}" if build.channel else ""
        vision, audio, compiler = (
            partner_of(build, name, asked)
            for name, asked in (("torchvision", torchvision), ("torchaudio", torchaudio), ("triton", triton))
        )
        if vision:
            _install_partner(environment, "torchvision", vision, local, build, from_pypi)
        if audio:
            _install_partner(environment, "torchaudio", audio, local, build, from_pypi)
        if compiler and build.cuda:
            install(environment, "triton", compiler, files={"triton/__init__.py": _trap("triton")})
    for name, version in (nvidia if nvidia is not None else build.nvidia_packages if build else {}).items():
        install(environment, name, version)
    for name, version in (others or {}).items():
        install(environment, name, version)
    return environment


def install(
    environment: Environment,
    name: str,
    version: str,
    *,
    files: Mapping[str, str] | None = None,
    requires: Sequence[str] = (),
    installer: str = "pip",
) -> Path:
    """Write one distribution with `files` (path in site-packages to text), METADATA, WHEEL and RECORD.

    Returns its dist-info folder.
    """
    site = environment.site_packages
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    requirements = "".join(f"Requires-Dist: {line}\n" for line in requires)
    written = {
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{requirements}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: stub\nRoot-Is-Purelib: false\nTag: py3-none-any\n",
        f"{info}/INSTALLER": f"{installer}\n",
    }
    record = ""
    for path, text in written.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    (site / info / "RECORD").write_text(f"{record}{info}/RECORD,,\n", encoding="utf-8")
    return site / info


def torch_version_file(version: str, cuda: str | None, git: str, hip: str | None = None) -> str:
    """The text of `torch/version.py` as the release in question writes it (tools/generate_torch_version.py).

    `xpu` joined the names about 2.6 and `rocm` later, seen in 2.13: a reader must not count on either.
    """
    release = tuple(int(part) for part in version.partition("+")[0].split(".")[:2] if part.isdigit())
    names = ["hip"] if release < (2, 6) else ["hip", "xpu"] if release < (2, 12) else ["hip", "rocm", "xpu"]
    values = {"hip": hip}
    stated = "".join(f"{name}: Optional[str] = {values.get(name)!r}\n" for name in names)
    listed = ["__version__", "debug", "cuda", "git_version", *names]
    return (
        f"from typing import Optional\n\n__all__ = {listed!r}\n__version__ = {version!r}\ndebug = False\n"
        f"cuda: Optional[str] = {cuda!r}\ngit_version = {git!r}\n{stated}"
    )


def _virtual_environment(path: Path) -> Environment:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return Environment(path, path / "bin" / "python", path / "lib" / version / "site-packages")


def _trap(package: str) -> str:
    return f'raise SystemExit("{package} was imported")\n'


def partner_of(build: Build, name: str, asked: str | None) -> str | None:
    """The version asked for, or for `PARTNER` that of the release; None where there is none."""
    if asked != PARTNER:
        return asked
    row = build.known
    return {"torchvision": row.torchvision, "torchaudio": row.torchaudio, "triton": row.triton}[name] if row else None


def has_public_version(build: Build, stated: bool | None) -> bool:
    """Whether the distribution carries the bare release; by default for the default build of the release."""
    return stated if stated is not None else bool(build.known and build.known.default == build.local)


def _install_torch(environment: Environment, build: Build, cuda: str | None, from_pypi: bool | None) -> None:
    version = f"{build.release}+{build.local}" if build.local else build.release
    git = build.known.git if build.known else UNKNOWN_GIT
    install(
        environment,
        "torch",
        build.release if has_public_version(build, from_pypi) else version,
        requires=build.requires,
        files={
            "torch/__init__.py": _trap("torch"),
            "torch/version.py": torch_version_file(version, cuda, git),
            "torchgen/__init__.py": _trap("torchgen"),
        },
    )


def _install_partner(
    environment: Environment, name: str, version: str, local: str, build: Build, from_pypi: bool | None
) -> None:
    """A partner's version.py states the local version too; only torchvision's goes on with an import."""
    public, _, own = version.partition("+")
    full = version if own else public + local
    asks = "from torchvision.extension import _check_cuda_version\nif _check_cuda_version() > 0:\n"
    tail = f"{asks}    cuda = _check_cuda_version()\n" if name == "torchvision" else ""
    install(
        environment,
        name,
        public if has_public_version(build, from_pypi) and not own else full,
        requires=partner_requires(name, public),
        files={
            f"{name}/__init__.py": _trap(name),
            f"{name}/version.py": f"__version__ = {full!r}\ngit_version = {UNKNOWN_GIT!r}\n{tail}",
        },
    )
