"""The driver of the kill tests: it kills where it says, and each step once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from killed_after import killed_at

DRIVER = Path(__file__).with_name("killed_after.py")


def test_work_is_killed_before_the_step_it_counts_to(tmp_path: Path) -> None:
    def work() -> None:
        (tmp_path / "first").mkdir()
        with open(tmp_path / "first" / "file", "w"):
            pass
        (tmp_path / "first" / "file").read_text()
        os.rename(tmp_path / "first", tmp_path / "second")

    seen = []
    for step in (1, 2, 3, 4):
        assert killed_at(step, work) == (step < 4)
        seen.append(sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")))
        subprocess.run(["rm", "-rf", tmp_path / "first", tmp_path / "second"], check=True)
    assert seen == [[], ["first"], ["first", "first/file"], ["second", "second/file"]]


def test_files_of_the_copy_are_one_step_unless_each_is_asked_for(tmp_path: Path) -> None:
    copy = tmp_path / ".venv.envdoctor" / "new"
    copy.mkdir(parents=True)

    def work() -> None:
        for number in range(3):
            (copy / str(number)).write_text("")

    assert killed_at(1, work)
    assert not killed_at(2, work)
    assert killed_at(3, work, each_file=True)
    assert not killed_at(4, work, each_file=True)


def test_the_command_line_is_killed_and_tells_its_steps(tmp_path: Path) -> None:
    def run(step: int) -> subprocess.CompletedProcess[str]:
        described = ["--driver", "535.104.05", "--gpu", "A100", "-o", f"json={tmp_path / 'out.json'}"]
        argv = [sys.executable, str(DRIVER), str(step), "--", "plan", *described]
        return subprocess.run(argv, capture_output=True, text=True)

    whole = run(0)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stderr.splitlines()[-1])
    written = (tmp_path / "out.json").read_bytes()
    assert steps > 1
    for step in range(1, steps + 2):
        (tmp_path / "out.json").unlink(missing_ok=True)
        assert run(step).returncode == (-signal.SIGKILL if step <= steps else 0)
        assert not (tmp_path / "out.json").exists() or (tmp_path / "out.json").read_bytes() == written
