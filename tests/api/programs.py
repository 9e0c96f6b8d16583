"""Programs that call the Python API, each in a process of its own, and what of them lives on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from standin.command import CHECKOUT, KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "ENVDOCTOR_TEST_MARK"
"""A variable by which a process and all its descendants are known."""


def start(
    program: str, folder: Path, env: Mapping[str, str] | None = None, standin: Path | None = None
) -> subprocess.Popen[str]:
    """Start a Python program in `folder`, both streams as pipes; `standin` is the folder of the driver libraries."""
    variables = {name: os.environ[name] for name in KEPT if name in os.environ}
    variables |= {"HOME": str(folder), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(CHECKOUT / "src"), MARK: str(folder)}
    if standin:
        variables["LD_LIBRARY_PATH"] = str(standin)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**variables, **(env or {})},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def run(
    program: str, folder: Path, env: Mapping[str, str] | None = None, standin: Path | None = None
) -> tuple[int, str, str]:
    """Run it to its end: exit code, standard output and error."""
    process = start(program, folder, env, standin)
    out, error = process.communicate(timeout=120)
    return process.returncode, out, error


def living(folder: Path) -> list[str]:
    """The command lines of processes that were started from a program in `folder`, zombies left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return found
