"""Programs of others that check or run what is plugged in elsewhere; `make test` puts them into `.venvs/gate`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]

UNREACHABLE = "No matching distribution found"
"""What pip says where it is given no index, or none that answers."""


def tool(name: str) -> str:
    """The program's path; the test is skipped where it is not installed."""
    places = (Path(sys.executable).parent, ROOT / ".venvs" / "gate" / "bin")
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"no {name}: make test sets it up")
    return found


def run(argv: list[str], cwd: Path, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code, and all that was said. Skips the test where pip reaches no index."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "VIRTUAL_ENV"))}
    variables |= {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PIP_COMPILE": "0",  # which takes longer than the few imports that it saves
        **{f"GIT_{who}_{what}": "nobody@git.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        **(environ or {}),
    }
    done = subprocess.run(
        argv, cwd=cwd, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=300, check=False,
    )  # fmt: skip
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode and UNREACHABLE in said:
        pytest.skip("the package index is out of reach")
    return done.returncode, said
