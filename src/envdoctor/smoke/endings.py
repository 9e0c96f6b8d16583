"""How a process that ran tests came to its end, and what that says of the test that ran then."""

from __future__ import annotations

import re
import signal
from typing import NamedTuple

from envdoctor.host.process import signal_name
from envdoctor.model.smoke import TIME_OVER, Status
from envdoctor.smoke.child.channel import LOST

MOST_OUTPUT = 2000
"""Characters of output that are kept beside a result."""

MOST_FRAMES = 8

MEANINGS = {
    "SIGSEGV": "segmentation fault",
    "SIGBUS": "bus error",
    "SIGILL": "illegal instruction",
    "SIGFPE": "arithmetic error",
    "SIGABRT": "abort",
}

WINDOWS = {
    0xC0000005: "access violation",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000135: "a DLL was not found",
    0xC0000409: "stack buffer overrun, or abort",
}
"""NTSTATUS values ([MS-ERREF] 2.3.1) with which Windows ends a process."""

FRAME = re.compile(r'^  File "(.{1,4096}?)", line (\d{1,9}) in (.{1,400})$', re.MULTILINE)
STACKS = re.compile(
    r"^(Current thread|Thread) 0x[^\n]*most recent call first\):\n((?:  (?:File|\.\.\.)[^\n]*\n?)+)", re.M
)
FATAL = re.compile(r"^Fatal Python error: ([^\n]{1,200})$", re.MULTILINE)
TERMINATED = re.compile(r"^ {2}what\(\): +([^\n]{1,300})$", re.MULTILINE)


class Ending(NamedTuple):
    """`status` and `message` for the test that ran at that moment; `trace` has the innermost frame last."""

    status: Status
    message: str
    signal: str | None = None
    trace: tuple[str, ...] = ()
    output: str = ""


def died(status: int | None, output: str, *, for_memory: bool) -> Ending:
    """Tell of a process that ended by itself: `status` as subprocess gives it, None where the system does not tell."""
    if status == LOST:
        return Ending(Status.FAILED, "closed the file descriptor of the results", None, (), shown(output))
    name = signal_name(-status) if status is not None and status < 0 else None
    return Ending(Status.CRASHED, _told(status, name, output, for_memory), name, stack(output), shown(output))


def _told(status: int | None, name: str | None, output: str, for_memory: bool) -> str:
    if for_memory:
        return "the kernel ended the process because memory ran out"
    if name is not None:
        meaning = MEANINGS.get(name)
        said = f"the process died of {'signal ' if name.isdigit() else ''}{name}" + (f" ({meaning})" if meaning else "")
        reason = TERMINATED.search(output)
        return f"{said}: {reason[1].strip()}" if reason else said
    if status is None:
        return "the process is gone, and the system does not tell how it ended"
    if status > 0xFFFF:
        return f"the process died of 0x{status:08X} ({WINDOWS.get(status, 'an NTSTATUS')})"
    fatal = FATAL.search(output)
    return f"ended the process with code {status}" + (f": {fatal[1]}" if fatal else "")


def ran_too_long(seconds: float, output: str) -> Ending:
    """Tell of a test that had `seconds` and was ended then."""
    return Ending(Status.TIMED_OUT, f"did not end within {seconds:.3g} s", None, stack(output), shown(output))


def flooded(limit: int, output: str) -> Ending:
    """Tell of a test that wrote without end."""
    return Ending(Status.FAILED, f"wrote more than {limit // 2**20} MiB of output", None, (), shown(output))


def took_all_memory(took: int, output: str) -> Ending:
    """Tell of a test that was ended before the memory of the machine was at its end; `took` in bytes."""
    message = f"took {took // 2**20} MiB, next to all the memory there was, and was ended"
    return Ending(Status.CRASHED, message, signal_name(getattr(signal, "SIGKILL", 9)), (), shown(output))


def found_no_memory(free: int) -> Ending:
    """Tell of a test that was ended for want of memory that was short before it began."""
    return Ending(Status.SKIPPED, f"memory ran short: {free // 2**20} MiB were free when it began")


OVER = Ending(Status.SKIPPED, TIME_OVER)


def stack(output: str) -> tuple[str, ...]:
    """Return the frames of the stack that faulthandler wrote: of the thread that failed, else of the main one.

    The main thread stands last where all are told; faulthandler has the innermost frame first.
    """
    stacks = STACKS.findall(output)
    if not stacks:
        return ()
    told = next((frames for kind, frames in stacks if kind == "Current thread"), stacks[-1][1])
    frames = [f"{file}:{line} in {function}" for file, line, function in FRAME.findall(told)[:MOST_FRAMES]]
    return tuple(reversed(frames))


def shown(output: str) -> str:
    """Return the end of what was written."""
    return output.strip()[-MOST_OUTPUT:].lstrip()
