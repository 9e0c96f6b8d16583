"""No file of the project names the host of a package registry or a path of one particular machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# In pieces, so that this file passes its own test. pip, apt and npm know their hosts from the user's
# configuration; a document that names one is wrong behind a mirror.
REGISTRIES = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("deb", "debian", "org"),
    ("security", "debian", "org"),
    ("archive", "ubuntu", "com"),
    ("registry", "npmjs", "org"),
    ("conda", "anaconda", "org"),
)
PLACES = (("work",), ("tmp", "real"), ("opt", "pypi"), ("opt", "wheels"), ("root", ".pyenv"))

FORBIDDEN = re.compile(
    "|".join(
        [
            *(r"\b" + r"\.".join(pieces) + r"\b" for pieces in REGISTRIES),
            *(r"(?<![\w.*~/])/" + "/".join(map(re.escape, pieces)) + r"(?=/)" for pieces in PLACES),
        ]
    )
)

# The parts of a checkout that git does not tell of, where there is no git.
NOT_OURS = {".git", ".venv", ".venvs", "build", "dist", "__pycache__"}


def project_files() -> list[Path]:
    """Every file that is, or is about to be, under version control."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if listed.returncode == 0:
            paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
            return sorted(path for path in paths if path.is_file())
    return sorted(path for path in ROOT.rglob("*") if path.is_file() and not NOT_OURS & set(path.parts))


def named_in(text: str) -> list[str]:
    return [match[0] for match in FORBIDDEN.finditer(text)]


def test_no_file_names_a_registry_or_a_machine() -> None:
    files = project_files()
    assert ROOT / "pyproject.toml" in files
    found = {
        path.relative_to(ROOT).as_posix(): names
        for path in files
        if (names := named_in(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert found == {}


@pytest.mark.parametrize("pieces", REGISTRIES, ids=".".join)
def test_a_registry_is_seen(pieces: tuple[str, ...]) -> None:
    assert named_in("see https://" + ".".join(pieces) + "/simple/torch")
    assert named_in("--index-url https://mirror.example/simple") == []


@pytest.mark.parametrize("pieces", PLACES, ids="/".join)
def test_a_place_is_seen(pieces: tuple[str, ...]) -> None:
    assert named_in('path = "/' + "/".join(pieces) + '/main/file"')
    assert named_in("https://example.org/" + "/".join(pieces) + "/file") == []
