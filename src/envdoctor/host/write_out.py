"""Having a whole file system reach its disk, and not wait for any other: a share of the network may hang."""

from __future__ import annotations

import os
import sys


def write_out(folder: str) -> None:
    """Wait until all that was written to the file system of `folder` is on its disk: syncfs(2), Linux 2.6.39.

    Where the system has no such call nothing is done. Raises OSError where the disk failed.
    """
    if sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if libc.syncfs(descriptor):
            trouble = ctypes.get_errno()
            raise OSError(trouble, os.strerror(trouble), folder)
    finally:
        os.close(descriptor)
