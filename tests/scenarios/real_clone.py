"""Copies of real environments, to be damaged: hard links, so that gigabytes cost nothing and no original changes.

A file is never written in place, which would write through the link: `replace` and `truncate` put a new one there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


def real_environment(variable: str) -> Path:
    """The folder of the real environment that a variable names; skips the test where there is none."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"{variable} names no environment (make test-real makes them)")
    return Path(folder)


@dataclass(frozen=True, slots=True)
class Clone:
    """A virtual environment of its own at `folder` with the packages of a real one."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        """Its folder of packages."""
        return next((self.folder / "lib").glob("python3*")) / "site-packages"

    def one(self, pattern: str) -> Path:
        """The file of the packages that a pattern names."""
        return next(iter(sorted(self.site.glob(pattern))))

    def remove(self, pattern: str) -> None:
        """Delete every file and folder that a pattern names."""
        for path in sorted(self.site.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def replace(self, path: Path, content: bytes) -> None:
        """Put another file in the place of one."""
        path.unlink(missing_ok=True)
        path.write_bytes(content)

    def truncate(self, path: Path, size: int) -> None:
        """Leave the first `size` bytes of a file."""
        with path.open("rb") as file:
            start = file.read(size)
        self.replace(path, start)

    def install(self, *requirements: str) -> None:
        """Install packages as pip does, without what they require."""
        argv = [self.python, "-m", "pip", "install", "--disable-pip-version-check", "-qq", "--no-deps", *requirements]
        subprocess.run(argv, check=True)

    def run(self, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run Python code in it, with more variables set."""
        plain = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "PYTHONPATH")}
        return subprocess.run(
            [self.python, "-B", "-c", code], capture_output=True, text=True, check=False, env={**plain, **environ}
        )


def clone(real: Path, folder: Path) -> Clone:
    """Copy a virtual environment by hard links; where that is not possible, by content."""

    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    shutil.copytree(
        real, folder, symlinks=True, copy_function=link, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    return Clone(folder)
