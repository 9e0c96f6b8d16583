"""What an installer is doing, out of what it says: it looks for a package, downloads how much of it, installs it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable


class Doing(NamedTuple):
    """What is done at this moment, in words; `done` and `of` are bytes of a download, None where nobody tells."""

    what: str
    done: int | None = None
    of: int | None = None


UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}

_RAW = re.compile(r"Progress (\d+) of (\d+)$")
_SIZE = r"\(([\d.]+) ?([kKMG]i?)?(?:B|bytes)"
_PIP_DOWNLOAD = re.compile(rf"\s*Downloading (\S+)(?: {_SIZE}\))?")
_UV_DOWNLOAD = re.compile(rf"Downloading (\S+) {_SIZE}\)$")
_UV_DONE = re.compile(r" ?Downloaded (\S+)$")
_WHEEL = re.compile(r"([^/]+?)-([^-/]+)-[^/]*\.whl(?:\.metadata)?$")

_SAYINGS = (
    (re.compile(r"Collecting (\S+)"), "looking for {}"),
    (re.compile(r"\s*Using cached (\S+)"), "taking {} from the cache"),
    (re.compile(r"Building wheel for (\S+)"), "building {}"),
    (re.compile(r"\s+Building (\S+)$"), "building {}"),
    (re.compile(r"\s+Uninstalling (\S+?):?$"), "removing {}"),
    (re.compile(r"\s+- (?:Installing|Updating) (\S+)"), "installing {}"),
)
_PHASES = (
    (re.compile(r"Installing collected packages:"), "installing"),
    (re.compile(r"(?:Prepared|Uninstalled) \d+ packages? in"), "installing"),
    (re.compile(r"(?:Resolved \d+ packages? in|Updating dependencies|Resolving dependencies)"), "resolving"),
)


class Listener:
    """It hears the lines of one installer and tells each change."""

    def __init__(self, tool: str, tell: Callable[[Doing], None]) -> None:
        self._uv = tool.startswith("uv")
        self._tell = tell
        self._now = Doing("")
        self._sizes: dict[str, int] = {}
        self._finished: set[str] = set()

    def hear(self, line: str) -> bool:
        """Tell what a line says is done; return whether it was nothing but progress, which no log needs."""
        raw = _RAW.match(line)
        if raw:
            if self._now.what:
                self._say(Doing(self._now.what, int(raw[1]), int(raw[2])))
            return True
        doing = self._of_uv(line) if self._uv else self._of_pip(line)
        doing = doing or _said(line)
        if doing:
            self._say(doing)
        return False

    def _say(self, doing: Doing) -> None:
        if doing != self._now:
            self._now = doing
            self._tell(doing)

    def _of_pip(self, line: str) -> Doing | None:
        match = _PIP_DOWNLOAD.match(line)
        if not match or match[1].endswith(".metadata"):
            return None
        size = _bytes(match[2], match[3])
        return Doing(f"downloading {_package(match[1])}", None if size is None else 0, size)

    def _of_uv(self, line: str) -> Doing | None:
        """Several at once: uv says of each large one when it begins and when it has ended."""
        match = _UV_DOWNLOAD.match(line)
        if match:
            self._sizes[match[1]] = _bytes(match[2], match[3]) or 0
        else:
            match = _UV_DONE.match(line)
            if not match:
                return None
            self._finished.add(match[1])
        waiting = [name for name in self._sizes if name not in self._finished]
        if not waiting:
            return None
        done = sum(self._sizes.get(name, 0) for name in self._finished)
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        return Doing(f"downloading {waiting[0]}{more}", done, sum(self._sizes.values()))


def _said(line: str) -> Doing | None:
    for pattern, words in _SAYINGS:
        match = pattern.match(line)
        if match:
            return Doing(words.format(_package(match[1])))
    for pattern, words in _PHASES:
        if pattern.match(line):
            return Doing(words)
    return None


def _package(name: str) -> str:
    """Return name and version of the wheel behind an address; another name as it is."""
    name = unquote(name.rstrip("/").rpartition("/")[2])
    match = _WHEEL.match(name)
    return f"{match[1]} {match[2]}" if match else name


def _bytes(number: str | None, unit: str | None) -> int | None:
    if number is None or number.count(".") > 1 or number == ".":
        return None
    return round(float(number) * UNITS[(unit or "").lower()])
