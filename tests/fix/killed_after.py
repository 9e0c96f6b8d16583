"""Real SIGKILLs at every step: a process that works and kills itself just before it changes the disk the N-th time.

    python killed_after.py N -- fix --apply --yes ...

runs `envdoctor` with these arguments and kills it at step N; with N = 0 it runs to its end. A run that ends by itself
writes the number of its steps as the last line on standard error. `killed_at` does the same with a function.

A step is one event of `sys.addaudithook` that changes files or starts a program. Those that follow each other below the
copy (`.envdoctor/new/`) count as one, since copying a thousand files is one step; `--each-file` counts them all.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CHANGING = {
    *("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("os.chown", "os.utime", "os.setxattr", "fcntl.flock", "subprocess.Popen", "os.posix_spawn", "os.fork"),
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
COPY = f".envdoctor{os.sep}new{os.sep}"
FAILED = 70


class Steps:
    """Counts the steps of this process and kills it at one of them."""

    def __init__(self, last: int, *, each_file: bool = False) -> None:
        self.count = 0
        self._last = last
        self._each_file = each_file
        self._in_copy = False
        self._process = os.getpid()

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """The audit hook. What a forked copy of this process does is no step of it."""
        if not _changes(event, args) or os.getpid() != self._process:
            return
        path = args[0] if args and isinstance(args[0], str) else ""
        within, self._in_copy = self._in_copy, COPY in path
        if within and self._in_copy and not self._each_file:
            return
        self.count += 1
        if self.count == self._last:
            os.kill(self._process, signal.SIGKILL)


def _changes(event: str, args: tuple[Any, ...]) -> bool:
    if event == "open":
        path, _, flags = args
        return bool(flags & WRITING) and not str(path).startswith(("/dev/", "/proc/"))
    if event == "ctypes.dlsym":
        return args[1] == "renameat2"
    return event in CHANGING


def killed_at(step: int, work: Callable[[], object], *, each_file: bool = False) -> bool:
    """Do the work in a forked process that kills itself at a step; whether it was killed, or came to its end before.

    Work that raises is an AssertionError here, and its traceback is on standard error.
    """
    child = os.fork()
    if not child:
        code = FAILED
        try:
            sys.addaudithook(Steps(step, each_file=each_file).hear)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the work that was to be killed at step {step} ended with {code}"
    return code != 0


def main() -> None:
    """Run the command line of envdoctor in this process."""
    own, argv = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    steps = Steps(int(own[0]), each_file="--each-file" in own)
    sys.dont_write_bytecode = True
    from envdoctor.cli import main as envdoctor

    sys.addaudithook(steps.hear)
    try:
        envdoctor(argv)
    finally:
        print(steps.count, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
