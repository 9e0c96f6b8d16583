"""A library of the environment is hidden by another: the folder that brings the other leaves LD_LIBRARY_PATH.

The driver's own folders stay, and one that CUDA's driver library itself comes from is left for a person.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from envdoctor.model.plan import Applicability, Step
from envdoctor.plan.files.search_path import FOR_GOOD, setting, shortened
from envdoctor.plan.rows import rows, said

if TYPE_CHECKING:
    from envdoctor.model.machine import Machine
    from envdoctor.plan.rows import Row

DRIVER_FOLDERS = frozenset({"/usr/local/nvidia/lib", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib"})
"""Where the NVIDIA Container Toolkit, Kubernetes and WSL put the libraries of the driver, which torch needs."""

MOST_NAMED = 3


def unshadowing(machine: Machine, hidden: list[Row]) -> tuple[Step, ...]:
    """Return the steps for rows of the fact `libraries.shadowed`; none where none of them names a folder."""
    found = [row for row in hidden if said(row, "folder")]
    places = _driver_places(machine)
    steps: list[Step] = []
    for variable in ("LD_PRELOAD", "LD_LIBRARY_PATH"):
        chosen = [row for row in found if (said(row, "how") == "LD_PRELOAD") == (variable == "LD_PRELOAD")]
        shared = [row for row in chosen if _folder(row) in places]
        steps += _by_hand(
            shared, "the driver's own libcuda.so.1 comes from there too: take the library out of the folder"
        )
        alone = [row for row in chosen if row not in shared]
        steps += _set(machine, variable, alone, places) if alone else ()
    return tuple(steps)


def _set(machine: Machine, variable: str, found: list[Row], places: frozenset[str]) -> tuple[Step, ...]:
    folders = list(dict.fromkeys(_folder(row) for row in found))
    short = shortened(machine, variable, folders)
    if short is None:
        return _by_hand(found, f"take that entry out of {variable} where it is set")
    loaded = f"{_names(found)} {_verb(found)} loaded in place of the environment's own"
    why = f"takes {', '.join(short.dropped)}, from which {loaded}"
    kept = [entry for entry in short.stays if _is_driver_folder(entry, places)]
    stays = f"; {' and '.join(kept)} stays, for the driver" if kept else ""
    lost = _found_nowhere_else(machine, found, short.dropped)
    also = f"; {', '.join(lost)} was found there too and may be missing then" if lost else ""
    settled = not lost and len(kept) == len(short.stays)
    return (setting(machine, variable, short, f"{why}, out of {variable}{stays}{also}; {FOR_GOOD}", settled=settled),)


def _by_hand(found: list[Row], what: str) -> tuple[Step, ...]:
    if not found:
        return ()
    why = f"{_names(found)} of the environment {_verb(found)} hidden by {said(found[0], 'file')}: {what}"
    return (Step("set-env", Applicability.MANUAL, why),)


def _names(found: list[Row]) -> str:
    names = list(dict.fromkeys(str(row.get("library")) for row in found))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _verb(found: list[Row]) -> str:
    return "is" if len({row.get("library") for row in found}) == 1 else "are"


def _found_nowhere_else(machine: Machine, found: list[Row], dropped: tuple[str, ...]) -> list[str]:
    """Name what is loaded from a dropped folder and hides nothing: the environment brings none of its own."""
    hidden = {said(row, "library") for row in rows(machine.snapshot, "libraries.shadowed")}
    hidden |= {said(row, "library") for row in found}
    lost = [
        str(row.get("library"))
        for row in rows(machine.snapshot, "libraries.loaded")
        if said(row, "how") == "LD_LIBRARY_PATH"
        and any(str(row.get("file")).startswith(f"{folder.rstrip('/')}/") for folder in dropped)
        and said(row, "library") not in hidden
    ]
    return list(dict.fromkeys(lost))[:MOST_NAMED]


def _driver_places(machine: Machine) -> frozenset[str]:
    """Return the folders that the driver's library is taken from."""
    library, compat = machine.told("cuda.library"), machine.told("cuda.compat")
    return frozenset(filter(None, (posixpath.dirname(library) if library else None, compat)))


def _is_driver_folder(entry: str, places: frozenset[str]) -> bool:
    plain = entry.rstrip("/")
    return plain in DRIVER_FOLDERS or plain in places or posixpath.basename(plain) == "compat"


def _folder(row: Row) -> str:
    return (said(row, "folder") or "").rstrip("/") or "/"
