"""Which interpreter is examined, and why that one (contract: Commands).

`python -m envdoctor` and the API examine the interpreter that runs them. The `envdoctor` script takes the
first of: the environment it is installed in, unless that is a pipx or uv tool environment; `VIRTUAL_ENV`;
`.venv` of the working directory or its project; `CONDA_PREFIX`; `python3`, then `python`, on PATH.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.host.host import Host

TOOL_MARKERS = ("pipx_metadata.json", "uv-receipt.toml")
"""Files by which pipx and uv mark an environment that holds a tool, not the user's packages."""

PROJECT_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", ".git")


@dataclass(frozen=True, slots=True)
class Target:
    """The interpreter to examine; `own` when it is the one running envdoctor.

    `others` are the places that the choice passed over and that hold a torch as well.
    """

    python: str
    because: str
    own: bool = False
    others: tuple[str, ...] = ()


class NoTarget(Exception):
    """No interpreter was found to examine; the text says what to do."""


def choose(host: Host, *, python: str | None, script: bool, executable: str, prefix: str, cwd: str) -> Target:
    """Choose the interpreter to examine.

    `python` is the user's `--python`; `script` whether the `envdoctor` script was called rather than
    `python -m envdoctor`; `executable` and `prefix` are those of the running interpreter. Raises
    `NoTarget`.
    """
    if python is not None:
        return Target(_named(host, python), "named by --python")
    if not script:
        return Target(executable, "the interpreter that runs envdoctor", own=True)
    candidates = list(_candidates(host, executable, prefix, cwd))
    if not candidates:
        raise NoTarget("no Python to examine: no environment is active and PATH holds none (use --python PATH)")
    chosen, because = candidates[0]
    others = tuple(
        dict.fromkeys(
            other
            for other, _ in candidates[1:]
            if _environment(other) != _environment(chosen) and _holds_torch(host, _environment(other))
        )
    )
    return Target(chosen, because, own=chosen == executable, others=others)


def _candidates(host: Host, executable: str, prefix: str, cwd: str) -> Iterator[tuple[str, str]]:
    """Yield every interpreter of the ladder that exists, best first."""
    if not any(host.is_file(os.path.join(prefix, marker)) for marker in TOOL_MARKERS):
        yield executable, "the environment envdoctor is installed in"
    for folder, because in (
        (host.environ.get("VIRTUAL_ENV"), "VIRTUAL_ENV"),
        (_project_venv(host, cwd), ".venv of this project"),
        (host.environ.get("CONDA_PREFIX"), "CONDA_PREFIX"),
    ):
        found = _python_in(host, folder) if folder else None
        if found:
            yield found, because
    for name in ("python3", "python"):
        found = host.which(name)
        if found:
            yield found, f"the first {name} on PATH"


def _named(host: Host, python: str) -> str:
    """Return the interpreter `--python` names: a path, an environment's folder, or a command on PATH."""
    if host.is_dir(python):
        found = _python_in(host, python)
        if found is None:
            raise NoTarget(f"--python {python}: this folder holds no bin/python")
        return found
    if os.sep not in python and not host.exists(python):
        found = host.which(python)
        if found is None:
            raise NoTarget(f"--python {python}: no such command on PATH")
        return found
    if not host.exists(python):
        raise NoTarget(f"--python {python}: no such file")
    return os.path.abspath(python)


def _python_in(host: Host, prefix: str) -> str | None:
    """Return the interpreter of an environment's folder."""
    for relative in ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe"):
        candidate = os.path.join(prefix, *relative.split("/"))
        if host.is_file(candidate):
            return candidate
    return None


def _project_venv(host: Host, cwd: str) -> str | None:
    """Return `.venv` of the working directory, or of the nearest folder above it that is a project."""
    folder = cwd
    while True:
        candidate = os.path.join(folder, ".venv")
        is_project = folder == cwd or any(host.exists(os.path.join(folder, mark)) for mark in PROJECT_MARKERS)
        if is_project and host.is_dir(candidate):
            return candidate
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _environment(python: str) -> str:
    """Return the folder of the environment an interpreter belongs to, by its place alone."""
    folder = os.path.dirname(python)
    return os.path.dirname(folder) if os.path.basename(folder) in ("bin", "Scripts") else folder


def _holds_torch(host: Host, prefix: str) -> bool:
    """Whether an environment's site-packages hold a torch."""
    library = os.path.join(prefix, "lib")
    try:
        pythons = [name for name in host.listdir(library) if name.startswith("python3")]
    except OSError:
        pythons = []
    folders = [os.path.join(library, name, "site-packages") for name in pythons]
    folders.append(os.path.join(prefix, "Lib", "site-packages"))
    return any(host.is_file(os.path.join(folder, "torch", "version.py")) for folder in folders)
