"""Runs the real command line in a process of its own and hands back all it said."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHECKOUT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "SYSTEMROOT", "TMPDIR", "COVERAGE_PROCESS_START")


@dataclass(frozen=True, slots=True)
class Said:
    """What a run of the command line gave back; `json()` reads stdout and fails on anything around it."""

    exit_code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """The one JSON document on stdout; raises `json.JSONDecodeError` with the text at hand."""
        return json.loads(self.stdout)

    @property
    def shows_traceback(self) -> bool:
        """Whether a user would have seen a Python traceback: never right (contract)."""
        return "Traceback (most recent call last)" in self.stdout + self.stderr


def run_cli(
    args: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    standin: Path | None = None,
    home: Path | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    limit: float = 120,
) -> Said:
    """Run `python -m envdoctor ARGS` in a clean environment: 80 columns, no colour, an own home.

    `env` adds variables (those of the stand-in among them), `standin` is the folder of the driver libraries,
    without which the machine's own driver, if any, answers. `limit` in seconds is a net under a hang, not a
    measurement: `subprocess.TimeoutExpired` fails the test.
    """
    with tempfile.TemporaryDirectory() as empty:
        variables = {name: os.environ[name] for name in KEPT if name in os.environ}
        variables |= {"HOME": str(home or empty), "COLUMNS": "80", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        if standin:
            variables["LD_LIBRARY_PATH"] = str(standin)
        if not is_installed():
            variables["PYTHONPATH"] = str(CHECKOUT / "src")
        done = subprocess.run(
            [sys.executable, "-m", "envdoctor", *args],
            env={**variables, **(env or {})},
            cwd=cwd or empty,
            input=stdin.encode(),
            capture_output=True,
            timeout=limit,
            check=False,
        )
    return Said(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def is_installed() -> bool:
    """Whether the interpreter that runs the tests has envdoctor as a distribution, as in `make test`."""
    try:
        importlib.metadata.distribution("envdoctor")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
