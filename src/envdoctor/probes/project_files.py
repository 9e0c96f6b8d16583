"""The files beside a `.venv` that tell whose project it belongs to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.host.host import Host

MOST_PYPROJECT = 256 * 1024

LOCKS = (
    ("uv.lock", "uv"),
    (".pdm-python", "pdm"),
    ("pdm.lock", "pdm"),
    ("poetry.lock", "poetry"),
    ("poetry.toml", "poetry"),
)
"""Files that one tool alone writes, the likeliest keeper of a `.venv` first."""

TABLES = (("poetry", "poetry"), ("pdm", "pdm"), ("uv", "uv"))
"""Tables below [tool] of pyproject.toml that say as much where there is no lock yet."""

UNMANAGED = re.compile(r"^\[tool\.uv\][^\n]*\n(?:(?!\[)[^\n]*\n)*?managed\s*=\s*false\b", re.MULTILINE)
"""Says in pyproject.toml that uv is to keep no environment of this project: `uv add` then refuses (uv 0.13.9)."""

IN_PIXI = "/.pixi/envs/"


def posix(host: Host, path: str) -> str:
    """Return a path with `/` between its parts, whatever the system it is from."""
    return path.replace("\\", "/") if host.os == "windows" else path


def project_folder(prefix: str) -> str | None:
    """Return the folder of the project that an environment belongs to by its place; `prefix` has `/` in it."""
    place = prefix.rstrip("/")
    if IN_PIXI in place:
        return place.partition(IN_PIXI)[0]
    folder, _, name = place.rpartition("/")
    return folder if folder and name == ".venv" else None


def keeper(host: Host, folder: str, *, by_uv: bool) -> tuple[str, str] | None:
    """Return the tool that keeps the `.venv` of a project and the mark that says so, None where nothing does.

    poetry and pdm make theirs with virtualenv or venv; pdm can have uv make it (`by_uv`), poetry cannot.
    """
    try:
        told = host.read(f"{folder}/pyproject.toml", MOST_PYPROJECT)
    except (OSError, ValueError):
        told = ""
    left_out = {"poetry"} if by_uv else set()
    if UNMANAGED.search(told):
        left_out.add("uv")
    for mark, tool in LOCKS:
        if tool not in left_out and host.is_file(f"{folder}/{mark}"):
            return tool, mark
    for table, tool in TABLES:
        if tool in left_out or (by_uv and tool != "uv"):
            continue
        if re.search(rf"^\[{{1,2}}tool\.{table}[.\]]", told, re.MULTILINE):
            return tool, "pyproject.toml"
    return None
