"""Runs tests of the battery in one process of a real environment; see in_one_child for what a run is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import envdoctor.smoke.child

SCRIPT = Path(__file__).with_name("in_one_child.py")
CHILD = Path(envdoctor.smoke.child.__file__).parent

Run = tuple[str, bool, int, "tuple[str, str] | None"]
"""A test's name, whether at its full size, the seed, and the fault: a function below `torch` and its effect."""


def environment(variable: str) -> Path:
    """Return the Python of a real environment, or skip the test."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes it)")
    return Path(folder) / "bin" / "python"


def run_in_one_child(python: Path, runs: list[Run]) -> list[dict[str, Any]]:
    """Return how each run ended; those whose function this torch lacks are left out."""
    done = subprocess.run(
        [python, "-B", SCRIPT, CHILD, json.dumps(runs)], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
