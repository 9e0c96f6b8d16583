"""An environment that came with a container's image: overlayfs cannot rename a folder of a lower layer.

Without `redirect_dir` rename(2) says EXDEV for one (Documentation/filesystems/overlayfs.rst, "Renaming directories").
Better to know that before the installer has run than after.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.fix.place import Place


def layer_obstacle(place: Place, mounts: str = "/proc/self/mountinfo") -> str | None:
    """Say in a sentence that the environment cannot be renamed since it is of a lower layer; None where that is not so.

    With the lock held, as it is found out by a rename that the kernel has to refuse: to the state folder, which is not
    empty. Where it is for that reason that it refuses, the layer is none. Tried on overlayfs alone.
    """
    if not _is_overlay(place.environment, mounts) or not os.listdir(place.state):
        return None
    try:
        os.rename(place.environment, place.state)
    except OSError as problem:
        if problem.errno == errno.EXDEV:
            return (
                f"{place.environment} came with the image of this container, whose folders cannot be renamed "
                "(overlayfs): repair the image, or have the repaired copy made in another folder with --into"
            )
    return None


def _is_overlay(path: str, mounts: str) -> bool:
    """Whether the file system of a path is one, by the numbers of its device in mountinfo (proc(5))."""
    if not hasattr(os, "major"):
        return False
    try:
        device = os.stat(path).st_dev
        with open(mounts, encoding="utf-8", errors="replace") as file:
            rows = [line.split() for line in file]
    except OSError:  # not Linux
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    return any(row[2] == number and row[row.index("-") + 1] == "overlay" for row in rows if "-" in row)
