"""The command line as a process to be interrupted or to have its pipe closed, and the children it left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from standin.command import CHECKOUT, KEPT, is_installed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARK = "ENVDOCTOR_TEST_MARK"
"""A variable by which a process and all its descendants are known, whatever their group or parent."""


def start(
    args: Sequence[str],
    mark: str,
    env: Mapping[str, str],
    standin: Path | None = None,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start `python -m envdoctor ARGS` with both streams as pipes, or standard error as a file descriptor given."""
    variables = {name: os.environ[name] for name in KEPT if name in os.environ}
    variables |= {"HOME": "/nonexistent", "COLUMNS": "80", "NO_COLOR": "1", "LC_ALL": "C.UTF-8", MARK: mark}
    if standin:
        variables["LD_LIBRARY_PATH"] = str(standin)
    if not is_installed():
        variables["PYTHONPATH"] = str(CHECKOUT / "src")
    return subprocess.Popen(
        [sys.executable, "-m", "envdoctor", *args],
        env={**variables, **env},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


def marked(mark: str) -> list[int]:
    """Process ids that carry the mark in their environment, zombies left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environment.split(b"\0"):
            found.append(int(folder.name))
    return found
