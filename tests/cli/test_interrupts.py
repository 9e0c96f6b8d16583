"""Ctrl-C at many moments of a whole check: one line at most, exit code 130, and nothing that lives on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from background import marked, start

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).parents[1] / "cases"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds what lives on by /proc")

LINE = b"envdoctor: interrupted\n"
MOMENTS = [step / 1000 for step in range(0, 400, 15)]
"""Seconds after the start; with the driver that hangs a check never ends before the last of them."""

HANGING = {"STANDIN_NVML_HANG": "init", "STANDIN_CUDA_HANG": "init"}


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Children inherit an ignored SIGINT, which is what a shell gives to jobs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(process: subprocess.Popen[bytes], after: float) -> tuple[int, bytes, bytes]:
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    return process.returncode, out, error


def lives_on(mark: str) -> list[int]:
    """What carries the mark once the kernel had time to bury what was killed."""
    net = time.monotonic() + 10
    while (found := marked(mark)) and time.monotonic() < net:
        time.sleep(0.01)
    return found


def is_pythons_own(status: int, error: bytes) -> bool:
    """Whether Python ended before a line of ours ran: no program can listen for a signal that early.

    Or lost it: an exception that falls into a callback of its import machinery is printed and dropped. Only Python's
    own handler raises one.
    """
    dropped = error.startswith(b"Exception ignored in: <function _get_module_lock.<locals>.cb") and status == 0
    return (status in (-signal.SIGINT, 1) or dropped) and b"envdoctor" not in error


@pytest.mark.parametrize("hangs", [True, False], ids=["a driver that hangs", "no driver"])
def test_ctrl_c_at_any_moment(standin: Path, hangs: bool) -> None:
    wrong = []
    heard = 0
    for number, after in enumerate([*MOMENTS, *(random.Random(7).uniform(0.02, 0.2) for _ in range(8))]):
        mark = f"ctrl-c-{os.getpid()}-{hangs}-{number}"
        process = start(["check", "--timeout", "20"], mark, HANGING if hangs else {}, standin if hangs else None)
        status, out, error = interrupt(process, after)
        heard += status == 130
        finished = status == 0 and not hangs and out and error in (b"", LINE)
        ended = status == 130 and error in (b"", LINE)
        left = lives_on(mark)
        if left or not (finished or ended or is_pythons_own(status, error)):
            wrong.append((after, status, error, left))
    assert wrong == []
    assert heard


@pytest.mark.parametrize("command", [["rules"], ["plan"], ["explain", "driver-too-old"], ["snapshot"]], ids=" ".join)
def test_every_command_ends_alike(command: list[str]) -> None:
    wrong = []
    for number in range(8):
        mark = f"ctrl-c-{os.getpid()}-{command[0]}-{number}"
        status, out, error = interrupt(start(command, mark, {}), number * 0.03)
        fine = (status == 130 and error in (b"", LINE)) or (status == 0 and out and error == b"")
        if lives_on(mark) or not (fine or is_pythons_own(status, error)):
            wrong.append((number, status, error))
    assert wrong == []


LOST = {
    # Python drops what a callback raises, and the import system has such callbacks.
    "a callback": """
class Thing: pass
thing = Thing()
watch = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT))
del thing
""",
    # Before 3.12 what __set_name__ raises becomes a RuntimeError, and classes are made while modules are imported.
    "the making of a class": """
class Named:
    def __set_name__(self, *_): os.kill(os.getpid(), signal.SIGINT)
class Owner: name = Named()
""",
    "code that catches everything": """
try: os.kill(os.getpid(), signal.SIGINT)
except BaseException: pass
""",
    "the writing of a file": """
from envdoctor.commands import deliver
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGINT)
deliver.save("report.txt", "text")
""",
}

RUN = """
import os, signal, sys, weakref
from envdoctor import cli

def run(*_args, **_options):
    exec({code!r}, dict(globals()))
    print("went on", flush=True)
    return 0

cli.group.main = run
cli.main(["check"])
"""


@pytest.mark.parametrize("where", LOST)
def test_a_signal_where_an_exception_would_be_lost_is_not(where: str, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", RUN.format(code=LOST[where])], cwd=tmp_path, capture_output=True, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (130, b"", LINE)
    assert list(tmp_path.iterdir()) == []


EARLY = """
import builtins, os, signal, sys
real = builtins.__import__

def watched(name, *rest, **named):
    if name == {name!r}:
        builtins.__import__ = real
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest, **named)

sys.argv = ["envdoctor", "rules"]
builtins.__import__ = watched
import runpy
runpy.run_module("envdoctor", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("name", ["envdoctor.start", "envdoctor.cli", "click"])
def test_a_signal_during_the_first_imports_is_one_line_at_most(name: str) -> None:
    said = subprocess.run([sys.executable, "-c", EARLY.format(name=name)], capture_output=True, check=False)
    assert said.returncode == 130
    assert said.stderr in (b"", LINE)
    assert said.stdout == b""


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    """What a shell starts in the background ignores it, and goes on."""
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "os.execv(sys.executable, [sys.executable, '-m', 'envdoctor', 'rules'])"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(5):
        time.sleep(0.02)
        if process.poll() is None and _ignores(process.pid):
            process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"")
    assert b"driver-too-old" in out


def _ignores(pid: int) -> bool:
    """Whether the process ignores SIGINT by now, as its line SigIgn in /proc says."""
    try:
        with open(f"/proc/{pid}/status") as file:
            ignored = next(line for line in file if line.startswith("SigIgn:"))
    except (OSError, StopIteration):
        return False
    return bool(int(ignored.split()[1], 16) & (1 << (signal.SIGINT - 1)))


def test_a_lock_that_is_half_written_is_taken_away(tmp_path: Path) -> None:
    """The signal comes when the neighbour is written and has not taken the place of the file yet."""
    program = (
        "import os, signal, sys\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "from envdoctor.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    healthy = CASES / "default-wheel-on-a100" / "snapshot.json"
    lock = tmp_path / "node.lock"
    said = subprocess.run(
        [sys.executable, "-c", program, "lock", "--snapshot", str(healthy), "-o", str(lock)],
        capture_output=True, cwd=tmp_path, check=False, timeout=60,
    )  # fmt: skip
    assert (said.returncode, said.stdout, said.stderr) == (143, b"", LINE)
    assert [*tmp_path.iterdir()] == []
