"""Children that speak through a pipe of their own, by both ways of reading."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from envdoctor.host import conversation, process, streams
from envdoctor.host.conversation import MOST_LINE, MOST_TAIL, Conversation, Heard

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 60.0

PROGRAM = "import os, sys, time\nresults = int(sys.argv[1])\n"


@pytest.fixture(params=[streams.SelectedStreams, streams.ThreadedStreams], ids=["selector", "threads"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(conversation, "read_streams", request.param)
    yield
    assert not process.RUNNING


def talk(program: str) -> Conversation:
    return Conversation(lambda channel: [sys.executable, "-I", "-S", "-c", PROGRAM + program, channel], os.environ)


def lines(child: Conversation) -> list[str]:
    heard = []
    until = time.monotonic() + LONG
    while isinstance(line := child.next(until), str):
        heard.append(line)
    assert line is Heard.END
    return heard


def test_lines_come_whole_and_in_order() -> None:
    child = talk("for n in range(3): os.write(results, b'%d first ' % n); os.write(results, b'second\\n')")
    assert lines(child) == [f"{n} first second" for n in range(3)]
    assert child.status(LONG) == 0
    child.stop()


def test_output_is_counted_and_its_end_kept() -> None:
    child = talk("os.write(results, b'x\\n'); os.write(1, b'a' * 300_000); os.write(2, b'the end')")
    assert lines(child) == ["x"]
    child.stop()
    assert child.written == 300_007
    assert child.tail() == "a" * (MOST_TAIL - 7) + "the end"


def test_time_passes_without_a_word() -> None:
    child = talk("time.sleep(600)")
    assert child.next(time.monotonic() + 0.05) is Heard.NOTHING
    assert child.next(time.monotonic() - 1) is Heard.NOTHING
    assert child.status(0.01) is None
    child.stop()
    assert child.next(time.monotonic() + LONG) is Heard.END
    child.stop()


def test_a_line_without_end_is_forgotten() -> None:
    program = f"""
block = b'x' * 65536
for _ in range({MOST_LINE} // 65536 + 20): os.write(results, block)
os.write(results, b'\\nnext\\n')
"""
    child = talk(program)
    assert lines(child) == ["(too long)", "next"]
    child.stop()


def test_what_is_no_text_is_replaced() -> None:
    child = talk("os.write(results, b'a\\xffb\\n')")
    assert lines(child) == ["a\ufffdb"]
    child.stop()


def test_the_end_of_the_pipe_is_an_end_though_the_child_lives() -> None:
    child = talk("os.close(results); time.sleep(600)")
    assert child.next(time.monotonic() + LONG) is Heard.END
    assert child.status(0.01) is None
    child.stop()
    assert child.status(LONG) is not None


def test_a_grandchild_that_holds_the_pipes_holds_nobody() -> None:
    child = talk(
        "grandchild = os.fork()\n"
        "if grandchild == 0: os.setsid(); time.sleep(600)\n"
        "else: os.write(results, b'%d\\n' % grandchild); os._exit(0)"
    )
    said = child.next(time.monotonic() + LONG)
    assert isinstance(said, str)
    child.stop()
    os.kill(int(said), signal.SIGKILL)  # it is there, and nobody has waited for it


@pytest.mark.parametrize("name", ["missing", "with\0nul"])
def test_what_cannot_be_started_says_why(name: str) -> None:
    child = Conversation(lambda channel: [f"/nonexistent/{name}", channel], os.environ)
    assert child.trouble
    assert child.pid == 0
    assert child.next(time.monotonic() + LONG) is Heard.END
    child.stop()


def test_nothing_is_left_open() -> None:
    before = sorted(os.listdir("/proc/self/fd")) if sys.platform == "linux" else []
    for _ in range(3):
        child = talk("pass")
        lines(child)
        child.stop()
        Conversation(lambda channel: ["/nonexistent"], os.environ)
    net = time.monotonic() + LONG
    while sys.platform == "linux" and len(os.listdir("/proc/self/fd")) > len(before) and time.monotonic() < net:
        time.sleep(0.01)  # threads close their pipes when they have come to it
    assert sys.platform != "linux" or len(os.listdir("/proc/self/fd")) <= len(before)
