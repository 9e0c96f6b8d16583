"""CUDA toolkits on disk, and the one that torch would compile extensions with."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.symlinks import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "toolkit.installed": "CUDA toolkits on disk: path, version, and whether nvcc is among them",
    "toolkit.home": "the toolkit torch.utils.cpp_extension would take",
    "toolkit.home_version": "its version, by its own files; nvcc is never run",
    "toolkit.home_because": "what led there: CUDA_HOME, CUDA_PATH, nvcc on PATH, or the usual folder",
    "toolkit.nvcc": "the nvcc that PATH leads to",
    "toolkit.nvcc_version": "version of the toolkit it belongs to",
}

USUAL = "/usr/local/cuda"
WINDOWS_USUAL = r"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA"
OTHERS = ("/opt/cuda", "/usr/lib/cuda", "/usr/lib/nvidia-cuda-toolkit")
"""Arch Linux's folder, and Debian's."""

MOST = 32
MOST_HEADER = 65_536
"""Bytes read of cuda.h; CUDA_VERSION stands at byte 14,000 in that of CUDA 13.0."""

# Compiled when there is a file to read: most machines hold no toolkit.
_JSON = r'"cuda"\s{0,20}:\s{0,20}\{[^{}]{0,400}?"version"\s{0,20}:\s{0,20}"(\d{1,3}\.\d{1,3}(?:\.\d{1,4})?)"'
_TEXT = r"CUDA Version (\d{1,3}\.\d{1,3}(?:\.\d{1,4})?)"
_HEADER = r"\n#define CUDA_VERSION (\d{4,6})\b"
_CONDA = r"cuda-(?:nvcc|toolkit|version)-(\d{1,3}\.\d{1,3})[\d.]{0,8}-[^-]{1,40}\.json"


def look(at: Looking) -> Facts:
    """Look where toolkits lie, and go the way of `_find_cuda_home` in torch/utils/cpp_extension.py."""
    host = at.host
    nvcc = host.which("nvcc.exe" if host.os == "windows" else "nvcc")
    home, because = _home(host, nvcc)
    roots = [*_usual_roots(host, at.text("python.prefix")), *([home] if home else [])]
    facts: Facts = {"toolkit.installed": Known(_installed(host, roots), "files")}
    if home is None:
        missing = Absent("no CUDA_HOME, no nvcc on PATH and no toolkit in the usual folder")
        facts |= {f"toolkit.home{what}": missing for what in ("", "_version", "_because")}
    else:
        facts["toolkit.home"] = Known(_plain(home), because)
        facts["toolkit.home_because"] = Known(because, "environment" if "_" in because else "files")
        facts["toolkit.home_version"] = (
            _told(host, home) if host.is_dir(home) else Absent(f"{_plain(home)} is not there")
        )
    if nvcc is None:
        facts |= dict.fromkeys(("toolkit.nvcc", "toolkit.nvcc_version"), Absent("PATH holds no nvcc"))
    else:
        facts["toolkit.nvcc"] = Known(_plain(nvcc), "PATH")
        facts["toolkit.nvcc_version"] = _told(host, _root_of(nvcc))
    return facts


def _home(host: Host, nvcc: str | None) -> tuple[str | None, str]:
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if host.environ.get(variable):
            return host.environ[variable], variable
    if nvcc:
        return _root_of(nvcc), "nvcc on PATH"
    if host.os == "windows":
        found = next(_below(host, WINDOWS_USUAL, "v"), None)
        return found, WINDOWS_USUAL
    return (USUAL if host.is_dir(USUAL) else None), USUAL


def _root_of(nvcc: str) -> str:
    """Return the folder two above, whichever system's path it is."""
    return re.split(r"[/\\]+[^/\\]+[/\\]+[^/\\]+$", nvcc)[0]


def _usual_roots(host: Host, prefix: str | None) -> Iterator[str]:
    """Yield folders that may be toolkits, those that name a version before the link to one of them."""
    if host.os == "windows":
        yield from _below(host, WINDOWS_USUAL, "v")
        return
    yield from reversed(list(_below(host, "/usr/local", "cuda")))
    yield from OTHERS
    for folder in (prefix, host.environ.get("CONDA_PREFIX")):
        # CUDA's compiler of conda lies among all other commands of the environment.
        if folder and host.is_file(os.path.join(folder, "bin", "nvcc")):
            yield folder


def _below(host: Host, folder: str, prefix: str) -> Iterator[str]:
    try:
        names = host.listdir(folder)
    except OSError:
        return
    fitting = (name for name in names if name.startswith(prefix) and not name[len(prefix) :].strip("0123456789.-"))
    between = "\\" if host.os == "windows" else "/"
    yield from [f"{folder}{between}{name}" for name in fitting][:MOST]


def _installed(host: Host, roots: list[str]) -> list[Value]:
    """Return each toolkit once, whatever links lead to it; a folder that is none is left out."""
    found: list[Value] = []
    seen: set[str] = set()
    for root in roots:
        real = resolved(host, root.rstrip("/\\"))
        if real in seen or not host.is_dir(root):
            continue
        seen.add(real)
        version = _version(host, root)
        if version:
            found.append({"path": _plain(root), "version": version, "nvcc": _nvcc_in(host, root) is not None})
    return found


def _nvcc_in(host: Host, root: str) -> str | None:
    paths = (os.path.join(root, "bin", name) for name in ("nvcc", "nvcc.exe"))
    return next((path for path in paths if host.is_file(path)), None)


def _told(host: Host, root: str) -> Fact:
    version = _version(host, root)
    return Known(version, _plain(root)) if version else Unknown(f"no file of {_plain(root)} tells its version")


def _version(host: Host, root: str) -> str | None:
    """Return the version by the files of a toolkit, or of the one its nvcc is a link into."""
    nvcc = _nvcc_in(host, root)
    real = _root_of(resolved(host, nvcc)) if nvcc else root
    return _by_files(host, root) or (_by_files(host, real) if real != root else None)


def _by_files(host: Host, root: str) -> str | None:
    for name, pattern in (("version.json", _JSON), ("version.txt", _TEXT)):
        match = re.search(pattern, _text(host, os.path.join(root, name)))
        if match:
            return match[1]
    targets = (f"targets/{host.machine}-linux/include", "targets/sbsa-linux/include")
    for folder in ("include", *targets):
        match = re.search(_HEADER, _text(host, os.path.join(root, *folder.split("/"), "cuda.h")))
        if match:  # 12040 is 12.4
            return f"{int(match[1]) // 1000}.{int(match[1]) % 1000 // 10}"
    try:
        names = host.listdir(os.path.join(root, "conda-meta"))
    except OSError:
        return None
    return next((match[1] for name in names if (match := re.fullmatch(_CONDA, name))), None)


def _text(host: Host, path: str) -> str:
    try:
        return host.read(path, MOST_HEADER)
    except (OSError, ValueError):  # ValueError: a NUL byte in CUDA_HOME
        return ""


def _plain(path: str) -> str:
    return strip_credentials(path)[:300]
