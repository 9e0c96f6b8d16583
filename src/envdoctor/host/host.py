"""One machine to look at: the live one, or a recorded tree that answers in its place.

A recorded tree is a folder that holds the files of a machine and `machine.json`, which holds what a file
system cannot: operating system, architecture, environment, and the answers of commands. Probes cannot
tell the difference, which is how a bug report becomes a test.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from typing import TYPE_CHECKING

from envdoctor.host.process import Answer, Child, Recorded, Running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_BYTES = 4 * 1024 * 1024
"""No file a probe reads as text comes near this; METADATA of torch is about 30 kB."""

LINUX_WORDS = {"AMD64": "x86_64", "ARM64": "arm64"}
"""What Windows calls an architecture, as every other place of the project calls it."""

OS_NAMES = {"linux": "linux", "darwin": "macos", "win32": "windows", "cygwin": "windows"}


class Host:
    """Files, environment and commands of one machine.

    `root` is the folder that stands for `/`. Paths given to the methods are paths *of the machine*.
    """

    def __init__(
        self,
        root: str = "/",
        *,
        environ: Mapping[str, str] | None = None,
        os_name: str | None = None,
        machine: str | None = None,
        recorded: Mapping[str, Answer] | None = None,
    ) -> None:
        self.root = root
        self.live = recorded is None
        self.environ = os.environ if environ is None else environ
        self.os = os_name or OS_NAMES.get(sys.platform, sys.platform)
        said = machine or _machine()
        self.machine = LINUX_WORDS.get(said, said)
        self._recorded = recorded or {}

    @classmethod
    def recorded(cls, root: str) -> Host:
        """Open the recorded tree at `root`. Raises OSError or ValueError when `machine.json` is unusable."""
        with open(os.path.join(root, "machine.json"), encoding="utf-8") as file:
            told = json.load(file)
        if not isinstance(told, dict) or not all(isinstance(said, dict) for said in told.get("commands", {}).values()):
            raise ValueError("machine.json is no description of a machine")
        answers = {
            name: Answer(
                exit=said.get("exit"),
                out=said.get("out", ""),
                error=said.get("error", ""),
                trouble=said.get("trouble", ""),
            )
            for name, said in told.get("commands", {}).items()
        }
        return cls(
            root,
            environ=told.get("environ", {}),
            os_name=told.get("os", "linux"),
            machine=told.get("machine", "x86_64"),
            recorded=answers,
        )

    def path(self, path: str) -> str:
        """Return where the machine's `path` really lies."""
        return path if self.root == "/" else os.path.join(self.root, path.lstrip("/"))

    def exists(self, path: str) -> bool:
        """Whether something lies at `path`; False where looking is not permitted."""
        return os.path.exists(self.path(path))

    def is_file(self, path: str) -> bool:
        """Whether `path` is a regular file (a FIFO or a device is not)."""
        return os.path.isfile(self.path(path))

    def is_dir(self, path: str) -> bool:
        """Whether `path` is a folder."""
        return os.path.isdir(self.path(path))

    def listdir(self, path: str) -> list[str]:
        """Return the sorted names in a folder. Raises OSError."""
        return sorted(os.listdir(self.path(path)))

    def read(self, path: str, limit: int = MOST_BYTES) -> str:
        """Return the text of a regular file, at most `limit` bytes of it, undecodable bytes replaced.

        Raises OSError, also for a FIFO or a device: opening those can block for ever.
        """
        real = self.path(path)
        if not stat.S_ISREG(os.stat(real).st_mode):
            raise OSError(f"{path} is not a regular file")
        with open(real, "rb") as file:
            return file.read(limit).decode("utf-8", "replace")

    def start(self, name: str, argv: Sequence[str]) -> Running:
        """Start a command (in its own process group, without input); ask the result for its answer.

        `name` is what it is called among the recorded answers of a tree: `nvml`, `libcuda`, `nvidia-smi`.
        """
        if not self.live:
            return Recorded(self._recorded.get(name))
        return Child(argv, self.environ)

    def which(self, name: str) -> str | None:
        """Return the full path of a command on the machine's PATH."""
        for folder in self.environ.get("PATH", "").split(os.pathsep):
            candidate = os.path.join(folder, name) if folder else ""
            if candidate and self.is_file(candidate) and os.access(self.path(candidate), os.X_OK):
                return candidate
        return None


def _machine() -> str:
    """Return the architecture in Linux's words (`x86_64`, `aarch64`), `arm64` on macOS."""
    if hasattr(os, "uname"):
        return os.uname().machine
    return os.environ.get("PROCESSOR_ARCHITECTURE") or "unknown"
