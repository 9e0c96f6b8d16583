"""A test that takes all memory is ended before the machine has none, and one that the kernel ended is told as such."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stub_torch import alive, environ

from envdoctor.host.conversation import Conversation
from envdoctor.host.host import Host
from envdoctor.host.memory import Memory
from envdoctor.model.smoke import Status
from envdoctor.smoke.watching import SCRIPT, Begun, Gone, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.smoke.endings import Ending

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")

MIB = 2**20

EATS = f"kept = []\nfor _ in range(400): kept.append(bytearray(os.urandom(1) * {MIB}))\nimport time; time.sleep(600)"
WHEN_SEEN = """
import time
while not os.path.exists(os.path.join(os.environ["ENVDOCTOR_TEST_MARK"], "seen")): time.sleep(0.01)
"""
"""What is taken before the watch has come to look is not missed by it: under load that may be all."""


class Small(Memory):
    """A machine on which `size` bytes are free, of which a group takes ten for each that it really takes."""

    def __init__(self, size: int, *, taken_by_others: bool = False) -> None:
        super().__init__(Host())
        self.size = size
        self.others = taken_by_others
        self.group = 0
        self.at_begin: int | None = None

    def free(self) -> int | None:
        held = self.held_by_group(self.group) if self.group else 0
        if self.others:
            self.at_begin = self.at_begin or time.monotonic_ns()
            return self.size if time.monotonic_ns() - self.at_begin < 200_000_000 else 0
        return max(0, self.size - held)

    def held_by(self, process: int) -> int:
        return 0 if self.others else 10 * super().held_by(process)


def ended_by(folder: Path, code: str, memory: Small, seconds: float = 30.0) -> tuple[Ending, Begun | None]:
    order = {"items": [["eats", "cpu"]], "devices": [], "full": False, "seed": 1, "folder": None}
    child = Conversation(
        lambda channel: [sys.executable, "-B", SCRIPT, channel, json.dumps(order)],
        environ(folder, {"eats": WHEN_SEEN + code}),
    )
    memory.group = child.pid
    for happened in watch(child, lambda _: seconds, lambda: time.monotonic() + 60, memory):
        if isinstance(happened, Gone):
            return happened
        if happened == Begun("eats", "cpu"):
            (folder / "seen").touch()
    raise AssertionError("it was not ended")


def test_who_takes_all_is_ended(tmp_path: Path) -> None:
    ending, test = ended_by(tmp_path, EATS, Small(3 * 1024 * MIB))
    assert test == Begun("eats", "cpu")
    assert (ending.status, ending.signal) == (Status.CRASHED, "SIGKILL")
    assert "next to all the memory there was" in ending.message
    assert alive(tmp_path) == []


def test_who_takes_all_of_little_is_ended_too(tmp_path: Path) -> None:
    ending, _ = ended_by(tmp_path, EATS, Small(1024 * MIB))
    assert ending.status is Status.CRASHED


def test_where_little_was_free_nobody_is_blamed(tmp_path: Path) -> None:
    ending, _ = ended_by(tmp_path, f"eaten = b'x' * {38 * MIB}; import time; time.sleep(600)", Small(700 * MIB))
    assert ending.status is Status.SKIPPED
    assert "memory ran short" in ending.message


def test_what_others_take_ends_no_test(tmp_path: Path) -> None:
    ending, _ = ended_by(tmp_path, "import time; time.sleep(600)", Small(4096 * MIB, taken_by_others=True), seconds=1.5)
    assert ending.status is Status.TIMED_OUT


@contextmanager
def control_group(limit: int) -> Iterator[Path]:
    """A control group of its own with that many bytes; skipped where this user may make none."""
    for top, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        folder = Path(top, f"envdoctor-test-{os.getpid()}")
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / name).write_text(str(limit))
        except OSError:
            folder.rmdir()
            continue
        try:
            yield folder
        finally:
            net = time.monotonic() + 10
            while (folder / "cgroup.procs").read_text().split() and time.monotonic() < net:
                time.sleep(0.01)
            folder.rmdir()
        return
    pytest.skip("no control group can be made here")


IN_A_GROUP = """
import os, sys
from pathlib import Path
Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
import stub_torch
from envdoctor.host.memory import Memory

Memory.free = lambda self: None  # the kernel shall come first
ran = stub_torch.battery(Path(sys.argv[2]), {"before": "pass", "eats": sys.argv[3], "after": "pass"})
for result in ran.tests:
    print(result.status.value, result.signal, result.message, sep="; ")
"""


def test_who_is_killed_by_the_kernel_ran_out_of_memory(tmp_path: Path) -> None:
    with control_group(200 * MIB) as folder:
        said = subprocess.run(
            [sys.executable, "-c", IN_A_GROUP, str(folder), str(tmp_path), EATS],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])},
            capture_output=True,
            text=True,
            check=False,
        )
    assert said.stderr == ""
    assert said.stdout.splitlines() == [
        "passed; None; ",
        "crashed; SIGKILL; the kernel ended the process because memory ran out",
        "passed; None; ",
    ]
