"""Environments with a real torch that is faulty in one function: nothing is installed, and the original not touched.

A new virtual environment that finds the packages of a real one through a `.pth` file, and beside them `torch_faults`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import torch_faults


@dataclass(frozen=True, slots=True)
class Fault:
    """One of `torch_faults.EFFECTS` in every spelling of a function: dotted names below `torch`."""

    effect: str
    functions: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class FaultyTorch:
    """A virtual environment at `folder` whose torch can be made faulty."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        """Its own folder of packages."""
        return next((self.folder / "lib").glob("python3*")) / "site-packages"

    def inject(self, *faults: Fault) -> None:
        """Let torch have these faults, and no others, from its next import on."""
        assert all(fault.effect in torch_faults.EFFECTS for fault in faults)
        (self.site / "faults.json").write_text(json.dumps([asdict(fault) for fault in faults]))

    def processes(self) -> list[int]:
        """The processes that run its interpreter at this moment."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.fsencode(self.folder) in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:  # it has ended meanwhile
                pass
        return found


def faulty_torch(real: Path, folder: Path) -> FaultyTorch:
    """Make such an environment over the real one at `real`, without any fault yet."""
    subprocess.run([real / "bin" / "python", "-m", "venv", "--without-pip", folder], check=True)
    made = FaultyTorch(folder)
    packages = next((real / "lib").glob("python3*")) / "site-packages"
    shutil.copy(torch_faults.__file__, made.site)
    made.inject()
    (made.site / "faults.pth").write_text(f"{packages}\nimport torch_faults; torch_faults.wait_for_torch()\n")
    return made


def state_of(real: Path) -> dict[str, tuple[int, int]]:
    """Size and time of the last change of every file of an environment, to be compared before and after."""
    return {
        str(path.relative_to(real)): (found.st_size, found.st_mtime_ns)
        for path in sorted(real.rglob("*"))
        if not path.is_dir() and (found := path.lstat())
    }
