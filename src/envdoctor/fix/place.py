"""Where a fix works: the environment's folder, and the folder beside it that holds all that is the fix's.

It lies beside the environment and not elsewhere, so that what is moved between the two stays on one file system.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import NamedTuple

SUFFIX = ".envdoctor"
LONGEST_NAME = 255
"""NAME_MAX of the file systems of Linux, where the system does not tell another."""

IGNORE = "*\n"
"""Content of the file by which version control passes over the folder."""

LEVELS = 4
"""How far above a path its environment is looked for; `bin/python` lies two below it."""


class Place(NamedTuple):
    """An environment's folder (absolute, without links), and the paths that go with it.

    `new` is the copy under repair and `old` what was there before the last fix. `aside` and `older` are names for
    moments within a swap. `journal` tells of a run under way, `kept` of the last fix that was finished.
    """

    environment: str

    @property
    def state(self) -> str:
        """The folder that holds the others."""
        return self.environment + SUFFIX

    @property
    def new(self) -> str:
        """The copy that is repaired."""
        return os.path.join(self.state, "new")

    @property
    def old(self) -> str:
        """The environment as it was before the last fix."""
        return os.path.join(self.state, "old")

    @property
    def aside(self) -> str:
        """Where the environment lies between two renames, on a file system that cannot exchange."""
        return os.path.join(self.state, "aside")

    @property
    def older(self) -> str:
        """The `old` of an earlier fix, until the present one is finished."""
        return os.path.join(self.state, "older")

    @property
    def files(self) -> str:
        """The folder of a project's files as they were."""
        return os.path.join(self.state, "files")

    @property
    def journal(self) -> str:
        """The journal of the run under way."""
        return os.path.join(self.state, "journal.json")

    @property
    def kept(self) -> str:
        """The entry of the last finished fix: what a way back needs."""
        return os.path.join(self.state, "kept.json")

    @property
    def lock(self) -> str:
        """The file that one doctor at a time holds."""
        return os.path.join(self.state, "lock")

    @property
    def log(self) -> str:
        """All that the installer said."""
        return os.path.join(self.state, "log.txt")

    @property
    def ignore(self) -> str:
        """What keeps version control out of the folder."""
        return os.path.join(self.state, ".gitignore")


def place_of(prefix: str) -> Place:
    """Return the place of an environment. Where `prefix` is a link, it is what the link leads to that is swapped."""
    return Place(os.path.realpath(prefix))


def obstacle(place: Place) -> str | None:
    """Say in one sentence why the environment cannot be swapped where it is; None where nothing is seen."""
    environment, parent = place.environment, os.path.dirname(place.environment)
    try:
        here, above = os.lstat(environment), os.stat(parent)
    except OSError as problem:
        return f"{problem.filename} cannot be read: {problem.strerror}"
    if not stat.S_ISDIR(here.st_mode):
        return f"{environment} is not a folder"
    if os.path.ismount(environment) or here.st_dev != above.st_dev:
        return f"{environment} is a mount point, which cannot be renamed"
    if hasattr(os, "statvfs") and os.statvfs(parent).f_flag & os.ST_RDONLY:
        return f"the file system of {parent} is read-only"
    for folder in (parent, environment):  # the latter: its own entry ".." changes when it moves
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} is not writable for this user"
    if above.st_mode & stat.S_ISVTX and _me() not in (None, 0, here.st_uid, above.st_uid):
        return f"{environment} belongs to another user, and in {parent} only the owner may rename it"
    if len(os.fsencode(os.path.basename(place.state))) > _longest_name(parent):
        return f"the name of {place.state} would be too long for its file system"
    return state_trouble(place)


def state_trouble(place: Place) -> str | None:
    """Say why the folder beside the environment cannot be trusted; None where it can, or is not there.

    What lies in it decides what is removed and written, so it has to be this user's and nobody else's to change.
    """
    try:
        state = os.lstat(place.state)
    except FileNotFoundError:
        return None
    except OSError as problem:
        return f"{place.state} cannot be read: {problem.strerror}"
    if not stat.S_ISDIR(state.st_mode):
        return f"{place.state} is a {'link' if stat.S_ISLNK(state.st_mode) else 'file'} and no folder of envdoctor's"
    if _me() not in (state.st_uid, None):
        return f"{place.state} belongs to another user"
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and _me() is not None:
        return f"{place.state} can be changed by other users"
    if not _is_ours(place):
        return f"{place.state} holds what is not envdoctor's"
    return None


def _is_ours(place: Place) -> bool:
    """Whether a folder of that name is a fix's, and no folder that somebody gave such a name."""
    if _is_bare(place):
        return True
    try:
        with open(os.open(place.ignore, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            return file.read(len(IGNORE) + 1) in (IGNORE.encode(), b"")  # empty: killed, or no room on the disk
    except FileNotFoundError:  # it is the first that is made, and the first that goes: maybe this moment
        return _is_bare(place)
    except OSError:
        return False


def _is_bare(place: Place) -> bool:
    """Whether the folder holds nothing, or is gone."""
    try:
        return {os.path.join(place.state, name) for name in os.listdir(place.state)} <= {place.ignore, place.lock}
    except FileNotFoundError:
        return True
    except OSError:
        return False


def make_state(place: Place) -> None:
    """Make the folder beside the environment, if it is not there. Raises OSError, also for one not to be trusted."""
    try:
        os.mkdir(place.state, 0o700)
    except FileExistsError:
        trouble = state_trouble(place)
        if trouble is not None:
            raise PermissionError(errno.EPERM, trouble, place.state) from None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(place.ignore, flags, 0o600)
    except FileExistsError:
        return
    try:
        with open(descriptor, "w") as file:
            file.write(IGNORE)
    except OSError as problem:
        unmake_state(place)
        raise OSError(problem.errno, problem.strerror, place.state) from problem


def unmake_state(place: Place) -> None:
    """Take the folder away again if nobody put anything into it since it was made; never raises."""
    with suppress(OSError):
        if os.listdir(place.state) == [os.path.basename(place.ignore)]:
            os.unlink(place.ignore)
            os.rmdir(place.state)


def places_near(path: str) -> list[Place]:
    """Return the places whose environment may hold `path`, nearest first: those with a folder of the fix's beside them.

    The environment itself may be missing, after a run that was killed between two renames. A folder that is not to be
    trusted does not count: where it stands in the way of a fix, `obstacle` tells.
    """
    return [place for place in above(path) if os.path.isdir(place.state) and state_trouble(place) is None]


def above(path: str) -> list[Place]:
    """Return the places whose environment may hold `path`, nearest first, whatever is there."""
    found = []
    near = os.path.abspath(path)
    for _ in range(LEVELS):
        found.append(place_of(near))  # a link to an environment that lies elsewhere: so does what a fix left
        near = os.path.dirname(near)
    return found


def _me() -> int | None:
    return os.geteuid() if hasattr(os, "geteuid") else None


def _longest_name(folder: str) -> int:
    if not hasattr(os, "pathconf"):
        return LONGEST_NAME
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError):  # a file system that does not tell
        return LONGEST_NAME
