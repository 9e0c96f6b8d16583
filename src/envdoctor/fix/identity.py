"""Which folder is which, whatever its name is at the moment: by the number that a rename does not change."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.fix.place import Place


def identity(path: str) -> tuple[int, int] | None:
    """Return the numbers (device, inode) of a folder; None where there is none, a link included."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def is_still(place: Place, path: str, known: tuple[int, int] | None) -> bool:
    """Whether a path names the folder that was known by these numbers.

    The device may have got another number since (a reboot): what counts is that the folder is on the device of the
    state folder, which it was when the numbers were written.
    """
    here, beside = identity(path), identity(place.state)
    if here is None or beside is None or known is None:
        return False
    return here[1] == known[1] and here[0] == beside[0]


def where(place: Place, known: tuple[int, int] | None, among: Iterable[str]) -> str | None:
    """Return which of some paths names the folder known by these numbers; None where none does."""
    return next((path for path in among if is_still(place, path, known)), None)
