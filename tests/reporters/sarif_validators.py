"""The validator of the SARIF SDK, and the schema that comes with it: an npm package of 105 MB, installed once.

`ENVDOCTOR_SARIF_MULTITOOL` may name a folder that holds them. Where there is neither that nor npm, nor a way to its
packages, the tests that need them are skipped.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

VERSION = "5.7.0"
PACKAGE = "@microsoft/sarif-multitool-linux"
KEPT = Path(tempfile.gettempdir()) / f"envdoctor-tests-sarif-multitool-{VERSION}"

HEEDLESS = {
    "SARIF2002": "messages are sentences with words of a machine in them, and not translated",
    "SARIF2003": "nobody asks git for the commit: whoever uploads knows it",
    "SARIF2005": "the project has no address yet",
    "SARIF2006": "the address of the schema is not asked for by a test",
    "SARIF2009": "rules have names here and no numbers",
    "SARIF2010": "lines of a project are not copied into a report",
    "SARIF2011": "neither are those around them",
    "SARIF2012": "no help address, as above; and a name of one word would be the id again",
}
"""Advice that is not taken, and why not."""


@cache
def folder() -> Path:
    """Where the validator is; skips where it cannot be had."""
    named = os.environ.get("ENVDOCTOR_SARIF_MULTITOOL")
    if named:
        return Path(named)
    npm = shutil.which("npm")
    if sys.platform != "linux" or platform.machine() != "x86_64" or npm is None:
        pytest.skip("the SARIF validator is installed by npm on linux-x86_64")
    if not KEPT.is_dir():
        with tempfile.TemporaryDirectory(dir=KEPT.parent) as made:
            done = subprocess.run(
                [npm, "install", "--prefix", made, "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0",
                 f"{PACKAGE}@{VERSION}"],
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                pytest.skip(f"npm cannot install the SARIF validator: {done.stderr.strip()[-200:]}")
            installed = Path(made, "node_modules", *PACKAGE.split("/"))
            (installed / "Sarif.Multitool").chmod(0o755)
            try:
                installed.rename(KEPT)
            except OSError:  # another worker was first
                assert KEPT.is_dir()
    return KEPT


def assert_schema_holds(*files: Path) -> None:
    """By `check-jsonschema`."""
    words = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(folder() / "sarif-2.1.0.json")]
    done = subprocess.run([*words, *map(str, files)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def remarks(file: Path) -> set[tuple[str, str, str]]:
    """What the validator says: rule, level and message. Its exit code is 0 whatever it found."""
    said = file.with_suffix(".validated")
    done = subprocess.run(
        [str(folder() / "Sarif.Multitool"), "validate", str(file), "--rule-kind", "Sarif;Ghas", "--output", str(said),
         "--log", "ForceOverwrite", "--level", "Error;Warning;Note"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert said.is_file(), done.stdout + done.stderr
    # It writes a byte order mark.
    run: dict[str, Any] = json.loads(said.read_text(encoding="utf-8-sig"))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"], done.stdout
    return {(one["ruleId"], one.get("level", "warning"), str(one["message"])) for one in run["results"]}
