"""The files of one distribution as its RECORD lists them, beside those on disk. Nothing is run, little is opened.

Format: "Recording installed projects" (PyPA specifications): path, digest, size. Read are modules and shared objects
alone; headers, static libraries, programs, tests, documentation and caches are what slimmed images leave out, and no
`import` asks for them. A RECORD is text of others: no path in it leads out of its folder of packages, and only
regular files are opened.

Cost, torch 2.14.1 (14,702 lines, 2,451 modules and shared objects): 2 ms to find those lines in the bytes, where
splitting all of them takes 6 ms, and 3 µs a file to ask for its size.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.image import PT_LOAD, NotElf, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envdoctor.host.host import Host

MOST_RECORD = 4 * 1024 * 1024
"""Bytes read of one RECORD; torch's has 1.5 MB."""

MOST_FILES = 10_000
"""Files compared of one distribution; torch 2.14.1 has 2,451 that count."""

MOST_SOURCE = 4 * 1024 * 1024
"""Bytes read of a module whose size differs."""

IMPORTED = re.compile(
    rb"(?:\.(?:py|so[.\d]*|pyd|dll|dylib|bc)|/torch_shm_manager),([^,\n]{0,200}),(\d{0,15})\r?(?:\n|\Z)"
)
"""The end of a line that names a module, a shared object, what triton links into its kernels (libdevice.10.bc), or
the program without which `import torch` fails."""

LEFT_OUT = re.compile(r"(?:^|/)(?:tests?|testing/_internal|include|bin|share|docs?|examples?)(?:/|$)")
"""Folders that slimmed images go without; of torch's own programs its import looks for one."""

ODD = re.compile(r'[:\0"\\,]')
"""What no installer writes into the path of a module: a drive, a NUL byte, quotation marks, a backslash."""

SHARED = re.compile(r"\.(?:so[.\d]*|pyd|dll|dylib)$")


KIND_AND_READ = stat.S_IFMT(0xFFFF) | stat.S_IROTH
REGULAR = stat.S_IFREG | stat.S_IROTH
"""The bits of a mode that say what a file is and whether everybody may read it, and those of an ordinary file."""


class Entry(NamedTuple):
    """One line of RECORD: `digest` as written ("sha256=..."), `size` in bytes, None where it is not stated."""

    path: str
    digest: str
    size: int | None


class Difference(NamedTuple):
    """One file that is not as recorded.

    `what` is "missing", "unreadable", "truncated" (a shared object that is no whole one any more, or an emptied
    module), "size" or "hash" (whole, and not what was installed). `found` is its size in bytes.
    """

    path: str
    what: str
    recorded: int | None
    found: int | None

    @property
    def unusable(self) -> bool:
        """Whether the file cannot do what it was installed for; otherwise it is another one than was installed."""
        return self.what in ("missing", "unreadable", "truncated")


def is_shared(path: str) -> bool:
    """Whether a path names a shared object, of whatever system."""
    return SHARED.search(path) is not None


def entries(host: Host, info: str) -> list[Entry] | None:
    """Return the modules and shared objects that the RECORD in a dist-info folder lists, None where there is none."""
    try:
        data = _content(host.path(os.path.join(info, "RECORD")), MOST_RECORD)
    except (OSError, ValueError):
        return None
    return parse(data, windows=host.os == "windows")


def parse(data: bytes, *, windows: bool = False) -> list[Entry]:
    """Read the lines of a RECORD that count; of a path with a comma or quotation marks nothing is said."""
    found: list[Entry] = []
    usable: dict[str, bool] = {}
    for match in IMPORTED.finditer(data):
        start = data.rfind(b"\n", 0, match.start()) + 1
        try:
            path = data[start : match.start(1) - 1].decode()
        except UnicodeDecodeError:
            continue
        if windows:
            path = path.replace("\\", "/")
        folder = path.rpartition("/")[0]
        counts = usable.get(folder)
        if counts is None:
            counts = usable[folder] = _counts(folder)
        if counts and not ODD.search(path):
            size = match[2]
            found.append(Entry(path, match[1].decode("ascii", "replace"), int(size) if size else None))
            if len(found) == MOST_FILES:
                break
    return found


def _counts(folder: str) -> bool:
    """Whether files of that folder are compared: it is one below the folder of packages, and not left out."""
    return (
        not folder.startswith("/")
        and ".." not in folder.split("/")
        and (folder == "torch/bin" or not LEFT_OUT.search(folder))
    )


def compare(host: Host, site: str, listed: Iterable[Entry], pause: Callable[[], object] = bool) -> Iterator[Difference]:
    """Yield what is not as recorded: gone, of another size, or not readable for this user.

    `pause` is called before a file is opened and may raise what shall end this.
    """
    ask, of_this_machine = os.stat, host.root == "/"
    for path, _, size in listed:
        place = f"{site}/{path}"
        if not of_this_machine:
            place = host.path(place)
        try:
            info = ask(place)
        except (FileNotFoundError, NotADirectoryError):
            if not _compiled_instead(place):
                yield Difference(path, "missing", size, None)
            continue
        except (OSError, ValueError):  # a folder closed to this user, a failing disk
            yield Difference(path, "unreadable", size, None)
            continue
        if info.st_mode & KIND_AND_READ != REGULAR and not _may_read(place, info.st_mode):
            yield Difference(path, "unreadable", size, None)
        elif size is not None and info.st_size != size:
            pause()
            what = defect(place, path, size, info.st_size)
            if what:
                yield Difference(path, what, size, info.st_size)


def _may_read(place: str, mode: int) -> bool:
    """Whether it is a regular file that this user may read; nothing is opened."""
    return stat.S_ISREG(mode) and os.access(place, os.R_OK)


def defect(place: str, path: str, size: int | None, found: int) -> str | None:
    """Say how a file that differs from its record is wrong; None where only its line ends differ.

    `place` is where it really lies. A library without its symbols (`strip`) or with another RPATH (`patchelf`) is
    whole, and a module may have been mended by hand.
    """
    if is_shared(path):
        return _broken_object(place) or ("size" if found != size else "hash")
    if not path.endswith(".py"):
        return "size" if found != size else "hash"
    if not found:
        return "truncated"
    try:
        text = _content(place, MOST_SOURCE)
    except (OSError, ValueError):
        return "unreadable"
    if b"\0" in text:
        return "truncated"  # blocks that a crash of the system left unwritten; Python reads no module with them
    if found != size and len(text.replace(b"\r\n", b"\n")) == size:
        return None
    return "size" if found != size else "hash"


def _broken_object(place: str) -> str | None:
    """Say whether what the loader maps of a shared object lies beyond its end, or it is none at all."""
    try:
        with opened(place) as image:
            whole = all(part.offset + part.size <= image.size for part in image.segments if part.kind == PT_LOAD)
    except NotElf as problem:
        if problem.reason.startswith("unreadable"):
            return "unreadable"
        # Of the formats of Windows and macOS nothing is read here.
        return None if problem.reason in ("a Windows PE file", "a Mach-O file") else "truncated"
    return None if whole else "truncated"


def _compiled_instead(place: str) -> bool:
    """Whether a module was compiled and its source taken away: `python -m compileall -b`."""
    return place.endswith(".py") and os.path.isfile(f"{place}c")


def _content(place: str, limit: int) -> bytes:
    """Return the first bytes of a regular file. Raises OSError, also for a FIFO or a device, and ValueError."""
    if not stat.S_ISREG(os.stat(place).st_mode):
        raise OSError(f"{place} is not a regular file")
    with open(place, "rb") as file:
        return file.read(limit)
