"""Files that a project keeps, held as they are before a fix and put back after one that failed.

A copy lies in the place's `files` with content, mode, owner and times. Back goes only what nobody else wrote since:
what the fix left is told by its digest and, where a fix died before it noted that, by when the file was last written.
"""

from __future__ import annotations

import errno
import os
import stat
from hashlib import sha256
from typing import TYPE_CHECKING

from envdoctor.fix.durable import remove_file, synchronise
from envdoctor.fix.journal import FileKept

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envdoctor.fix.place import Place

GRACE = 60.0
"""Seconds after the last sign of a fix in which a change is still its own: a manager may be silent before it writes."""

GONE = "gone"
"""Stands for the digest of a file that is not there."""

BY_PERSONS = "pyproject.toml"
"""The one of these files that persons write too."""

NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def keep(place: Place, paths: Iterable[str], texts: Mapping[str, str | None] | None = None) -> tuple[FileKept, ...]:
    """Copy files into the place's `files` and return what `put_back` needs; one that is not there is noted as such.

    `texts` are what is going to be put into some of them, by path.
    Copies of an earlier fix stay. Raises `OSError` with the file's name: no room, no permission, or a path that is a
    link, a folder or a device, which would not come back as what it was.
    """
    os.makedirs(place.files, 0o700, exist_ok=True)
    _no_link(place.files)
    kept = []
    for path in paths:
        if _is_there(path):
            name = _free_name(place.files, os.path.basename(path))
            _copy(path, os.path.join(place.files, name))
            text = (texts or {}).get(path)
            kept.append(FileKept(path, name, "", "" if text is None else sha256(text.encode()).hexdigest()))
        else:
            kept.append(FileKept(path, None, ""))
    return tuple(kept)


def settled(kept: Iterable[FileKept]) -> tuple[FileKept, ...]:
    """Return the same with the digests of the files as they are now: what the fix left. Raises `OSError`."""
    return tuple(one._replace(left=_digest(one.path) if _is_there(one.path) else GONE) for one in kept)


def holds(path: str, text: str) -> bool:
    """Whether a file's content is this text. Raises `OSError`."""
    return _read(path)[0] == text.encode()


def put_in(path: str, text: str) -> None:
    """Write a project's file anew, at once, with mode and owner as they were. Raises `OSError` with its name."""
    _write(path, text.encode(), os.lstat(path) if _is_there(path) else None)


def put_back(place: Place, kept: Sequence[FileKept]) -> tuple[str, ...]:
    """Put every file back as it was, each at once, and return a sentence for each that had to stay.

    A file whose digest is not what the fix left was changed since and stays; so does, where `left` is empty because
    the fix was killed, one that was written later than it lived. A file that was not there before is removed. To do so
    twice is to do so once. Raises the first `OSError` after all files were tried.
    """
    _no_link(place.files)
    alive = _last_sign(place)
    notes: list[str] = []
    trouble: OSError | None = None
    for one in kept:
        try:
            notes.extend(_put_back(place, one, alive))
        except OSError as problem:
            trouble = trouble or problem
    if trouble is not None:
        raise trouble
    return tuple(notes)


def _put_back(place: Place, one: FileKept, alive: float) -> tuple[str, ...]:
    remove_file(_passing(one.path))  # of a run that was killed before it came to the rename
    there = _is_there(one.path)
    ours = _is_ours(one, alive) if there else one.left in ("", GONE)
    if one.kept is None:
        if there and not ours:
            return (f"{one.path} was changed since the fix and stays so",)
        if there:
            os.unlink(one.path)
            synchronise(os.path.dirname(one.path))
        return ()
    copy = os.path.join(place.files, one.kept)
    if there and _is_as(one.path, copy):
        return ()
    if not os.path.isdir(os.path.dirname(one.path)):
        return (f"{one.path} is not put back: its folder is gone",)
    if ours or (there and _digest(one.path) == _digest(copy)):
        notes = _saved(one) if there else ()
        _copy(copy, one.path)
        return notes
    if one.left:
        return (f"{one.path} was {'changed' if there else 'removed'} since the fix and stays so",)
    beside = f"{one.path}.before-fix"
    _copy(copy, beside)
    return (f"{one.path} was changed after the fix was interrupted and stays so; {beside} is what it was",)


def _saved(one: FileKept) -> tuple[str, ...]:
    """Save what stands in a manifest about which nothing but the time says that the fix wrote it; a person might have.

    What the fix itself is known to have put in is nobody's; lock files are written by programs alone.
    """
    if one.left or os.path.basename(one.path) != BY_PERSONS or _digest(one.path) == one.put:
        return ()
    beside = f"{one.path}.interrupted"
    _copy(one.path, beside)
    return (f"{one.path} is again as it was before; what stood there is in {beside}",)


def _is_ours(one: FileKept, alive: float) -> bool:
    """Whether what stands there was written by the fix."""
    if one.left:
        return _digest(one.path) == one.left
    return os.lstat(one.path).st_mtime <= alive + GRACE


def _last_sign(place: Place) -> float:
    """Return when the fix last wrote its journal or its log, in seconds since the epoch."""
    signs = [0.0]
    for path in (place.journal, place.log):
        try:
            signs.append(os.lstat(path).st_mtime)
        except FileNotFoundError:
            pass
    return max(signs)


def _no_link(folder: str) -> None:
    if os.path.islink(folder):
        raise OSError(errno.ENOTDIR, "is a link, and no folder of envdoctor's", folder)


def _is_there(path: str) -> bool:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is no plain file", path)
    return True


def _free_name(folder: str, name: str) -> str:
    number = 1
    while os.path.lexists(os.path.join(folder, f"{number}-{name}")):
        number += 1
    return f"{number}-{name}"


def _read(path: str) -> tuple[bytes, os.stat_result]:
    with open(os.open(path, os.O_RDONLY | NO_LINK | getattr(os, "O_BINARY", 0)), "rb") as file:
        return file.read(), os.fstat(file.fileno())


def _is_as(path: str, copy: str) -> bool:
    (content, about), (kept, before) = _read(path), _read(copy)
    same = (stat.S_IMODE(about.st_mode), about.st_mtime_ns) == (stat.S_IMODE(before.st_mode), before.st_mtime_ns)
    return content == kept and same


def _digest(path: str) -> str:
    return sha256(_read(path)[0]).hexdigest()


def _copy(source: str, target: str) -> None:
    content, about = _read(source)
    _write(target, content, about, times=True)


def _write(target: str, content: bytes, like: os.stat_result | None, *, times: bool = False) -> None:
    """Write under another name, with mode and owner of `like`, and rename that: `target` is whole at any time."""
    passing = _passing(target)
    remove_file(passing)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(passing, flags, 0o666 if like is None else 0o600), "wb") as file:
            file.write(content)
            file.flush()
            if like is not None:
                _own(file.fileno(), like)
                os.chmod(passing, stat.S_IMODE(like.st_mode))
                if times:
                    os.utime(passing, ns=(like.st_atime_ns, like.st_mtime_ns))
            os.fsync(file.fileno())
        os.replace(passing, target)
    except OSError as problem:
        remove_file(passing)
        raise OSError(problem.errno, problem.strerror, target) from problem
    synchronise(os.path.dirname(target))


def _passing(path: str) -> str:
    """Return the name of a file until it is whole: always the same, so that what a killed run left is found."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.envdoctor")


def _own(handle: int, like: os.stat_result) -> None:
    if not hasattr(os, "fchown"):
        return
    try:
        os.fchown(handle, like.st_uid, like.st_gid)
    except PermissionError:
        pass  # the owner of a file is for root alone to choose
