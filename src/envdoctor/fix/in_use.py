"""Which processes use an environment, by what Linux tells of them in /proc (proc(5)).

A Python of a virtual environment is hard to see: its executable is the base interpreter, to which `bin/python` is a
link. What tells it, in this order:

1. the executable, a copy (`venv --copies`), lies in the environment;
2. the program or the script of its command line does: `/x/.venv/bin/python`, and what a script's first line leads to;
3. a program without a folder, `python`, is found there by the process's own PATH, and is what runs;
4. VIRTUAL_ENV names the environment, the base interpreter runs, and 3 finds nothing (a process that changed its title);
5. a file of the environment is mapped (extension modules), also one that was deleted since;
6. it works in a folder of the environment;
7. it has a file of it open (uv holds a lock there while it installs).

Processes of other users show their command line alone; what cannot be read does not count. One in a container that has
the environment under another name is not seen.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = "runs from it"
MAPPED = "has files of it mapped"
WORKS = "works in it"
OPEN = "has files of it open"

DELETED = " (deleted)"
MOST_BYTES = 64 * 1024 * 1024
"""Read of one file of a process; maps of a process with many thousand libraries take a few megabytes."""

PYTHON = re.compile(r"(python|pypy)[\d.]*")


class User(NamedTuple):
    """A process that uses a folder; `how` is one of the words above, the first that holds."""

    pid: int
    name: str
    how: str


def can_tell(proc: str = "/proc") -> bool:
    """Whether this system tells what processes use."""
    return os.path.isdir(os.path.join(proc, "self"))


def in_words(folder: str) -> str | None:
    """Return who uses an environment, as the beginning of a sentence; None for nobody, or where it cannot be told."""
    users = users_of(folder)
    if not users:
        return None
    more = f" (and {len(users) - 1} more)" * (len(users) > 1)
    return f"the environment is in use: process {users[0].pid} ({users[0].name}) {users[0].how}{more}"


def users_of(folder: str, proc: str = "/proc") -> tuple[User, ...]:
    """Return the processes that use a folder, by number; this one and those it descends from do not count.

    Empty, too, where the system does not tell: `can_tell`.
    """
    try:
        pids = sorted(int(name) for name in os.listdir(proc) if name.isdigit())
    except OSError:
        return ()
    own = _ancestry(proc)
    environment = _Environment(folder)
    found = []
    for pid in pids:
        if pid not in own:
            process = os.path.join(proc, str(pid))
            how = next(_uses(process, environment), None)
            if how is not None:
                found.append(User(pid, _read(process, "comm").decode("utf-8", "replace").strip(), how))
    return tuple(found)


class _Environment:
    """A folder, told from others by its path as it is and as it was typed."""

    def __init__(self, folder: str) -> None:
        self.real = os.path.realpath(folder)
        self._within = tuple({os.path.join(path, "") for path in (self.real, os.path.abspath(folder))})
        self._mapped = tuple(b" " + os.fsencode(within) for within in self._within)
        self.base = os.path.realpath(os.path.join(folder, "bin", "python"))

    def holds(self, path: str) -> bool:
        """Whether an absolute path leads into it: by its folder, as the last part may itself be a link to elsewhere."""
        if not os.path.isabs(path):
            return False
        folder, name = os.path.split(os.path.normpath(path))
        return any(
            os.path.join(one, "").startswith(self._within)
            for one in (os.path.join(folder, name), os.path.join(os.path.realpath(folder), name))
        )

    def is_mapped(self, maps: bytes) -> bool:
        """Whether a line of `maps` names a file in it."""
        return any(within in maps for within in self._mapped)


def _uses(process: str, environment: _Environment) -> Iterator[str]:
    """Yield how a process uses the environment, as the docstring of the module counts it."""
    executable, folder = _leads(process, "exe"), _leads(process, "cwd")
    if environment.holds(executable) or _runs(process, executable, folder, environment):
        yield RUNS
    if environment.is_mapped(_read(process, "maps")):
        yield MAPPED
    if environment.holds(folder):
        yield WORKS
    if any(environment.holds(path) for path in _open_files(process)):
        yield OPEN


def _runs(process: str, executable: str, folder: str, environment: _Environment) -> bool:
    argv = _words(_read(process, "cmdline"))
    if not argv:  # a thread of the kernel, or a process that has ended
        return False
    named = [argv[0]] if os.sep in argv[0] else []
    if PYTHON.fullmatch(os.path.basename(executable or argv[0])):
        named += _script(argv)
    if any(environment.holds(os.path.join(folder, path)) for path in named if folder or os.path.isabs(path)):
        return True
    if os.sep in argv[0] or not executable:
        return False
    variables = dict(word.partition("=")[::2] for word in _words(_read(process, "environ")))
    found = _on_path(argv[0], variables.get("PATH", ""))
    if found is not None:
        return environment.holds(found) and os.path.realpath(found) == executable
    active = variables.get("VIRTUAL_ENV", "")
    return bool(active) and os.path.realpath(active) == environment.real and environment.base == executable


def _script(argv: list[str]) -> list[str]:
    """Return the file that a Python's command line has it run, in a list; [] for `-m`, `-c` and none."""
    words = iter(argv[1:])
    for word in words:
        if word in ("-X", "-W"):
            next(words, None)
        elif word.startswith(("-m", "-c")):
            return []
        elif not word.startswith("-"):
            return [word]
    return []


def _on_path(program: str, path: str) -> str | None:
    """Return where a program is found; folders that are given relative to another are passed over."""
    for folder in path.split(os.pathsep):
        found = os.path.join(folder, program)
        if os.path.isabs(found) and os.path.isfile(found) and os.access(found, os.X_OK):
            return found
    return None


def _open_files(process: str) -> Iterator[str]:
    folder = os.path.join(process, "fd")
    try:
        numbers = os.listdir(folder)
    except OSError:  # another user's, or gone
        return
    for number in numbers:
        yield _leads(folder, number)


def _leads(folder: str, name: str) -> str:
    """Return what a link leads to; "" where that is not told."""
    try:
        return os.readlink(os.path.join(folder, name)).removesuffix(DELETED)
    except OSError:  # another user's, or gone
        return ""


def _read(process: str, name: str) -> bytes:
    try:
        with open(os.path.join(process, name), "rb") as file:
            return file.read(MOST_BYTES)
    except OSError:  # another user's, or gone
        return b""


def _words(data: bytes) -> list[str]:
    return [os.fsdecode(word) for word in data.rstrip(b"\0").split(b"\0")] if data else []


def _ancestry(proc: str) -> frozenset[int]:
    """Return the numbers of this process and of those it descends from."""
    found: set[int] = set()
    number = _leads(proc, "self")
    while number.isdigit() and int(number) not in found and int(number):
        found.add(int(number))
        # "pid (name) state parent ...", where the name may hold blanks and parentheses.
        fields = _read(os.path.join(proc, number), "stat").rpartition(b")")[2].split()
        number = os.fsdecode(fields[1]) if len(fields) > 1 else ""
    return frozenset(found)
