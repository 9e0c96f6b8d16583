"""Looking from the command line: the live machine, or the recorded one that stands in for it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Protocol

from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.cli import Invocation
    from envdoctor.host.host import Host
    from envdoctor.model.snapshot import Snapshot


class Seeing(Protocol):
    """A look that was begun."""

    def __call__(self, meanwhile: Callable[[], object] = ..., /) -> Snapshot:
        """Finish it; `meanwhile` is called once, while the shared objects are read on another processor."""


SYSROOT = "ENVDOCTOR_SYSROOT"
"""A variable that names a recorded tree (`host/host.py`), which is examined in place of this machine."""


def examine(
    invocation: Invocation, python: str | None, timeout: float, *, deep: bool = False, without: tuple[str, ...] = ()
) -> Seeing:
    """Begin to look at this machine and return what finishes it; meanwhile other work can be done.

    With `deep` the content of installed files is compared as well; a terminal is told how far that is. `without` are
    the names of probes that are not asked.

    Both raise `Unusable` where there is no interpreter to examine.
    """
    from envdoctor.host.host import Host
    from envdoctor.probes import interpreter, target
    from envdoctor.probes.begin import begin

    root = os.environ.get(SYSROOT)
    host = _recorded(root) if root else Host()
    try:
        cwd = os.getcwd()
    except FileNotFoundError:  # the working directory was removed: no project is near
        cwd = "/"
    try:
        chosen = target.choose(
            host,
            python=python,
            script=invocation.script or not host.live,  # a recorded machine does not run envdoctor
            executable=sys.executable,
            prefix=sys.prefix,
            cwd=cwd if host.live else "/",
        )
    except target.NoTarget as problem:
        raise Unusable(str(problem)) from None
    looking = begin(host, chosen, timeout=timeout, without=without)
    looking.cwd = cwd if host.live else None
    looking.deep = deep
    if deep and invocation.watched and sys.stderr.isatty():
        looking.progress = _show_progress

    def finished(meanwhile: Callable[[], object] = bool) -> Snapshot:
        from envdoctor.probes.look import finish

        try:
            return finish(looking, meanwhile)
        except interpreter.NotPython as problem:
            raise Unusable(str(problem)) from None

    return finished


def _show_progress(done: int, of: int) -> None:
    # The cursor goes back at once, and the line is no longer than "envdoctor: interrupted", which takes its place.
    said = f"hashed {done / 1e9:.1f} of {of / 1e9:.1f} GB" if done < of else ""
    try:
        sys.stderr.write(f"{said}\x1b[K\r")
        sys.stderr.flush()
    except OSError:  # the terminal went away; the report may still have a reader
        pass


def _recorded(root: str) -> Host:
    """Open a recorded tree. Raises `Unusable`."""
    from envdoctor.host.host import Host

    try:
        return Host.recorded(root)
    except (OSError, ValueError) as problem:
        raise Unusable(f"{SYSROOT}={root}: no recorded machine: {problem}") from None


def saved(name: str) -> Snapshot:
    """Read a snapshot or diagnosis from a file, or from standard input for `-`. Raises `Unusable`."""
    from envdoctor.codec.read import UnreadableSnapshot, load_snapshot

    try:
        return load_snapshot(content(name, MOST_INPUT), name)
    except UnreadableSnapshot as problem:
        raise Unusable(str(problem)) from None


MOST_INPUT = 50 * 1024 * 1024 + 1
"""One byte more than the reader takes, so that it can say "too large" instead of reading on."""


def content(name: str, most: int) -> bytes:
    """Return the first `most` bytes of a file, or of standard input for `-`. Raises `Unusable`."""
    import stat

    try:
        if name == "-" and sys.stdin is None:
            raise Unusable("-: standard input is closed")
        if name == "-":
            return sys.stdin.buffer.read(most)
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise Unusable(f"{name}: not a regular file")
        with open(name, "rb") as file:
            return file.read(most)
    except OSError as problem:
        raise Unusable(f"{name}: {problem.strerror or problem}") from None
