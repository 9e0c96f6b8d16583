"""A variable that lists folders or files, without some of them: LD_LIBRARY_PATH, LD_PRELOAD, PYTHONPATH."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.change import SetsSearchPath
from envdoctor.model.plan import Applicability, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envdoctor.model.machine import Machine

SEPARATORS = {"LD_LIBRARY_PATH": "[:;]", "LD_PRELOAD": "[: ]"}
"""What ends an entry, where it is not the colon alone (ld.so(8))."""

FOR_GOOD = "where it is set for good (a shell profile, a module, ENV of a Dockerfile), take it out too"


class Shortened(NamedTuple):
    """What is left of a variable: `value` None for unset, `stays` the entries in order, `dropped` those taken out."""

    value: str | None
    stays: tuple[str, ...]
    dropped: tuple[str, ...]


def shortened(machine: Machine, variable: str, entries: Iterable[str]) -> Shortened | None:
    """Return a variable without those entries; None where it is not known, or holds none of them."""
    told = machine.told(f"env.{variable}")
    if told is None:
        return None
    windows = machine.platform.startswith("windows")
    away = {_plain(entry) for entry in entries}
    listed = re.split(";" if windows else SEPARATORS.get(variable, ":"), told)
    dropped = tuple(dict.fromkeys(entry for entry in listed if entry and _plain(entry) in away))
    if not dropped:
        return None
    # An empty entry stands for the working directory; where nothing else is left, it was a mistake.
    left = [entry for entry in listed if entry not in dropped]
    stays = tuple(entry for entry in left if entry)
    return Shortened((";" if windows else ":").join(left) if stays else None, stays, dropped)


def setting(machine: Machine, variable: str, short: Shortened, why: str, *, settled: bool) -> Step:
    """Return the step that sets a variable to what is left of it, for the shell that it is typed in."""
    change = SetsSearchPath(variable, short.value, short.dropped, settled)
    if machine.platform.startswith("windows"):
        argv: Sequence[str] = ("set", f"{variable}={short.value or ''}")
    elif short.value is None:
        argv = ("unset", variable)
    else:
        argv = ("export", f"{variable}={short.value}")
    kind = "unset-env" if short.value is None else "set-env"
    return Step(kind, Applicability.SAFE, why, tuple(argv), change=change)


def _plain(entry: str) -> str:
    """Return a path as it is compared: without doubled and trailing slashes."""
    return re.sub(r"/+", "/", entry).rstrip("/") or "/"
