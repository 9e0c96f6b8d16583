"""Children whose output is followed, by both ways of reading."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.host import following, process, streams
from envdoctor.host.conversation import Heard
from envdoctor.host.following import MOST_LINE, Following

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 60.0


@pytest.fixture(params=[streams.SelectedStreams, streams.ThreadedStreams], ids=["selector", "threads"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(following, "read_streams", request.param)
    yield
    assert not process.RUNNING


def follow(program: str, cwd: str | None = None) -> Following:
    return Following([sys.executable, "-I", "-S", "-c", f"import os, sys, time\n{program}"], os.environ, cwd)


def lines(child: Following) -> list[str]:
    heard = []
    until = time.monotonic() + LONG
    while isinstance(line := child.next(until), str):
        heard.append(line)
    assert line is Heard.END
    return heard


def test_lines_of_both_streams_end_with_either_mark() -> None:
    child = follow("os.write(1, b'one\\ntwo\\r'); os.write(2, b'three\\r\\n\\nfour')")
    assert lines(child) == ["one", "two", "three", "four"]
    assert child.status(LONG) == 0
    child.stop()


def test_it_is_asked_nothing_and_works_where_it_is_told(tmp_path: Path) -> None:
    child = follow("print(repr(sys.stdin.read()), os.getcwd())", str(tmp_path))
    assert lines(child) == [f"'' {tmp_path}"]
    child.stop()


def test_a_line_without_end_comes_in_pieces_and_no_text_is_replaced() -> None:
    child = follow(f"os.write(1, b'x' * {MOST_LINE * 2 + 5}); os.write(1, b'\\n\\xff\\xfe\\n')")
    heard = lines(child)
    assert "".join(heard[:-1]) == "x" * (MOST_LINE * 2 + 5)
    assert max(map(len, heard)) <= MOST_LINE * 2
    assert heard[-1] == "\ufffd\ufffd"
    child.stop()


def test_silence_passes_and_the_child_lives_on() -> None:
    child = follow("time.sleep(600)")
    assert child.next(time.monotonic() + 0.05) is Heard.NOTHING
    assert child.status(0.01) is None
    child.stop()
    assert child.next(time.monotonic() + LONG) is Heard.END
    child.stop()


def test_the_way_it_ended_is_told() -> None:
    child = follow("os.write(1, b'last words'); os.kill(os.getpid(), 9)")
    assert lines(child) == ["last words"]
    assert child.status(LONG) == -signal.SIGKILL
    child.stop()


def test_a_daemon_that_holds_the_pipe_keeps_nobody_waiting_and_is_ended(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    child = follow(
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    open({str(told)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        f"while not os.path.exists({str(told)!r}) or not open({str(told)!r}).read(): time.sleep(0.01)\n"
        "print('done')"
    )
    assert lines(child) == ["done"]
    child.stop()
    daemon = int(told.read_text())
    until = time.monotonic() + LONG
    while _lives(daemon) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _lives(daemon)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_cannot_be_started_says_so(tmp_path: Path) -> None:
    for argv in ([str(tmp_path / "none")], [str(tmp_path)], ["a\0b"]):
        child = Following(argv, os.environ)
        assert child.trouble
        assert child.next(time.monotonic() + LONG) is Heard.END
        assert child.status(0) is None
        child.stop()
    assert Following([sys.executable], os.environ, str(tmp_path / "nowhere")).trouble


def test_stopping_all_ends_it() -> None:
    child = follow("os.write(1, b'here\\n'); time.sleep(600)")
    assert child.next(time.monotonic() + LONG) == "here"
    process.stop_all()
    assert child.next(time.monotonic() + LONG) is Heard.END
