"""`--deep`: content compared with recorded hashes, how far it is told to a terminal, and what it excludes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from background import marked, start

from envdoctor.commands.examine import _show_progress
from envdoctor.start import INTERRUPTED
from machines import run_cli
from standin.environment import Environment, make_environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A torch one of whose modules has another content of the same size."""
    made = make_environment(tmp_path_factory.mktemp("deep") / "venv", "2.9.1+cu128")
    module = made.site_packages / "torch" / "__init__.py"
    module.write_text(module.read_text(encoding="utf-8").replace("imported", "IMPORTED"), encoding="utf-8")
    return made


@pytest.mark.parametrize("option", [[], ["--deep"]])
def test_a_changed_file_is_a_note_where_it_was_asked_for(option: list[str], damaged: Environment) -> None:
    report = run_cli(["check", "--python", str(damaged.python), "--format", "json", *option], {}).json()
    found = [(one["severity"], one["subject"]) for one in report["findings"] if one["rule"] == "package-files-damaged"]
    assert found == ([("note", "torch")] if option else [])
    assert report["exit_code"] == 0


def test_a_snapshot_says_that_hashes_were_compared(damaged: Environment) -> None:
    said = run_cli(["snapshot", "--python", str(damaged.python), "--deep"], {})
    (row,) = said.json()["facts"]["packages.damaged"]["value"]
    assert (row["deep"], row["files"][0]["what"]) == (True, "hash")
    assert said.stderr == ""  # a file or a pipe is told nothing of how far it is


def test_the_files_of_a_saved_machine_are_not_here(tmp_path: Path) -> None:
    said = run_cli(["check", "--deep", "--snapshot", str(tmp_path / "any.json")], {})
    assert said.exit_code == 2
    assert said.stderr.count("\n") == 1
    assert "--deep" in said.stderr


def test_a_terminal_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _show_progress(1_250_000_000, 4_500_000_000)
    assert capsys.readouterr().err == "hashed 1.2 of 4.5 GB\x1b[K\r"
    _show_progress(10_250_000_000, 14_500_000_000)
    said = capsys.readouterr().err.removesuffix("\x1b[K\r")
    assert len(said) <= len(INTERRUPTED.strip())  # which is written over it when somebody presses Ctrl-C
    _show_progress(4_500_000_000, 4_500_000_000)
    assert capsys.readouterr().err == "\x1b[K\r"


def test_the_line_on_a_terminal_is_gone_at_the_end(damaged: Environment) -> None:
    leader, follower = pty.openpty()
    child = start(["snapshot", "--python", str(damaged.python), "--deep"], "deep-terminal", {}, stderr=follower)
    os.close(follower)
    out, _ = child.communicate(timeout=60)
    shown = os.read(leader, 65536)
    os.close(leader)
    assert child.returncode == 0
    assert out.startswith(b"{")
    assert shown.endswith(b"\x1b[K\r")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="children are looked for in /proc")
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    made = make_environment(tmp_path / "venv", "2.9.1+cu128")
    # Sparse, so that it costs no disk, and long enough to be read for some seconds.
    library, size = made.site_packages / "torch" / "lib.so", 12 * 2**30
    with library.open("wb") as file:
        file.truncate(size)
    record = next(made.site_packages.glob("torch-*.dist-info/RECORD"))
    record.write_text(f"{record.read_text(encoding='utf-8')}torch/lib.so,sha256=x,{size}\n", encoding="utf-8")
    child = start(["snapshot", "--python", str(made.python), "--deep", "-o", str(tmp_path / "out.json")], "deep", {})
    until = time.monotonic() + 60
    while child.poll() is None and not _reads(child.pid, library) and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    try:
        _, error = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        raise
    assert (child.returncode, error) == (130, b"envdoctor: interrupted\n")
    assert not (tmp_path / "out.json").exists()
    assert marked("deep") == []


def _reads(pid: int, path: Path) -> bool:
    """Whether a process has that file open."""
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            if os.readlink(f"{folder}/{name}") == str(path):
                return True
        except OSError:
            continue
    return False
