"""One machine to look at: the live one, or a recorded tree that answers in its place.

A recorded tree is a folder that holds the files of a machine and `machine.json`, which holds what a file
system cannot: operating system, architecture, environment, the sizes of file systems (`disks`), the usable
processors (`cpus`), device files that may not be opened (`denied`), and the answers of commands. Probes cannot tell
the difference, which is how a bug report becomes a test. A drive of Windows is a folder at the top of the tree:
`C:\\Users\\me` lies at `C/Users/me`, in the spelling in which it is asked for.
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

MOST_LINKS = 40
"""Links followed in one path, as many as Linux follows (path_resolution(7))."""

LONGEST_PATH = 4096
"""PATH_MAX of Linux; the system refuses longer ones itself."""

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
        disks: Mapping[str, tuple[int, int]] | None = None,
        cpus: int | None = None,
        denied: Sequence[str] = (),
    ) -> None:
        self.root = root
        self.live = recorded is None
        self.environ = os.environ if environ is None else environ
        self.os = os_name or OS_NAMES.get(sys.platform, sys.platform)
        said = machine or _machine()
        self.machine = LINUX_WORDS.get(said, said)
        self._recorded = recorded or {}
        self._disks = disks or {}
        self._cpus = cpus
        self._denied = frozenset(denied)

    @classmethod
    def recorded(cls, root: str) -> Host:
        """Open the recorded tree at `root`. Raises OSError or ValueError when `machine.json` is unusable."""
        told = _description(os.path.join(root, "machine.json"))
        cpus = told.get("cpus")
        if not (cpus is None or isinstance(cpus, int)):
            raise ValueError("machine.json: cpus is no number")
        return cls(
            root,
            environ={name: _text(said, name) for name, said in _table(told, "environ")},
            os_name=_text(told.get("os", "linux"), "os"),
            machine=_text(told.get("machine", "x86_64"), "machine"),
            recorded={name: _answer(said, name) for name, said in _table(told, "commands")},
            disks={name: _space(said) for name, said in _table(told, "disks")},
            cpus=cpus,
            denied=_paths(told.get("denied", [])),
        )

    def path(self, path: str) -> str:
        """Return where the machine's `path` really lies; links of a recorded machine lead nowhere out of it."""
        return path if self.root == "/" else self._inside(path)

    def readlink(self, path: str) -> str:
        """Return what a symbolic link says, in paths of the machine. Raises OSError where `path` is none."""
        return os.readlink(path if self.root == "/" else self._inside(path, follow=False))

    def _inside(self, path: str, *, follow: bool = True) -> str:
        """Follow `path` through the recorded tree part by part, with its root for `/`.

        Without `follow` a link that is its last part is left as it is.
        """
        if self.os == "windows":  # looked at from elsewhere: C:\\Users is C/Users
            path = path.replace("\\", "/").replace(":", "", 1)
        if len(path) > LONGEST_PATH:
            return os.path.join(self.root, path.lstrip("/"))
        ahead, links = _parts(path), 0
        done: list[str] = []
        while ahead:
            part = ahead.pop()
            if part == "..":
                del done[-1:]
                continue
            try:
                led = os.readlink(os.path.join(self.root, *done, part)) if ahead or follow else ""
            except (OSError, ValueError):  # no link, not there, or a NUL byte
                led = ""
            if not led:
                done.append(part)
                continue
            links += 1
            if links > MOST_LINKS:
                return os.path.join(self.root, "machine.json", part)  # nothing lies below a file
            if led.startswith("/"):
                done = []
            ahead += _parts(led)
        return os.path.join(self.root, *done)

    def exists(self, path: str) -> bool:
        """Whether something lies at `path`; False where looking is not permitted."""
        return os.path.exists(self.path(path))

    def is_file(self, path: str) -> bool:
        """Whether `path` is a regular file (a FIFO or a device is not)."""
        return os.path.isfile(self.path(path))

    def is_dir(self, path: str) -> bool:
        """Whether `path` is a folder."""
        return os.path.isdir(self.path(path))

    def may_open(self, path: str) -> bool:
        """Whether this process may open a device file to read and write, by its mode and by its control group.

        access(2) asks the group of devices too, and nothing is opened.
        """
        return os.access(path, os.R_OK | os.W_OK) if self.live else path not in self._denied

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

    def space(self, path: str) -> tuple[int, int] | None:
        """Return the total and the free bytes of the file system at `path`, None where the system does not tell.

        Raises OSError.
        """
        if not self.live:
            return self._disks.get(path)
        if not hasattr(os, "statvfs"):
            return None
        told = os.statvfs(path)
        return told.f_frsize * told.f_blocks, told.f_frsize * told.f_bavail

    @property
    def cpus(self) -> int | None:
        """How many processors this process may use, None where it is not known."""
        if not self.live:
            return self._cpus
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

    def start(self, name: str, argv: Sequence[str]) -> Running:
        """Start a command (in its own process group, without input); ask the result for its answer.

        `name` is what it is called among the recorded answers of a tree: `nvml`, `libcuda`, `nvidia-smi`.
        """
        if not self.live:
            return Recorded(self._recorded.get(name))
        return Child(argv, self.environ)

    def which(self, name: str) -> str | None:
        """Return the full path of a command on the machine's PATH."""
        windows = self.os == "windows"
        between, below = (";", "\\") if windows else (":", "/")
        endings = self.environ.get("PATHEXT", ".EXE;.BAT;.CMD").lower().split(";") if windows else [""]
        if windows and name.lower().endswith(tuple(endings)):
            endings = [""]
        for folder in self.environ.get("PATH", "").split(between):
            for ending in endings if folder else ():
                candidate = f"{folder.rstrip(below)}{below}{name}{ending}"
                # What may be executed on Windows is told by its name alone.
                if self.is_file(candidate) and (windows or os.access(self.path(candidate), os.X_OK)):
                    return candidate
        return None


def _description(path: str) -> dict[str, object]:
    """Read `machine.json`. Raises OSError, also for a FIFO, and ValueError."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{path} is not a regular file")
    with open(path, encoding="utf-8") as file:
        try:
            told = json.load(file)
        except RecursionError:
            raise ValueError("machine.json is nested too deeply") from None
    if not isinstance(told, dict):
        raise ValueError("machine.json is no description of a machine")
    return told


def _table(told: Mapping[str, object], name: str) -> list[tuple[str, object]]:
    """Return the entries of an object of `machine.json`, none where it is not there. Raises ValueError."""
    said = told.get(name, {})
    if isinstance(said, dict):
        return [*said.items()]
    raise ValueError(f"machine.json: {name} is no object")


def _text(said: object, name: str) -> str:
    if isinstance(said, str):
        return said
    raise ValueError(f"machine.json: {name} is no text")


def _answer(said: object, name: str) -> Answer:
    """Read the recorded answer of a command. Raises ValueError."""
    if not isinstance(said, dict):
        raise ValueError(f"machine.json: the answer of {name} is no object")
    code = said.get("exit")
    if not (code is None or isinstance(code, int)):
        raise ValueError(f"machine.json: the exit of {name} is no number")
    words = {key: _text(said.get(key, ""), f"{key} of {name}") for key in ("out", "error", "trouble")}
    return Answer(exit=code, **words)


def _space(said: object) -> tuple[int, int]:
    """Read the [total, free] of a recorded file system. Raises ValueError."""
    if isinstance(said, list) and len(said) == 2 and all(isinstance(number, int) for number in said):
        return said[0], said[1]
    raise ValueError("machine.json: a file system is told as [total bytes, free bytes]")


def _paths(said: object) -> list[str]:
    """Read a recorded list of paths. Raises ValueError."""
    if isinstance(said, list) and all(isinstance(path, str) for path in said):
        return said
    raise ValueError("machine.json: what may not be opened is told as a list of paths")


def _parts(path: str) -> list[str]:
    """Return the parts of a path, the last first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _machine() -> str:
    """Return the architecture in Linux's words (`x86_64`, `aarch64`), `arm64` on macOS."""
    if hasattr(os, "uname"):
        return os.uname().machine
    return os.environ.get("PROCESSOR_ARCHITECTURE") or "unknown"
