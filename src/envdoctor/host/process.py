"""Commands with a deadline: what hangs costs its answer, never the doctor.

A driver that hangs does so inside the kernel, where neither a thread nor a signal reaches it. So whatever
may hang runs in a child of its own process group; after the deadline the group is killed and, should
even that not end it (uninterruptible sleep), left to itself.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from envdoctor.host.pipes import MOST_OUTPUT, Pipes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


NOT_STARTED = "was not started"
"""Begins the trouble of a command that a limit of this process kept from starting: it says nothing of the command."""

OWN_LIMITS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


class Answer(NamedTuple):
    """What a command gave: `exit` is None when it could not be started or did not end in time.

    `out` and `error` hold what it wrote until then, so a child that hangs half-way keeps its first half.
    `trouble` says in words why `exit` is None.
    """

    exit: int | None
    out: str
    error: str = ""
    trouble: str = ""


def child_script(name: str) -> str:
    """Return the path of a script in `host/child`, found without importing it or what it imports."""
    return os.path.join(os.path.dirname(__file__), "child", f"{name}.py")


class Running(Protocol):
    """A command under way."""

    def answer(self, deadline: float) -> Answer:
        """Wait until it ends or `time.monotonic()` passes `deadline`, and return what it gave."""
        ...

    def stop(self) -> None:
        """End it, whether or not it was asked for its answer."""
        ...


class Recorded:
    """The answer of a machine that is a recorded tree."""

    def __init__(self, answer: Answer | None) -> None:
        self._answer = answer or Answer(None, "", trouble="not found on this recorded machine")

    def answer(self, deadline: float) -> Answer:  # noqa: ARG002 - the answer is already there
        """Return what was recorded."""
        return self._answer

    def stop(self) -> None:
        """Nothing runs."""


class Child:
    """A command of the live machine."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self._started = time.monotonic()
        self._answer: Answer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._trouble = ""
        with STARTING:
            try:
                self._process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=dict(environ),
                    start_new_session=True,  # nothing on Windows, where killing a child is killing it alone
                )
            except (OSError, ValueError) as problem:  # ValueError: a NUL byte in a path
                said = getattr(problem, "strerror", None) or problem
                limit = getattr(problem, "errno", None) in OWN_LIMITS
                self._trouble = f"{NOT_STARTED}: {said}" if limit else f"{argv[0]}: {said}"
                return
            assert self._process.stdout is not None  # both are PIPE above
            assert self._process.stderr is not None
            self._pipes = Pipes(self._process.stdout, self._process.stderr)
            RUNNING.add(self)

    def answer(self, deadline: float) -> Answer:
        """Wait until it ends or `time.monotonic()` passes `deadline`, and return what it gave."""
        if self._process is None:
            return Answer(None, "", trouble=self._trouble)
        if self._answer is None:
            self._answer = self._wait(self._process, deadline)
        return self._answer

    def _wait(self, process: subprocess.Popen[bytes], deadline: float) -> Answer:
        pipes = self._pipes
        pipes.read(deadline, lambda: process.poll() is not None)
        status: int | None = None
        trouble = ""
        try:
            status = process.wait(0.05 if pipes.flooded else max(0.05, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            trouble = f"did not answer within {time.monotonic() - self._started:.0f} s"
        if pipes.flooded:
            status, trouble = None, f"wrote more than {MOST_OUTPUT // 1024} KiB"
        if process.returncode is None or pipes.open:
            end_group(process)  # it hangs, floods, or left a grandchild that holds its pipes
            pipes.read_rest()
        pipes.close()
        RUNNING.discard(self)
        if status is not None and status < 0:
            trouble = f"was ended by signal {signal_name(-status)}"
        out, error = map(_text, pipes.kept)
        return Answer(status, out, error, trouble)

    def stop(self) -> None:
        """End the whole process group; after an answer nothing is left to end."""
        RUNNING.discard(self)
        if self._process is not None and self._answer is None:
            end_group(self._process)
            self._pipes.close()
            self._answer = Answer(None, "", trouble="was stopped")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child with its process group, without waiting for what cannot be ended."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    if process.returncode is None:
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            process.returncode = -signal.SIGTERM  # stuck in the kernel: nothing more to be done from here


class Stoppable(Protocol):
    """Something that runs beside this process."""

    def stop(self) -> None:
        """End it."""


RUNNING: set[Stoppable] = set()
"""The children under way, so that Ctrl-C leaves none behind."""


class Starting:
    """The moment between a child's birth and its entry in `RUNNING`, in which no signal may interrupt.

    A handler asks `defers`; a signal that came meanwhile is raised again at the end.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._came: int | None = None

    def defers(self, number: int) -> bool:
        """Whether a signal has to wait; if so it is remembered."""
        if self._depth:
            self._came = number
        return bool(self._depth)

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._came is not None and not self._depth:
            number, self._came = self._came, None
            signal.raise_signal(number)


STARTING = Starting()


def stop_all() -> None:
    """End every child that is still under way."""
    for child in list(RUNNING):
        child.stop()


def _text(blocks: list[bytes]) -> str:
    return b"".join(list(blocks))[:MOST_OUTPUT].decode("utf-8", "replace")


def signal_name(number: int) -> str:
    """Return what a signal is called, its number where it has no name here."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
