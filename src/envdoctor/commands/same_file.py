"""What a path means as a place to write to, whatever it is called."""

from __future__ import annotations

import os
import stat
import sys

STDOUT = "standard output"

Identity = tuple[object, ...] | str
"""`STDOUT`, device and inode, or for a file that is not there yet its folder and its name."""


def identity(path: str) -> Identity | None:
    """Return what a path means as a place to write to; None for what forgets all that is written to it."""
    if path == "-":
        return STDOUT
    if os.path.realpath(path) == os.devnull:
        return None
    there = _status(path)
    if there is None:
        folder, name = os.path.split(os.path.realpath(path))
        # Where most file systems take letters of either case for one name.
        name = name.casefold() if sys.platform in ("win32", "darwin") else name
        above = _status(folder)
        return (above.st_dev, above.st_ino, name) if above else (folder, name)
    return STDOUT if _is_stdout(there) else (there.st_dev, there.st_ino)


def identity_of_input(path: str) -> Identity | None:
    """Return the same of a file that is read; None for a pipe or a terminal."""
    try:
        there = os.fstat(0) if path == "-" else os.stat(path)
    except OSError:  # whoever reads it says so
        return None
    return (there.st_dev, there.st_ino) if stat.S_ISREG(there.st_mode) else None


def _status(path: str) -> os.stat_result | None:
    """Return what is at a path, links followed; None where there is nothing that can be asked."""
    try:
        return os.stat(path)
    except OSError:
        return None


def _is_stdout(there: os.stat_result) -> bool:
    """Whether it is what standard output was directed to: /dev/stdout, or a file by its own name."""
    try:
        return os.path.samestat(there, os.fstat(1))
    except OSError:  # closed
        return False
