"""A copy of a folder that shares nothing with it that can be written through.

What is copied: folders, regular files (holes stay holes), symbolic links as they are. A file with several names becomes
several files: uv gives the files of its environments further names in its cache, and whoever writes into one of those
changes every environment made from it. Sockets, FIFOs and devices are left out. Owner, mode, times (ns) and extended
attributes follow as far as this user may set them.

Blocks are shared where the file system can (`host/reflink.py`); elsewhere the kernel copies (copy_file_range(2)).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.fix.attributes import NOT_OURS, copy_attributes, resemble
from envdoctor.host import reflink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = 16 * 1024 * 1024
"""Bytes copied between two words on how far it is."""

PAUSE = 0.1
"""Seconds between two words on how far it is."""

TRIES = 3
"""How often a file is begun again that changes while it is copied, and a folder removed that others write into."""

NO_RANGE = (*NOT_OURS, errno.EXDEV, errno.EBADF, errno.EIO, errno.ETXTBSY)
"""Why copy_file_range(2) does not serve two files; reading and writing may, and says so where it does not either."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if hasattr(errno, "EDQUOT") else (errno.ENOSPC, errno.EFBIG)
"""What is the fault of the place that is written to."""


class Size(NamedTuple):
    """What a folder takes on the disk, in bytes of blocks, and how many files and links it has.

    A file with several names counts as often, as a copy has it.
    """

    bytes: int
    files: int


def size_of(folder: str) -> Size:
    """Return what a copy of `folder` takes on a file system that does not share blocks.

    Raises OSError where a folder within cannot be listed; what vanishes meanwhile does not count.
    """
    told, files = _on_disk(os.lstat(folder)), 0
    for entry in entries_below(folder):
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(status.st_mode):
            told += _on_disk(status)
        elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            told += _on_disk(status)
            files += 1
    return Size(told, files)


def shares_blocks(folder: str) -> bool:
    """Return whether a copy made in `folder` shares the blocks of what it is a copy of, and takes next to no room.

    Tried with two files that have no name where the system can (O_TMPFILE); False where none can be made.
    """
    from tempfile import TemporaryFile

    try:
        with TemporaryFile(dir=folder) as source, TemporaryFile(dir=folder) as target:
            source.write(b"envdoctor" * 1000)
            source.flush()
            return reflink.share(source.fileno(), target.fileno())
    except OSError:
        return False


def clone(source: str, target: str, tell: Callable[[int, int], None]) -> Size:
    """Copy the folder `source` to `target`, which must not exist; `tell` is given bytes done and of how many.

    Returns the size of what was copied; what vanishes meanwhile is left out. Raises OSError with the name of the file:
    one that cannot be read or written, no space left (ENOSPC), a file that does not stop changing (EBUSY), a target
    within the source (EINVAL). What was made until then is left for `remove`.
    """
    inside = os.path.join(os.path.realpath(source), "")
    if os.path.join(os.path.realpath(target), "").startswith(inside):
        raise OSError(errno.EINVAL, "a folder cannot be copied into itself", target)
    progress = _Progress(size_of(source).bytes, tell)
    files = 0
    folders: list[tuple[str, os.stat_result]] = []
    waiting = [(source, target)]
    while waiting:  # no recursion: a tree may be deeper than the stack
        old, new = waiting.pop()
        try:
            status, entries = os.lstat(old), _listed(old)
        except FileNotFoundError:
            if old == source:
                raise
            continue
        os.mkdir(new, 0o700)
        folders.append((new, status))
        copy_attributes(old, new)
        progress.add(_on_disk(status))
        for entry in entries:
            made = os.path.join(new, entry.name)
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, made))
            elif entry.is_symlink():
                files += _copy_link(entry.path, made, progress)
            elif entry.is_file(follow_symlinks=False):
                files += _copy_file(entry.path, made, progress)
    # After their content, which changes their times, and which a read-only one does not take.
    for made, status in reversed(folders):
        resemble(made, status)
    progress.end()
    return Size(progress.done, files)


def remove(folder: str) -> None:
    """Take a folder away with all that is in it, read-only folders included; one that is not there is fine.

    No link is followed: one is taken away as a link, `folder` itself too. Raises OSError where something does not go.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            _remove(folder)
            return
        except OSError as problem:
            # A process that was ended may for a moment still write into it, or take a file away before us.
            if not tries_left or problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise
            time.sleep(0.05)


class _Progress:
    """How many bytes are done, told now and then."""

    def __init__(self, of: int, tell: Callable[[int, int], None]) -> None:
        self.done, self._of, self._tell, self._next = 0, of, tell, 0.0

    def add(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE
            self._tell(min(self.done, self._of), self._of)

    def end(self) -> None:
        self._tell(self._of, self._of)


def _copy_link(old: str, new: str, progress: _Progress) -> bool:
    try:
        status, leads = os.lstat(old), os.readlink(old)
    except FileNotFoundError:
        return False
    os.symlink(leads, new)
    copy_attributes(old, new)
    resemble(new, status)
    progress.add(_on_disk(status))
    return True


def _copy_file(old: str, new: str, progress: _Progress) -> bool:
    """Copy one file; False where it is gone meanwhile."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    begun = progress.done
    for _ in range(TRIES):
        progress.done = begun
        try:
            source = os.open(old, flags)
        except FileNotFoundError:
            return False
        try:
            before = os.fstat(source)
            if not stat.S_ISREG(before.st_mode):
                return False  # the name changed hands
            _content(source, before, old, new, progress)
            after = os.fstat(source)
        finally:
            os.close(source)
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            copy_attributes(old, new)
            resemble(new, before)
            return True
        os.unlink(new)
    raise OSError(errno.EBUSY, "changes while it is copied", old)


def _content(source: int, status: os.stat_result, old: str, new: str, progress: _Progress) -> None:
    """Make the file `new` with what the open `source` holds."""
    target = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        if reflink.share(source, target):
            progress.add(_on_disk(status))
            return
        begun = progress.done
        for start, end in _data(source, status):
            while start < end:
                count = _some(source, target, start, min(BLOCK, end - start))
                if not count:
                    break  # it shrank: seen by its size afterwards
                start += count
                progress.add(count)
        os.ftruncate(target, status.st_size)  # a hole at its end
        progress.done = begun + _on_disk(status)
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, new if problem.errno in FULL else old) from problem
    finally:
        os.close(target)


def _data(source: int, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """Yield where the parts of a file begin and end that are no holes."""
    if _on_disk(status) >= status.st_size or not hasattr(os, "SEEK_DATA"):
        yield 0, status.st_size
        return
    end = 0
    while end < status.st_size:
        try:
            start = os.lseek(source, end, os.SEEK_DATA)
        except OSError as problem:
            if problem.errno == errno.ENXIO:  # nothing but a hole follows
                return
            raise
        end = os.lseek(source, start, os.SEEK_HOLE)
        yield start, end


def _some(source: int, target: int, start: int, count: int) -> int:
    """Copy up to `count` bytes at `start`, and return how many; 0 at the end of the file."""
    if hasattr(os, "copy_file_range"):
        try:
            copied = os.copy_file_range(source, target, count, start, start)
            if copied:
                return copied
        except OSError as problem:
            if problem.errno not in NO_RANGE:
                raise
    # Some file systems answer 0 (copy_file_range(2), "Bugs"): only a read tells the end.
    os.lseek(source, start, os.SEEK_SET)
    os.lseek(target, start, os.SEEK_SET)
    return os.write(target, os.read(source, min(count, 1024 * 1024)))


def _remove(folder: str) -> None:
    """Take everything away that is there at this moment."""
    try:
        mode = os.lstat(folder).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        os.unlink(folder)
        return
    folders = []
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        folders.append(place)
        open_up(place)
        for entry in _listed(place):
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                os.unlink(entry.path)
    for place in reversed(folders):
        os.rmdir(place)


def open_up(folder: str) -> None:
    """Make a folder one that can be written into; that of another user says so when that is tried."""
    mode = stat.S_IMODE(os.lstat(folder).st_mode)
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        try:
            os.chmod(folder, mode | stat.S_IRWXU)
        except PermissionError:
            pass


def entries_below(folder: str) -> Iterator[os.DirEntry[str]]:
    """Yield everything below a folder, each folder before what is in it; a folder that vanishes holds nothing.

    Raises OSError where one cannot be listed.
    """
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            listed = _listed(place)
        except FileNotFoundError:
            if place == folder:
                raise
            continue
        yield from listed
        waiting += [entry.path for entry in listed if entry.is_dir(follow_symlinks=False)]


def _listed(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _on_disk(status: os.stat_result) -> int:
    blocks: int | None = getattr(status, "st_blocks", None)  # in 512 bytes (stat(2)); Windows has none
    return status.st_size if blocks is None else blocks * 512
