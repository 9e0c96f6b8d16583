"""Files that are written whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

import click

from envdoctor.commands.failure import Unusable
from envdoctor.commands.same_file import STDOUT, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS: list[str] = []
"""Files that are half written at this moment; a signal that ends the run takes them away."""


def try_out(path: str, *, added: bool = False) -> None:
    """Find out whether `save` could write a file, and leave no trace. Raises `Unusable` with the reason.

    A neighbour is made and taken away again: what the system says then is what it would say afterwards.
    """
    if identity(path) == STDOUT:
        return
    try:
        there = _status(path)
        if there is None or stat.S_ISREG(there.st_mode):
            if path.endswith(("/", os.sep)):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if there:
                _refuse_read_only(path)
            if there and added:
                open(path, "ab").close()
            else:
                with _beside(os.path.realpath(path), None):
                    pass
        elif stat.S_ISDIR(there.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # A device or a FIFO: to open one may wait for a reader, or be heard.
    except OSError as problem:
        raise _unwritable(path, problem) from None


def _unwritable(path: str, problem: OSError) -> Unusable:
    return Unusable(f"{path}: cannot be written: {problem.strerror or problem}")


def save(path: str, text: str, *, added: bool = False) -> None:
    """Write a file whole or not at all: into a neighbour first, then renamed. Raises `Unusable`.

    A link stays and what it points to is written; a file that is there keeps its mode. With `added` it keeps what it
    holds as well, and the text follows.
    """
    if not path:
        raise Unusable("-o: no file name")
    if identity(path) == STDOUT:  # also /dev/stdout: what the shell redirected is written to, not replaced
        click.echo(text, nl=False)
        return
    try:
        _write(path, text, added)
    except OSError as problem:
        raise _unwritable(path, problem) from None


def _write(path: str, text: str, added: bool) -> None:
    there = _status(path)
    if there and not stat.S_ISREG(there.st_mode):  # a device, a FIFO; a folder is refused by open
        with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
        return
    if path.endswith(("/", os.sep)):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    content = text.encode("utf-8", "backslashreplace")
    if there and added:
        _append(path, content)
    else:
        if there:
            _refuse_read_only(path)
        _replace(os.path.realpath(path), content, stat.S_IMODE(there.st_mode) if there else None)


def _append(path: str, content: bytes) -> None:
    """Put a text at the end of a file, apart from what it holds; or leave the file as it was."""
    with open(path, "ab", buffering=0) as file:
        before = file.tell()
        # Whatever stands there may lack the end of its last line, and an empty line ends a paragraph.
        waiting = memoryview((b"\n\n" if before else b"") + content)
        try:
            while waiting:
                waiting = waiting[file.write(waiting) :]
        except OSError:
            file.truncate(before)
            raise


def replace(path: str, content: bytes) -> None:
    """Write a file that is there anew, whole or not at all; a link and the mode stay. Raises `Unusable`."""
    try:
        _refuse_read_only(path)
        _replace(os.path.realpath(path), content, stat.S_IMODE(os.stat(path).st_mode))
    except OSError as problem:
        raise _unwritable(path, problem) from None


def _refuse_read_only(path: str) -> None:
    """Raise what writing to the file itself would: a neighbour that is renamed over it takes no notice."""
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _replace(path: str, content: bytes, mode: int | None) -> None:
    with _beside(path, mode) as (beside, file):
        with file:
            file.write(content)
        if mode is not None:
            os.chmod(beside, mode)
        os.replace(beside, path)


@contextmanager
def _beside(path: str, mode: int | None) -> Iterator[tuple[str, IO[bytes]]]:
    """Make an empty neighbour of a file, and take it away in the end unless it was renamed."""
    beside = os.path.join(os.path.dirname(path), f"envdoctor.{os.getpid()}.part")
    ours = not os.path.lexists(beside)
    if ours:
        PARTS.append(beside)

    def private(name: str, flags: int) -> int:
        # Nobody may read meanwhile what the file itself hides.
        return os.open(name, flags, 0o666 if mode is None else 0o600)

    try:
        with open(beside, "xb", opener=private) as file:
            yield beside, file
    finally:
        if ours:
            with suppress(OSError):  # renamed, or never made
                os.unlink(beside)
            PARTS.remove(beside)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
