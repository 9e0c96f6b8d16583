"""The files of one record: METADATA, WHEEL, INSTALLER, RECORD, direct_url.json. Read in part, never run.

Formats: core metadata, "Recording installed projects" and "Direct URL data structure" (PyPA specifications).
All are text of others: bounded in size, lines and length, and what is no text of that form tells nothing.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.host.host import Host
    from envdoctor.probes.distributions import Distribution

MOST_HEAD = 512 * 1024
"""Bytes read of METADATA; that of torch has 30 kB, most of it the description that follows the head."""
MOST_LINES = 1000
"""Requirements kept of one distribution."""
MOST_LINE = 1000
"""Characters of a requirement; a longer one is none that an installer wrote."""


def requirements(host: Host, distribution: Distribution) -> list[str] | None:
    """Return its `Requires-Dist` lines as written, None when there is nothing to read them from.

    An egg-info has them in PKG-INFO, if it has any, or in `requires.txt`.
    """
    for name in ("METADATA", "PKG-INFO"):
        lines = _head(host, os.path.join(distribution.folder, name))
        if lines is None:
            continue
        found = list(_values(lines, "Requires-Dist"))
        if name == "PKG-INFO" and not found:
            return _requires_txt(host, distribution.folder)
        return found
    return None


def field(host: Host, path: str, name: str) -> str | None:
    """Return the first value of a header field, None where the file does not tell."""
    return next(_values(_head(host, path) or [], name), None)


def installer(host: Host, distribution: Distribution) -> str | None:
    """Return what INSTALLER says (`pip`, `uv`, `conda`), None when it says nothing."""
    try:
        said = host.read(os.path.join(distribution.folder, "INSTALLER"), 256).split()
    except (OSError, ValueError):
        return None
    return said[0][:64] if said else None


def wheel_tags(host: Host, distribution: Distribution) -> list[str] | None:
    """Return the `Tag` lines of WHEEL (`cp311-cp311-manylinux_2_28_x86_64`), None where it cannot be read."""
    lines = _head(host, os.path.join(distribution.folder, "WHEEL"))
    return list(_values(lines, "Tag")) if lines is not None else None


def direct_url(host: Host, distribution: Distribution) -> str:
    """Return direct_url.json, empty where the distribution was not installed by its address."""
    try:
        return host.read(os.path.join(distribution.folder, "direct_url.json"), 65536)
    except (OSError, ValueError):
        return ""


def links_checkout(host: Host, distribution: Distribution) -> bool:
    """Whether its direct_url.json says that what was installed is a link to a checkout."""
    return re.search(r'"editable"\s{0,20}:\s{0,20}true', direct_url(host, distribution)) is not None


def files(host: Host, distribution: Distribution) -> dict[str, tuple[str, int | None]] | None:
    """Return what RECORD lists: path to digest and size; None where it cannot be read."""
    try:
        text = host.read(os.path.join(distribution.folder, "RECORD"))
    except (OSError, ValueError):
        return None
    return parse_record(text)


def parse_record(text: str) -> dict[str, tuple[str, int | None]]:
    """Read the lines of a RECORD: path, digest, size; the latter two may be empty."""
    listed: dict[str, tuple[str, int | None]] = {}
    for line in text.splitlines():
        path, first, rest = line.rpartition(",")[0].rpartition(",")
        size = line[len(path) + len(first) + len(rest) + 1 :]
        if first and path.startswith('"') and path.endswith('"'):  # a path that holds a comma (RFC 4180)
            path = path[1:-1].replace('""', '"')
        if first and path:
            listed[path] = (rest, int(size) if size.isascii() and size.isdigit() and len(size) < 16 else None)
    return listed


def _head(host: Host, path: str) -> list[str] | None:
    """Return the lines of the header, which ends at the first empty line; None where it cannot be read."""
    try:
        text = host.read(path, MOST_HEAD)
    except (OSError, ValueError):
        return None
    return text.replace("\r\n", "\n").split("\n\n", 1)[0].split("\n")


def _values(lines: list[str], name: str) -> Iterator[str]:
    start = f"{name}:"
    kept = 0
    for line in lines:
        if line.startswith(start) and len(line) <= MOST_LINE:
            value = line[len(start) :].strip()
            if value:
                yield value
                kept += 1
                if kept == MOST_LINES:
                    return


def _requires_txt(host: Host, folder: str) -> list[str]:
    """Return the requirements of an egg-info; a section in brackets begins those that are optional."""
    try:
        text = host.read(os.path.join(folder, "requires.txt"), 65536)
    except (OSError, ValueError):
        return []
    lines = text.partition("\n[")[0].splitlines() if not text.startswith("[") else []
    return [line.strip() for line in lines if line.strip() and len(line) <= MOST_LINE][:MOST_LINES]
