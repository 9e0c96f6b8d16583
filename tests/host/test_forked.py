"""Work in a copy of this process: what it gives, and what its end costs."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envdoctor.host.forked import Forked, Lost
from envdoctor.host.process import RUNNING, stop_all

SOON = 30.0


def in_an_hour() -> bytes:
    time.sleep(3600)
    return b""


def forked(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process without threads, in which a copy may be made."""
    start = "import os, signal, sys, time\nfrom envdoctor.host.forked import Forked, Lost, can_fork\n"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, check=False, env=environ, timeout=SOON
    )


def test_its_bytes_come_back() -> None:
    told = bytes(range(256)) * 4096  # more than a pipe holds
    copy = Forked(lambda: told)
    assert copy.answer(time.monotonic() + SOON) == told
    assert copy not in RUNNING


def test_what_it_changes_stays_there() -> None:
    seen: list[int] = []
    copy = Forked(lambda: bytes(seen.append(1) or [len(seen)]))
    assert copy.answer(time.monotonic() + SOON) == b"\x01"
    assert seen == []


def test_a_file_that_is_cut_short_under_the_map_ends_the_copy_alone(tmp_path: Path) -> None:
    path = tmp_path / "libtorch.so"
    path.write_bytes(bytes(3 * mmap.PAGESIZE))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        path.write_bytes(b"")
        copy = Forked(lambda: data[2 * mmap.PAGESIZE :])
        with pytest.raises(Lost, match="SIGBUS"):
            copy.answer(time.monotonic() + SOON)


def test_an_exception_in_it_is_an_end_without_answer(capfd: pytest.CaptureFixture[str]) -> None:
    copy = Forked(lambda: [b""][1])
    with pytest.raises(Lost, match="code 1"):
        copy.answer(time.monotonic() + SOON)
    assert capfd.readouterr() == ("", "")


def test_it_is_ended_at_the_deadline() -> None:
    copy = Forked(in_an_hour)
    with pytest.raises(Lost, match="--timeout"):
        copy.answer(time.monotonic() + 0.05)
    assert copy not in RUNNING


def test_ctrl_c_leaves_none() -> None:
    copy = Forked(in_an_hour)
    assert copy._pid is not None
    pid = copy._pid
    stop_all()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    copy.stop()  # once more does nothing


def test_it_hears_signals_as_a_plain_process() -> None:
    said = forked(
        "signal.signal(signal.SIGTERM, lambda *_: print('heard', flush=True))\n"
        "copy = Forked(lambda: time.sleep(60) or b'')\n"
        "time.sleep(0.5); os.kill(copy._pid, signal.SIGTERM)\n"
        "try: copy.answer(time.monotonic() + 20)\n"
        "except Lost as lost: print(lost.reason)\n"
    )
    assert said.stdout == "was ended by signal SIGTERM\n", said.stderr


def test_a_process_with_threads_makes_no_copy() -> None:
    said = forked(
        "import threading\nprint(can_fork())\n"
        "threading.Thread(target=time.sleep, args=(1,)).start()\nprint(can_fork())\n"
    )
    assert said.stdout == "True\nFalse\n", said.stderr


def test_what_was_written_before_is_not_written_twice() -> None:
    said = forked("print('once', end='')\nForked(lambda: b'x').answer(time.monotonic() + 20)\n")
    assert said.stdout == "once"
    assert said.returncode == 0
