"""The outputs pasted into the README are today's, byte for byte."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"<!-- output: (?P<command>envdoctor [^\n]*) -->\n(?P<shown>.*?)<!-- end -->", re.DOTALL)
MEND = "ENVDOCTOR_REFRESH=1 python -m pytest tests/project/test_readme_output.py"


def shown(command: str) -> str:
    """What the README must show for a command: the command and what it prints in a pipe."""
    words = shlex.split(command)[1:]
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    said = subprocess.run(
        [sys.executable, "-m", "envdoctor", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stderr == ""
    return f"```console\n$ {command}\n{said.stdout}```\n"


COMMANDS = [match["command"] for match in BLOCK.finditer(README.read_text(encoding="utf-8"))]


def test_the_readme_shows_output() -> None:
    assert COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_pasted_output_is_todays(command: str) -> None:
    text = README.read_text(encoding="utf-8")
    block = next(match for match in BLOCK.finditer(text) if match["command"] == command)
    today = shown(command)
    if os.environ.get("ENVDOCTOR_REFRESH"):
        README.write_text(text[: block.start("shown")] + today + text[block.end("shown") :], encoding="utf-8")
        return
    assert block["shown"] == today, f"stale; mend with: {MEND}"
