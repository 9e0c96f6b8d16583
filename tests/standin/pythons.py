"""Real interpreters of several versions, where this machine has them."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest


@cache
def python(version: str) -> str:
    """A real interpreter of that version: named by ENVDOCTOR_TEST_PYTHONS, kept by pyenv, or on PATH."""
    folders = os.environ.get("ENVDOCTOR_TEST_PYTHONS", "").split(os.pathsep)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders += [str(path / "bin") for path in sorted(pyenv.glob(f"{version}.*"))]
    for folder in (*folders, *os.environ.get("PATH", "").split(os.pathsep)):
        candidate = os.path.join(folder, f"python{version}")
        if folder and os.access(candidate, os.X_OK):
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
            if re.match(rf"Python {re.escape(version)}\.", said.stdout + said.stderr):
                return candidate
    pytest.skip(f"no Python {version}: not in ENVDOCTOR_TEST_PYTHONS, pyenv or PATH")
