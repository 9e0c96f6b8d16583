"""Names and paths out of files of others, as facts tell them."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def printable(text: str) -> str:
    """Text that can be printed: bytes that are no UTF-8, and signs that would move the cursor, stand as escapes."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def below(path: str, sites: Iterable[str]) -> str:
    """The path below the folder of packages it is in, `..` resolved; the whole path for one outside. Printable."""
    path = posixpath.normpath(path)
    for site in sites:
        start = posixpath.normpath(site) + "/"
        if path.startswith(start):
            return printable(path[len(start) :])
    return printable(path)
