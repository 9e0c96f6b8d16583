"""Which interpreter is examined, and why that one (contract: Commands).

`python -m envdoctor` and the API examine the interpreter that runs them. The `envdoctor` script takes the
first of: the environment it is installed in, unless that is a pipx or uv tool environment; `VIRTUAL_ENV`;
`.venv` of the working directory or its project; `CONDA_PREFIX`; `python3`, then `python`, on PATH.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from envdoctor.host.host import Host

TOOL_MARKERS = ("pipx_metadata.json", "uv-receipt.toml", "envdoctor-apart")
"""Files by which pipx, uv and our own GitHub action mark an environment that holds a tool, not the user's packages."""

UV_CACHE = r"[/\\](?:archive|environments)-v\d+[/\\]"
"""Where `uvx` keeps the environment it runs a tool in, below the cache of uv."""

SHIM_TIMEOUT = 5.0
"""Seconds; a shim that searches for versions takes a few tenths."""

PROJECT_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", ".git")

PACKAGE_FOLDERS = ("site-packages", "dist-packages")


class Target(NamedTuple):
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
    environments = list(_environments(host, executable, prefix, cwd))
    on_path = list(_on_path(host))
    usable = environments or [found for found in on_path if _answers(host, found[0])]
    if not usable:
        shims = f" ({on_path[0][0]} does not start)" if on_path else ""
        raise NoTarget(f"no Python to examine: no environment is active and PATH holds none{shims} (use --python PATH)")
    chosen, because = usable[0]
    places = {_place(host, chosen)}
    others = []
    for other, _ in (*environments, *on_path):
        place = _place(host, other)
        if place not in places and _holds_torch(host, _environment(host, other)):
            others.append(other)
        places.add(place)
    return Target(chosen, because, own=chosen == executable, others=tuple(others))


def _environments(host: Host, executable: str, prefix: str, cwd: str) -> Iterator[tuple[str, str]]:
    """Yield the interpreters of the environments on the ladder, best first."""
    if host.live and not _is_tool(host, prefix):
        yield executable, "the environment envdoctor is installed in"
    for folder, because in (
        (host.environ.get("VIRTUAL_ENV"), "VIRTUAL_ENV"),
        (_project_venv(host, cwd), ".venv of this project"),
        (host.environ.get("CONDA_PREFIX"), "CONDA_PREFIX"),
    ):
        found = _python_in(host, folder) if folder else None
        if found:
            yield _absolute(host, found), because


def _on_path(host: Host) -> Iterator[tuple[str, str]]:
    """Yield the interpreters that PATH names: the last rungs of the ladder."""
    for name in ("python3", "python"):
        found = host.which(name)
        if found:
            yield _absolute(host, found), f"the first {name} on PATH"


def _is_tool(host: Host, prefix: str) -> bool:
    """Whether an environment was made for envdoctor alone: by pipx, `uv tool install`, `uvx` or the action."""
    if any(host.is_file(os.path.join(prefix, marker)) for marker in TOOL_MARKERS):
        return True
    return bool(re.search(UV_CACHE, prefix)) and host.is_file(os.path.join(prefix, "pyvenv.cfg"))


def _answers(host: Host, python: str) -> bool:
    """Whether a command on PATH is more than a shim: version managers leave those for Pythons that are not there."""
    try:
        is_script = host.read(python, 2) == "#!"
    except OSError:
        return False
    if not is_script or not host.live:
        return True
    return host.start("python", [python, "-B", "-c", ""]).answer(time.monotonic() + SHIM_TIMEOUT).exit == 0


def _named(host: Host, python: str) -> str:
    """Return the interpreter `--python` names: a path, an environment's folder, or a command on PATH."""
    is_word = os.sep not in python and "\\" not in python
    if host.is_dir(python):
        found = _python_in(host, python) or (host.which(python) if is_word else None)
        if found is None:
            raise NoTarget(f"--python {python}: this folder holds no bin/python")
        return _absolute(host, found)
    if is_word and not host.exists(python):
        found = host.which(python)
        if found is None:
            raise NoTarget(f"--python {python}: no such command on PATH")
        return _absolute(host, found)
    if not host.exists(python):
        raise NoTarget(f"--python {python}: no such file")
    return _absolute(host, python)


def _paths(host: Host) -> ModuleType:
    """Return what takes the paths of that machine apart; a recorded one may be of another system than this."""
    if host.os != "windows":
        return os.path
    import ntpath

    return ntpath


def _absolute(host: Host, path: str) -> str:
    """Return a path that holds whatever the working directory; a recorded machine has none to start from."""
    return os.path.abspath(path) if host.live else path


def _python_in(host: Host, prefix: str) -> str | None:
    """Return the interpreter of an environment's folder."""
    for relative in ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe"):
        candidate: str = _paths(host).join(prefix, *relative.split("/"))
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


def _environment(host: Host, python: str) -> str:
    """Return the folder of the environment an interpreter belongs to, by its place alone."""
    paths = _paths(host)
    folder: str = paths.dirname(python)
    return str(paths.dirname(folder)) if paths.basename(folder) in ("bin", "Scripts") else folder


def _place(host: Host, python: str) -> str:
    """Return the environment of an interpreter by its real path, so that a symlinked prefix is the same place."""
    return os.path.realpath(host.path(_environment(host, python)))


def _holds_torch(host: Host, prefix: str) -> bool:
    """Whether an environment's site-packages hold a torch."""
    folders = [os.path.join(prefix, "Lib", "site-packages")]
    local = [os.path.join(prefix, "local")] if os.path.basename(prefix) == "usr" else []  # Debian: pip writes there
    for library in (os.path.join(base, name) for base in (prefix, *local) for name in ("lib", "lib64")):
        try:
            pythons = [name for name in host.listdir(library) if name.startswith("python3")]
        except OSError:
            continue
        folders += [os.path.join(library, name, kind) for name in pythons for kind in PACKAGE_FOLDERS]
    return any(host.is_file(os.path.join(folder, "torch", "version.py")) for folder in folders)
