"""Streams that are closed or full, signals at bad moments, and options that leave things out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from machines import run_cli

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "docs" / "examples" / "v100-under-cu130.json")
FULL = Path("/dev/full")


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "E": f"{sys.executable} -m envdoctor"},
    )


@pytest.mark.parametrize("command", ["check", "check --format json", "rules", "plan"])
def test_a_closed_output_leaves_the_exit_code(command: str) -> None:
    said = shell(f"$E {command} >&-")
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", ["check", "check --format json", "snapshot", "rules", "--help"])
def test_a_full_output_is_one_line_and_ours(command: str) -> None:
    said = shell(f"$E {command} > /dev/full")
    assert said.returncode == 3
    assert said.stderr.startswith("envdoctor: the report cannot be written: ")
    assert said.stderr.count("\n") == 1


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_full_error_stream_leaves_the_exit_code() -> None:
    assert shell("$E check --nope 2> /dev/full").returncode == 2
    assert shell("$E check --snapshot /nowhere 2> /dev/full").returncode == 2


def test_a_closed_input_is_unreadable_input() -> None:
    said = shell("$E check --snapshot - <&-")
    assert (said.returncode, said.stderr) == (2, "envdoctor: -: standard input is closed\n")


@pytest.mark.parametrize(
    "option",
    [["--snapshot"], ["--save-snapshot"], ["--matrix"], ["--python"], ["-o"], ["--select"], ["--ignore"]],
)
def test_an_empty_value_is_refused(option: list[str]) -> None:
    said = run_cli(["check", *option, ""])
    assert said.exit_code == 2
    assert said.stderr == f"envdoctor: {'--output' if option == ['-o'] else option[0]}: the value is empty\n" or (
        option == ["-o"] and said.stderr == "envdoctor: -o: the value is empty\n"
    )
    assert said.stdout == ""


def test_what_was_left_out_is_said() -> None:
    said = run_cli(["check", "--snapshot", EXAMPLE, "--ignore", "gpu-arch-dropped"])
    assert said.exit_code == 0
    assert "1 were left out" in said.stdout or "1 was left out" in said.stdout
    assert "Nothing is wrong" not in said.stdout
    report = run_cli(["check", "--snapshot", EXAMPLE, "--select", "gpu-lost", "--format", "json"]).json()
    assert {one["rule"] for one in report["skipped"]} >= {"gpu-arch-dropped"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("after", [0.0, 0.03, 0.06, 0.1, 0.2])
def test_a_signal_at_any_moment_ends_it_without_traceback_or_orphan(
    number: signal.Signals, after: float, standin: Path
) -> None:
    """Twice in a row, while NVML and libcuda hang."""
    environment = {
        **os.environ, "LD_LIBRARY_PATH": str(standin), "STANDIN_NVML_HANG": "init", "STANDIN_CUDA_HANG": "init",
    }  # fmt: skip
    mark = f"ENVDOCTOR_TEST_MARK={os.getpid()}-{number}-{after}"
    name, _, value = mark.partition("=")
    process = subprocess.Popen(
        [sys.executable, "-m", "envdoctor", "check", "--timeout", "20"],
        env={**environment, name: value}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(0.05 + after)
    process.send_signal(number)
    time.sleep(0.01)
    if process.poll() is None:
        process.send_signal(number)
    _, stderr = process.communicate(timeout=15)
    assert "Traceback" not in stderr
    assert process.returncode in (128 + number, -number)
    time.sleep(0.1)
    assert [pid for pid in Path("/proc").glob("[0-9]*/environ") if mark.encode() in _bytes(pid)] == []


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_bug_of_ours_is_one_line_and_exit_code_three() -> None:
    """A planner that raises stands for whatever nobody foresaw."""
    program = (
        "from envdoctor.plan import remedies\n"
        "def broken(*_): raise ZeroDivisionError('nobody\\nforesaw \\x1b[31m this')\n"
        "remedies.plan_for = broken\n"
        "from envdoctor.cli import main\n"
        "main(['check'], prog_name='envdoctor')\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (3, "")
    assert said.stderr.startswith("envdoctor: a bug in envdoctor, nothing was diagnosed: ZeroDivisionError: nobody")
    assert said.stderr.count("\n") == 1
    assert "\x1b" not in said.stderr
