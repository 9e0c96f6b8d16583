"""The C++ compiler that a build of a torch extension would take."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Absent, Fact, Known
from envdoctor.probes.symlinks import resolved

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "compiler.path": "the C++ compiler a build would take: CXX, else c++, g++ or clang++ on PATH (cl on Windows)",
    "compiler.version": "its version, where the name of a file or folder tells; it is never run",
}

LAUNCHERS = frozenset({"ccache", "sccache", "distcc", "icecc", "env"})
"""What may stand before the compiler in CXX."""

# torch/utils/cpp_extension.py, get_cxx_compiler: CXX, else c++ (cl on Windows); distutils knows the others.
NAMES = ("c++", "g++", "clang++")

GCC_LIBRARIES = "/usr/lib/gcc"
_IN_NAME = r"(?:.*-)?(?:g\+\+|gcc|clang\+\+|clang|c\+\+|icpx)-(\d{1,3}(?:\.\d{1,3}){0,2})(?:\.exe)?"
# /usr/lib/llvm-14/bin/clang; ...\VC\Tools\MSVC\14.38.33130\bin\Hostx64\x64\cl.exe
_IN_FOLDER = r"(?i)[/\\](?:llvm-|MSVC[/\\])(\d{1,3}(?:\.\d{1,6}){0,2})[/\\]"
_VERSION = r"\d{1,3}(?:\.\d{1,3}){0,2}"


def look(at: Looking) -> Facts:
    """Find it as torch does."""
    host = at.host
    path, missing = _named(host)
    if path is None:
        return dict.fromkeys(FACTS, Absent(missing))
    return {"compiler.path": Known(strip_credentials(path)[:300], "PATH"), "compiler.version": _version(host, path)}


def _named(host: Host) -> tuple[str | None, str]:
    """Return the compiler's path, or None and why there is none."""
    for word in host.environ.get("CXX", "").split():
        base = re.split(r"[/\\]", word)[-1]
        if base in LAUNCHERS or word.startswith("-") or "=" in word:
            continue
        found = word if re.search(r"[/\\]", word) and host.is_file(word) else host.which(word)
        return found, "CXX names a compiler that is not there"
    for name in ("cl.exe",) if host.os == "windows" else NAMES:
        found = host.which(name)
        if found:
            return found, ""
    return None, "PATH holds no C++ compiler"


def _version(host: Host, path: str) -> Fact:
    real = resolved(host, path)
    name = re.split(r"[/\\]", real)[-1]
    in_name = re.fullmatch(_IN_NAME, name)
    if in_name:
        return Known(in_name[1], real)
    in_folder = re.search(_IN_FOLDER, real)
    if in_folder:
        return Known(in_folder[1], real)
    if name.endswith("g++") and real.startswith("/usr/bin/"):
        only = _only_gcc(host)
        if only:
            return Known(only, GCC_LIBRARIES)
    return Absent("no name of a file or folder tells it, and the compiler is not run")


def _only_gcc(host: Host) -> str | None:
    """Return the version of the system's gcc, None where there is none or several: which one is meant is not told."""
    versions: set[str] = set()
    try:
        for triple in host.listdir(GCC_LIBRARIES)[:16]:
            if triple.startswith(host.machine):  # others are cross compilers
                names = host.listdir(os.path.join(GCC_LIBRARIES, triple))
                versions.update(name for name in names[:64] if re.fullmatch(_VERSION, name))
    except OSError:
        return None
    return versions.pop() if len(versions) == 1 else None
