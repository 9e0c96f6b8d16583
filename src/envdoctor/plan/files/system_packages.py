"""A library of the operating system that is not there: the package that brings it, by distribution.

RPM distributions and Alpine install by the name of the library itself, which every package there provides; Debian and
Ubuntu name most packages after it, and the table says which.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.plan import Applicability, Step

if TYPE_CHECKING:
    from envdoctor.model.machine import Machine

GLIB = "libglib2.0-0"

OF_DEBIAN = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libICE.so.6": "libice6",
    "libOpenGL.so.0": "libopengl0",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libatomic.so.1": "libatomic1",
    "libgfortran.so.5": "libgfortran5",
    "libglib-2.0.so.0": GLIB,
    "libgobject-2.0.so.0": GLIB,
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": GLIB,
    "libibverbs.so.1": "libibverbs1",
    "libnuma.so.1": "libnuma1",
    "libquadmath.so.0": "libquadmath0",
    "librdmacm.so.1": "librdmacm1",
    "libsndfile.so.1": "libsndfile1",
    "libstdc++.so.6": "libstdc++6",
    "libxcb.so.1": "libxcb1",
}
"""Library to package in Debian and Ubuntu. Source: the package lists of Debian 12 (`dpkg -S`, `apt-cache show`).

libaio is not among them: Ubuntu 24.04 and Debian 13 call the library itself libaio.so.1t64.
"""

RENAMED_64 = {GLIB: f"{GLIB}t64"}
"""Packages with another name since the change to 64-bit time. Source: the lists of Ubuntu 24.04 and of Debian sid."""
RENAMED_SINCE = {"ubuntu": 24, "debian": 13}

OF_ARCH = {"libGL.so.1": "libglvnd", "libEGL.so.1": "libglvnd", "libGLX.so.0": "libglvnd", "libOpenGL.so.0": "libglvnd"}
"""Source: the provides of libglvnd 1.7.0-3 in Arch Linux."""

OF_CONDA_FORGE = {"libGL.so.1": "libgl"}
"""Source: the package libgl 1.7.0 of conda-forge (Linux)."""

FAMILIES = {
    "debian": "apt", "ubuntu": "apt", "linuxmint": "apt", "pop": "apt", "raspbian": "apt", "kali": "apt",
    "fedora": "dnf", "rhel": "dnf", "centos": "dnf", "rocky": "dnf", "almalinux": "dnf", "ol": "dnf", "amzn": "dnf",
    "opensuse": "zypper", "opensuse-leap": "zypper", "opensuse-tumbleweed": "zypper", "sles": "zypper",
    "alpine": "apk", "arch": "pacman", "manjaro": "pacman",
}  # fmt: skip
"""The ID of os-release(5) to the program that installs packages."""

SEARCHES = {
    "apt": "`apt-file search {}`",
    "pacman": "`pacman -F {}`",
}
"""How to ask which package holds a library, where its name does not tell."""


def system_package(machine: Machine, libraries: tuple[str, ...], needer: str) -> Step:
    """Return the step that installs what brings libraries, for who administers the system or writes its Dockerfile."""
    program, packages, unknown = _packages(machine, libraries)
    argv = _command(program, packages) if program and packages else ()
    container = machine.told("host.kind") == "container"
    where = "; in a container put it into its Dockerfile" if container else "; an administrator has to do it"
    listed = " and ".join(libraries)
    why = f"installs what brings {listed}, which {needer} needs{where}"
    if not argv:
        why = f"install the package of this distribution that brings {listed}, which {needer} needs{where}"
    if unknown:
        search = SEARCHES.get(program or "", "the search of its package manager").format(unknown[0])
        why += f"; {search} names the package of {' and '.join(unknown)}"
    return Step("install-system-package", Applicability.MANUAL, why, argv)


def conda_package(machine: Machine, libraries: tuple[str, ...], prefix: str | None) -> Step | None:
    """Return the step that brings libraries from conda-forge into an environment of conda; None where it has none."""
    environment = machine.told("python.environment") or ""
    packages = tuple(dict.fromkeys(OF_CONDA_FORGE.get(name, "") for name in libraries))
    if not environment.startswith("conda") or machine.told("python.manager") == "pixi" or "" in packages:
        return None
    where = ("--prefix", prefix) if prefix else ()
    argv = ("conda", "install", *where, *(f"conda-forge::{name}" for name in packages))
    why = f"brings {' and '.join(libraries)} from conda-forge into this environment"
    return Step("install-with-conda", Applicability.UNSAFE, why, argv)


def is_of_system(library: str) -> bool:
    """Whether a library is one that distributions bring, and no Python package."""
    return library in OF_DEBIAN


def _packages(machine: Machine, libraries: tuple[str, ...]) -> tuple[str | None, tuple[str, ...], list[str]]:
    """Return the program, what to tell it, and the libraries whose package is not known."""
    name, _, version = (machine.told("host.version") or "").partition(" ")
    program = FAMILIES.get(name)
    safe = [library for library in libraries if re.fullmatch(r"[\w.+-]{1,100}", library)]
    if program in ("dnf", "zypper"):
        return program, tuple(f"{library}()(64bit)" for library in safe), []
    if program == "apk":
        return program, tuple(f"so:{library}" for library in safe), []
    table = {"apt": OF_DEBIAN, "pacman": OF_ARCH}.get(program or "", {})
    found = [table[library] for library in safe if library in table]
    if _renamed(name, version):
        found = [RENAMED_64.get(package, package) for package in found]
    return program, tuple(dict.fromkeys(found)), [library for library in safe if library not in table]


def _renamed(name: str, version: str) -> bool:
    """Whether a release has the names since the change to 64-bit time; one without a number is newer than all."""
    since = RENAMED_SINCE.get(name)
    major = version.partition(".")[0]
    return since is not None and (int(major) >= since if major.isdecimal() and len(major) < 4 else not version)


def _command(program: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    commands = {
        "apt": ("apt-get", "install"),
        "dnf": ("dnf", "install"),
        "zypper": ("zypper", "install"),
        "apk": ("apk", "add"),
        "pacman": ("pacman", "-S", "--needed"),
    }
    return (*commands[program], *packages)
