"""All that can be seen of a tree of files: to tell that a copy is like it, and that nothing of it changed."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Seen(NamedTuple):
    """One file, link or folder: `content` is a digest, or where a link leads."""

    content: str
    mode: int
    mtime_ns: int
    owner: tuple[int, int]
    attributes: tuple[tuple[str, bytes], ...]


def tree_digest(folder: Path) -> dict[str, Seen]:
    """Return what is seen of everything in a folder by relative path, itself as "."."""
    found = {".": _seen(str(folder))}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(root, name)
            found[os.path.relpath(path, folder)] = _seen(path)
    return found


def _seen(path: str) -> Seen:
    status = os.lstat(path)
    content = ""
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as opened:
            content = hashlib.sha256(opened.read()).hexdigest()
    names = sorted(os.listxattr(path, follow_symlinks=False))
    attributes = tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)
    return Seen(content, status.st_mode, status.st_mtime_ns, (status.st_uid, status.st_gid), attributes)
