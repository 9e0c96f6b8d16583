"""Changes of the disk that a cut of the power does not leave half done."""

from __future__ import annotations

import errno
import os

PART = ".part"
"""What the name of a file ends with until it is whole."""


def write_whole(path: str, data: bytes, mode: int = 0o600) -> None:
    """Put `data` at a path: the file there is the earlier one or the new one and nothing between. Raises OSError."""
    part = path + PART
    remove_file(part)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    synchronise(os.path.dirname(path))


def move(source: str, target: str) -> None:
    """Rename, and have both folders written to the disk. Raises OSError."""
    os.rename(source, target)
    synchronise(os.path.dirname(target))
    synchronise(os.path.dirname(source))


def remove_file(path: str) -> bool:
    """Remove a file or link; whether there was one. Raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def synchronise(folder: str) -> None:
    """Have the names in a folder written to the disk, where the system can. Raises OSError."""
    if os.name == "nt":  # a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno != errno.EINVAL:  # fsync(2): "does not support synchronization"
            raise
    finally:
        os.close(descriptor)
