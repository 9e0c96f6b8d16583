"""Two doctors at one environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.fix.lock import Held, locked
from envdoctor.fix.place import Place, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDER = """
import sys
from envdoctor.fix.lock import locked
from envdoctor.fix.place import Place
with locked(Place(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

RUNNER = """
import os, sys
from envdoctor.fix.lock import Held, locked
from envdoctor.fix.place import Place
place, mark, most = Place(sys.argv[1]), sys.argv[2], int(sys.argv[3])
done = 0
while done < most:
    try:
        with locked(place):
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))  # raises where another is in here too
            os.unlink(mark)
            done += 1
    except Held:
        continue
print(done)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    environment = tmp_path / ".venv"
    environment.mkdir()
    return place_of(str(environment))


@pytest.fixture
def holder(place: Place) -> Iterator[subprocess.Popen[str]]:
    """Another doctor that holds the lock."""
    argv = [sys.executable, "-c", HOLDER, place.environment]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_told_who_is_the_first(place: Place, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(Held, match=f"process {holder.pid}") as raised, locked(place):
        pytest.fail("two at once")
    assert raised.value.pid == holder.pid


def test_one_that_did_not_tell_its_number(place: Place, holder: subprocess.Popen[str]) -> None:
    Path(place.lock).write_text("?")
    with pytest.raises(Held, match="another process") as raised, locked(place):
        pytest.fail("two at once")
    assert raised.value.pid is None


def test_a_doctor_that_is_killed_holds_nothing(place: Place, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(place):
        assert Path(place.lock).read_text() == str(os.getpid())
    assert not os.path.lexists(place.state)


def test_within_one_process_too(place: Place) -> None:
    with locked(place), pytest.raises(Held), locked(place):
        pytest.fail("two at once")


def test_the_folder_stays_where_something_is_in_it(place: Place) -> None:
    with locked(place):
        Path(place.log).write_text("said")
    assert Path(place.log).read_text() == "said"
    with locked(place):
        assert Path(place.ignore).exists()


def test_an_installer_that_outlives_its_doctor_does_not_hold_the_lock(place: Place) -> None:
    with locked(place):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        forked = os.fork()
        if not forked:
            signal.pause()
    try:
        with locked(place):
            assert child.poll() is None
    finally:
        os.kill(forked, signal.SIGKILL)
        os.waitpid(forked, 0)
        child.communicate()


def test_never_two_at_once_while_the_folder_comes_and_goes(place: Place, tmp_path: Path) -> None:
    """Each takes the folder away at its end, under the hands of those who have its lock's file open already."""
    argv = [sys.executable, "-c", RUNNER, place.environment, str(tmp_path / "mark"), "200"]
    runners = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    told = [runner.communicate(timeout=120) for runner in runners]
    assert told == [("200\n", "")] * 4
    assert not os.path.lexists(place.state)


def test_what_is_no_folder_of_ours_is_an_error(place: Place, tmp_path: Path) -> None:
    os.symlink(tmp_path, place.state)
    with pytest.raises(PermissionError), locked(place):
        pytest.fail("followed a link")
    assert not (tmp_path / "lock").exists()


def test_a_link_in_place_of_the_lock_is_not_followed(place: Place, tmp_path: Path) -> None:
    with locked(place):
        Path(place.log).write_text("")
    os.unlink(place.lock)
    os.symlink(tmp_path / "elsewhere", place.lock)
    with pytest.raises(OSError, match="symbolic link"), locked(place):
        pytest.fail("followed a link")
    assert not (tmp_path / "elsewhere").exists()


def test_threads_of_one_process_are_apart_too(place: Place) -> None:
    refused = []

    def second() -> None:
        try:
            with locked(place):
                pass
        except Held as held:
            refused.append(held.pid)

    with locked(place):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused == [os.getpid()]
