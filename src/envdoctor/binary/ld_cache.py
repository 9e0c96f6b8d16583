"""The loader's own index of libraries: `/etc/ld.so.cache`, and the list of folders it is made from.

Format: `sysdeps/generic/dl-cache.h` of glibc. Since 2.32 `ldconfig` writes the new format alone; before,
the new format stood behind an old one (`ld.so-1.7.0`) in the same file. Reading the file costs a
millisecond and no child process, and it works for a recorded tree.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import stat
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OLD_MAGIC = b"ld.so-1.7.0"
NEW_MAGIC = b"glibc-ld.so.cache1.1"
OLD_HEADER_SIZE, OLD_ENTRY_SIZE = 16, 12
HEADER = struct.Struct("<20sIIB3xI12x")
ENTRY = struct.Struct("<iIIIQ")
BIG_ENDIAN_FLAG = 3
EXTENSION_MAGIC, HWCAPS_TAG = 0xEAA42174, 1
EXTENSION = struct.Struct("<II")
EXTENSION_SECTION = struct.Struct("<IIII")
HWCAPS_FLAG = 1 << 62
"""Bit of an entry's hardware field that makes the rest of it a number in the table of `glibc-hwcaps` subfolders."""
MOST_SECTIONS = 64

LARGEST_CACHE = 4 * 1024 * 1024
"""Bytes; the cache of a full desktop is below 0.3 MB."""
MOST_ENTRIES = 20_000
"""A full desktop has some four thousand."""
MOST_REPEATED = 2
"""Names that are read, in total, as a multiple of the file they come from."""
LONGEST_STRING = 4096
DEEPEST_INCLUDE = 8
MOST_FOLDERS = 1024


class NotCache(Exception):
    """The bytes are not a loader cache this reader knows; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_cache(path: str, levels: tuple[str, ...] | None = None) -> dict[str, tuple[str, ...]]:
    """Return soname to paths from the cache at the real path `path`; `levels` as for `parse_cache`.

    Raises `NotCache`, also where the file cannot be read.
    """
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode) or info.st_size > LARGEST_CACHE:
            raise NotCache("not a file of a loader cache's kind and size")
        with open(path, "rb") as file:
            data = file.read(LARGEST_CACHE)
    except (OSError, ValueError) as error:
        raise NotCache(f"unreadable: {getattr(error, 'strerror', None) or error}") from error
    return parse_cache(data, levels)


def parse_cache(data: bytes, levels: tuple[str, ...] | None = None) -> dict[str, tuple[str, ...]]:
    """Return soname to paths, in the order in which they are preferred, from the bytes of `ld.so.cache`.

    `levels` are the names of `glibc-hwcaps` subfolders that the processor is good for ("x86-64-v3"), the best first:
    entries of these come before others, entries of further ones are left out. Where the processor is not known (None)
    they come last. Entries of every machine are kept: whoever opens the file sees which it is.
    Raises `NotCache` for other formats, lying counts and names outside the file.
    """
    if data.startswith(OLD_MAGIC):
        data = data[_behind_old_format(data) :]
    if not data.startswith(NEW_MAGIC) or len(data) < HEADER.size:
        raise NotCache("not a glibc loader cache")
    _, count, _, flags, extension = HEADER.unpack_from(data, 0)
    if flags & 3 == BIG_ENDIAN_FLAG:
        raise NotCache("a big-endian loader cache")
    if count * ENTRY.size > len(data) - HEADER.size:
        raise NotCache("a truncated loader cache")
    if count > MOST_ENTRIES:
        raise NotCache("a loader cache with an impossible number of entries")
    strings = HEADER.size + count * ENTRY.size
    names = _levels(data, extension, strings)
    found: dict[str, list[tuple[int, str]]] = {}
    left = MOST_REPEATED * len(data)
    for _, key, value, _, hardware in ENTRY.iter_unpack(data[HEADER.size : strings]):
        rank = len(levels or ())
        if hardware & HWCAPS_FLAG:
            number = hardware & 0xFFFFFFFF
            name = names[number] if number < len(names) else ""
            if levels is None:
                rank += 1
            elif name in levels:
                rank = levels.index(name)
            else:
                continue
        soname, path = _string(data, key, strings), _string(data, value, strings)
        left -= len(soname) + len(path)
        if left < 0:
            raise NotCache("a damaged loader cache: names lie upon each other")
        found.setdefault(soname, []).append((rank, path))
    return {
        soname: tuple(path for _, path in sorted(ranked, key=lambda one: one[0])) for soname, ranked in found.items()
    }


def _levels(data: bytes, extension: int, strings: int) -> list[str]:
    """The names of the `glibc-hwcaps` subfolders that entries refer to by number; none where there is no such table."""
    if not extension or extension + EXTENSION.size > len(data):
        return []
    magic, sections = EXTENSION.unpack_from(data, extension)
    if magic != EXTENSION_MAGIC:
        return []
    for index in range(min(sections, MOST_SECTIONS)):
        place = extension + EXTENSION.size + index * EXTENSION_SECTION.size
        if place + EXTENSION_SECTION.size > len(data):
            break
        tag, _, offset, size = EXTENSION_SECTION.unpack_from(data, place)
        if tag == HWCAPS_TAG and offset + size <= len(data):
            words = struct.unpack_from(f"<{min(size // 4, MOST_SECTIONS)}I", data, offset)
            return [_string(data, word, strings) for word in words]
    return []


def _behind_old_format(data: bytes) -> int:
    """Where the new format starts: behind the old entries, on the next multiple of eight."""
    if len(data) < OLD_HEADER_SIZE:
        raise NotCache("a truncated loader cache")
    (count,) = struct.unpack_from("<I", data, OLD_HEADER_SIZE - 4)
    start: int = -(-(OLD_HEADER_SIZE + count * OLD_ENTRY_SIZE) // 8) * 8
    if start >= len(data):
        raise NotCache("a loader cache in the format of before 2001")
    return start


def _string(data: bytes, offset: int, strings: int) -> str:
    stop = data.find(b"\0", offset, offset + LONGEST_STRING) if strings <= offset < len(data) else -1
    if stop < 0:
        raise NotCache("a damaged loader cache: a name lies outside it")
    return data[offset:stop].decode("utf-8", "surrogateescape")


def conf_folders(path: str, read: Callable[[str], str], listdir: Callable[[str], list[str]]) -> tuple[str, ...]:
    """Return the folders named by an `ld.so.conf` at machine path `path` and the files it includes.

    `read` gives the text of a machine path, `listdir` the names in a machine folder; both may raise
    `OSError` (`ValueError` for a name no file can have), which costs that file. Patterns are expanded in
    the last path component alone (the form every distribution ships). At most `DEEPEST_INCLUDE` levels
    and `MOST_FOLDERS` folders.
    """
    found: dict[str, None] = {}
    _gather(path, read, listdir, found, {path}, DEEPEST_INCLUDE)
    return tuple(found)


def _gather(
    path: str,
    read: Callable[[str], str],
    listdir: Callable[[str], list[str]],
    found: dict[str, None],
    seen: set[str],
    depth: int,
) -> None:
    try:
        text = read(path)
    except (OSError, ValueError):
        return
    for line in text.splitlines():
        words = line.partition("#")[0].replace(",", " ").replace(":", " ").split()
        if not words or words[0] == "hwcap" or len(found) >= MOST_FOLDERS:
            continue
        if words[0] != "include":
            found.update(dict.fromkeys(word.partition("=")[0] for word in words if word.startswith("/")))
        elif depth:
            for pattern in words[1:]:
                for file in _expand(posixpath.join(posixpath.dirname(path), pattern), listdir):
                    if file not in seen and len(seen) < MOST_FOLDERS:
                        seen.add(file)
                        _gather(file, read, listdir, found, seen, depth - 1)


def _expand(pattern: str, listdir: Callable[[str], list[str]]) -> list[str]:
    folder, name = posixpath.split(pattern)
    try:
        names = listdir(folder)
    except (OSError, ValueError):
        return []
    return [posixpath.join(folder, entry) for entry in sorted(names) if fnmatch.fnmatchcase(entry, name)]
