"""What the rules about a library in the place of another share: what it is worth, and the words for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.library_rows import VARIABLES, some, undefined

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine
    from envdoctor.rules.library_rows import Shadowed, Undefined

VARIABLE = VARIABLES[0]

NEWER, OLDER, LACKS = (
    "newer, or of the same release", "older, or of unknown version", "lacks what is needed of it",
)  # fmt: skip
"""The circumstances of `severity_table.py`, least first."""


def circumstance(row: Shadowed) -> str:
    """Return what the library that is loaded is worth."""
    if row.lacks:
        return LACKS
    return NEWER if row.is_older is False else OLDER


def weight(row: Shadowed) -> int:
    """Return a number by which the worst of several is the greatest."""
    return (NEWER, OLDER, LACKS).index(circumstance(row))


def consequence(row: Shadowed) -> str:
    """Say what follows from it."""
    if row.lacks:
        return f"it has no {some(row.lacks, row.lacks_count)}, and what needs that does not load"
    if row.is_older is None:
        return "its release cannot be told, and an older one may fail where the environment's own works"
    if row.is_older:
        return "it is older, and may fail where the environment's own works"
    return "it is not older, and has what is needed of it"


def asked_in_vain(machine: Machine, provider: str, library: str) -> Undefined | None:
    """Return what torch, or an extension as it is imported, asks of a library that is loaded and does not have it."""
    asking = (row for row in undefined(machine) if row.role == "entry" and row.is_asked_of(provider, library))
    return next(asking, None)


def lacking(row: Undefined, name: str, version: str | None) -> str:
    """Say what is asked in vain of a library of the environment that nothing stands for."""
    told = f" ({version})" if version else ""
    why = "it is another release than the one this was built with"
    return f"{row.needs}, which the {name} that is loaded{told} does not have: {why}"


def example(how: str, library: str = "libnvJitLink.so.12", **more: Value) -> dict[str, Value]:
    """Return the facts of an example: an older library of a toolkit in the place of the environment's own."""
    folder = "/usr/local/cuda/lib64"
    return {
        "env.LD_LIBRARY_PATH": folder if how == VARIABLE else None,
        "libraries.shadowed": [
            {
                "library": library, "file": f"{folder}/{library}", "how": how,
                "needed_by": "nvidia/cusparse/lib/libcusparse.so.12", "version": "12.1.105",
                "instead_of": f"/home/me/venv/lib/python3.11/site-packages/nvidia/nvjitlink/lib/{library}",
                "instead_of_package": "nvidia-nvjitlink-cu12", "instead_of_version": "12.8.93", "older": True,
                "lacks": [], "lacks_count": 0, "folder": folder if how in VARIABLES else None, **more,
            }
        ],
    }  # fmt: skip
