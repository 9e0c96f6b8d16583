"""Commands with a deadline, asked of real processes."""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import time
import warnings
from typing import TYPE_CHECKING

import pytest

from envdoctor.host import process
from envdoctor.host.process import Answer, Child, Recorded

if TYPE_CHECKING:
    from pathlib import Path

LONG = 60.0
"""Seconds; a net under a hang, never reached by a test that passes."""


def run(program: str, *, limit: float = LONG) -> Answer:
    return Child([sys.executable, "-I", "-S", "-c", program], os.environ).answer(time.monotonic() + limit)


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def ended(pid: int) -> bool:
    net = time.monotonic() + LONG
    while lives(pid):
        if time.monotonic() > net:
            return False
        time.sleep(0.01)
    return True


def test_an_answer_has_all_that_was_said() -> None:
    said = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert said == Answer(3, "out\n", "err\n")


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert run(r"import sys; sys.stdout.buffer.write(b'a\xffb')").out == "a\ufffdb"


def test_there_is_no_input_to_wait_for() -> None:
    assert run("import sys; print(repr(sys.stdin.read()))").out == "''\n"


def test_a_signal_is_named() -> None:
    said = run("import os, signal; print('first', flush=True); os.kill(os.getpid(), signal.SIGSEGV)")
    assert (said.exit, said.out, said.trouble) == (-signal.SIGSEGV, "first\n", "was ended by signal SIGSEGV")


def test_a_hang_keeps_its_first_half() -> None:
    child = Child([sys.executable, "-c", "import time; print('half', flush=True); time.sleep(600)"], os.environ)
    while not select.select([child._process.stdout], [], [], 0.05)[0]:
        time.sleep(0.01)
    said = child.answer(time.monotonic() + 0.1)
    assert (said.exit, said.out) == (None, "half\n")
    assert said.trouble.startswith("did not answer within")


def test_a_deadline_long_gone_still_gives_what_is_there() -> None:
    assert run("pass", limit=-5).exit in (None, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("ignores", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN); "])
def test_grandchildren_are_ended_with_it(ignores: str) -> None:
    program = f"""
import os, signal, time
{ignores}
if os.fork() == 0:
    print(os.getpid(), flush=True)
time.sleep(600)
"""
    child = Child([sys.executable, "-c", program], os.environ)
    while not select.select([child._process.stdout], [], [], 0.05)[0]:
        time.sleep(0.01)
    said = child.answer(time.monotonic())
    assert ended(int(said.out))
    assert said.exit is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_grandchild_that_holds_the_pipes_does_not_hold_the_answer() -> None:
    program = "import os, time\nif os.fork() == 0:\n    print(os.getpid(), flush=True)\n    time.sleep(600)\n"
    said = run(program)
    assert said.exit == 0
    assert said.trouble == ""
    assert not said.out or ended(int(said.out))


def test_a_flood_is_stopped_and_bounded() -> None:
    said = run("import os\nwhile True: os.write(1, b'x' * 65536)")
    assert (said.exit, said.trouble) == (None, "wrote more than 1024 KiB")
    assert len(said.out) == process.MOST_OUTPUT


def test_a_flood_of_errors_keeps_the_output() -> None:
    said = run("import os\nos.write(1, b'told')\nwhile True: os.write(2, b'x' * 65536)")
    assert (said.exit, said.out) == (None, "told")


def test_much_output_short_of_a_flood_is_whole() -> None:
    assert len(run("print('x' * 1_000_000)").out) == 1_000_001


@pytest.mark.parametrize("name", ["missing", "folder", "text", "with\0nul"])
def test_what_cannot_be_started_says_why(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    said = Child([str(tmp_path / name)], os.environ).answer(time.monotonic())
    assert said.exit is None
    assert said.out == ""
    reason = {"missing": "No such file", "folder": "Permission denied", "text": "Exec format", "with\0nul": "null byte"}
    assert reason[name] in said.trouble


def test_the_answer_is_the_same_when_asked_again() -> None:
    child = Child([sys.executable, "-c", "print(1)"], os.environ)
    assert child.answer(time.monotonic() + LONG) is child.answer(time.monotonic())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_stopping_ends_what_was_never_asked() -> None:
    child = Child([sys.executable, "-c", "import time; time.sleep(600)"], os.environ)
    other = Child([sys.executable, "-c", "import time; time.sleep(600)"], os.environ)
    started = [one._process.pid for one in (child, other) if one._process]
    child.stop()
    assert other in process.RUNNING
    process.stop_all()
    assert not process.RUNNING
    assert [ended(pid) for pid in started] == [True, True]
    assert not any(os.path.exists(f"/proc/{pid}") for pid in started), "a zombie is left"


def test_nothing_is_left_open() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = os.listdir("/dev/fd") if os.path.isdir("/dev/fd") else []
        run("print(1)")
        gc.collect()
        after = os.listdir("/dev/fd") if os.path.isdir("/dev/fd") else []
    assert len(after) <= len(before)
    assert not process.RUNNING


def test_a_recorded_answer_is_given_as_it_is() -> None:
    said = Answer(9, "out", "err")
    assert Recorded(said).answer(0) is said
    assert Recorded(None).answer(0).exit is None
    Recorded(said).stop()
