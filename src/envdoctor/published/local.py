"""Indexes that are folders of this machine: paths and file: addresses, as pip and uv take them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envdoctor.published.unreachable import NotThere, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator


def address_of(said: str) -> str:
    """Return what a configuration says as an address: a path becomes a file: one, everything else stays."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", said):  # a drive of Windows has one letter
        return said
    from pathlib import Path

    return Path(os.path.abspath(os.path.expanduser(said))).as_uri()


def path_of(url: str) -> str | None:
    """Return the path of a file: address, None for any other."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme.lower() != "file":
        return None
    path = unquote(parts.path)
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path


def existing(path: str) -> str:
    """Return the path of a regular file. Raises `NotThere` for anything else: a FIFO would never end."""
    if not os.path.isfile(path):
        raise NotThere("is not there")
    return path


def read_file(path: str, limit: int) -> bytes:
    """Return the bytes of a file. Raises `NotThere` or `Unreachable`."""
    try:
        if os.path.getsize(existing(path)) > limit:
            raise Unreachable(f"is larger than {limit >> 20} MiB")
        with open(path, "rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
        raise Unreachable(f"cannot be read: {getattr(problem, 'strerror', None) or 'no path'}") from None


def wheels_in(folder: str) -> Iterator[str]:
    """Yield the addresses of the wheels in a folder. Raises `Unreachable`."""
    from pathlib import Path

    try:
        names = sorted(os.listdir(folder))
    except (OSError, ValueError) as problem:
        raise Unreachable(f"cannot be listed: {getattr(problem, 'strerror', None) or 'no path'}") from None
    for name in names:
        if name.endswith(".whl"):
            yield Path(os.path.abspath(folder), name).as_uri()
