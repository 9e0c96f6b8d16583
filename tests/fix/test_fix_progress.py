"""What a terminal and a pipe are told while a fix goes on."""

from __future__ import annotations

import os
import select
import sys

import pytest

from envdoctor.commands import fix_progress


def read_until(controller: int, end: str) -> str:
    """What a terminal got, which may come in pieces; no more than ten seconds are waited for each."""
    written = ""
    while not written.endswith(end) and select.select([controller], [], [], 10)[0]:
        written += os.read(controller, 4096).decode()
    return written


def test_a_pipe_has_one_line_for_each_thing(capfd: pytest.CaptureFixture[str]) -> None:
    tell = fix_progress.teller()
    for done in range(0, 5_800_000_001, 100_000_000):
        tell("copying the environment", done, 5_800_000_000)
    tell("downloading torch", 0, 821_300_000)
    tell("downloading torch", 400_000_000, 821_300_000)
    tell("verifying", None, None)
    fix_progress.clear()
    assert capfd.readouterr().err == "copying the environment 5.8 GB\ndownloading torch 821.3 MB\nverifying\n"


def _read(controller: int, end: str) -> str:
    """Read until a text that ends so: a pseudo-terminal may hand on in parts what was written."""
    written = ""
    while not written.endswith(end) and select.select([controller], [], [], 10)[0]:
        written += os.read(controller, 4096).decode()
    return written


@pytest.mark.parametrize(("of", "told"), [(16_000, "16.0 kB"), (847_000_000, "847.0 MB"), (1_200_000_000, "1.2 GB")])
def test_a_size_has_a_unit_that_fits(of: int, told: str, capfd: pytest.CaptureFixture[str]) -> None:
    fix_progress.teller()("downloading", 0, of)
    assert capfd.readouterr().err == f"downloading {told}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a pseudo-terminal")
def test_a_terminal_has_one_line_that_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    controller, terminal = os.openpty()
    with open(terminal, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        tell = fix_progress.teller()
        tell("copying", 1_200_000_000, 5_800_000_000)
        tell("copying", 5_800_000_000, 5_800_000_000)
        tell("downloading \x1b[31mtorch", 0, 1_000_000)
        tell("verifying")
        assert fix_progress.LIVE == ["verifying"]
        fix_progress.clear()
        fix_progress.clear()
        written = read_until(controller, fix_progress.CLEAR * 2)
    os.close(controller)
    shown = [line for line in written.split(fix_progress.CLEAR) if line]
    assert shown == [
        "copying 1.2 of 5.8 GB",
        "copying 5.8 of 5.8 GB",
        "downloading \\x1b[31mtorch 0.0 of 1.0 MB",
        "verifying",
    ]
    assert written.endswith(fix_progress.CLEAR * 2)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a pseudo-terminal")
def test_a_dumb_terminal_is_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    controller, terminal = os.openpty()
    with open(terminal, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        tell = fix_progress.teller()
        tell("copying", 1, 2_000_000)
        tell("copying", 2, 2_000_000)
        written = read_until(controller, "\r\n")
    os.close(controller)
    assert written == "copying 2.0 MB\r\n"
