"""Whether somebody works on an environment while a copy of it is repaired: that would be missing in the copy.

A file is known by its number, size and time of writing. Compiled Python files do not count, which whoever imports
something may write.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.fix.cloning import entries_below

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPILED = ".pyc"


def stamps(folder: str) -> dict[str, tuple[int, int, int]]:
    """Return inode, size and mtime (ns) of all files and links below a folder, by path. Raises OSError."""
    found = {}
    for entry in entries_below(folder):
        if entry.is_dir(follow_symlinks=False) or entry.name.endswith(COMPILED):
            continue
        try:
            status = os.lstat(entry.path)
        except FileNotFoundError:
            continue
        found[entry.path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def first_changed(before: Mapping[str, tuple[int, int, int]], after: Mapping[str, tuple[int, int, int]]) -> str | None:
    """Return the first file, by path, that came, went or was written; None where there is none."""
    return min((path for path, _ in set(before.items()) ^ set(after.items())), default=None)
