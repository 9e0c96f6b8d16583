"""What a fix compares after the installer ran, with commands that do what no installer should."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envdoctor.fix.applying import Applied, Work, apply
from envdoctor.fix.lock import locked
from envdoctor.fix.place import place_of
from envdoctor.model.fix import PackageChange

if TYPE_CHECKING:
    from pathlib import Path

REWRITE = """
import sys
from pathlib import Path
for words in sys.argv[1:]:
    name, version, build = words.split()
    (info,) = Path(sys.prefix).glob(f"lib/python*/site-packages/{name}-*.dist-info")
    info = info.rename(info.with_name(f"{name}-{version}.dist-info"))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    (info / "RECORD").write_text(f"{name}.py,sha256={build},1\\n")
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """With torch and what was compiled here."""
    made = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    (site,) = made.glob("lib/python*/site-packages")
    for name in ("torch", "mine"):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text(f"{name}.py,sha256=a,1\n")
    return made


def applied(environment: Path, *rewritten: str) -> Applied:
    place = place_of(str(environment))
    python = str(environment / "bin" / "python")
    command = (python, "-I", "-c", REWRITE, *rewritten)
    work = Work(place, place, place.environment, python, (command,), os.environ, {}, frozenset({"torch"}))
    with locked(place):
        return apply(work, lambda _: (), lambda *_: None)


def test_what_was_asked_for_is_put_in_place(environment: Path) -> None:
    done = applied(environment, "torch 2.0 b")
    assert (done.trouble, done.stays) == ("", 1)
    assert done.changes == (PackageChange("torch", "1.0", "2.0"),)


def test_the_same_version_of_another_build_is_a_change(environment: Path) -> None:
    done = applied(environment, "torch 1.0 b")
    assert (done.trouble, done.stays) == ("", 1)
    assert done.changes == (PackageChange("torch", "1.0", "1.0"),)


def test_another_build_of_what_nobody_asked_for_is_refused(environment: Path) -> None:
    """What was compiled here has the version of a wheel that an index has too."""
    done = applied(environment, "torch 2.0 b", "mine 1.0 b")
    assert "mine would have changed too" in done.trouble
    assert sorted(path.name for path in environment.parent.iterdir()) == [".venv", ".venv.envdoctor"]  # with the log
    assert (next(environment.glob("lib/python*/site-packages/mine-1.0.dist-info")) / "RECORD").read_text() == (
        "mine.py,sha256=a,1\n"
    )
