"""Where policies, locks and profiles are looked for: upward from the working directory to the root of its repository.

Outside a repository the working directory alone is asked, so that nobody's file in a folder above can silence a gate.
A check without any such file pays what is in here: some calls of `stat`.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "envdoctor"
POLICY = f"{OURS}.toml"
PYPROJECT = "pyproject.toml"
LOCK = f"{OURS}.lock"
PROFILES = os.path.join(f".{OURS}", "profiles")

ROOT_MARKS = (".git", ".hg")
"""What tells the root of a repository; `.git` is a file in a worktree and in a submodule."""

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")
"""A pyproject.toml without our name in one of them, in letters of either case, holds no table for us and is not parsed.

Windows shells write UTF-16: what is demanded in such a file is told to be unreadable, and not passed over.
"""

MOST_BYTES = 1 << 20
MOST_FOLDERS = 256


class Unreadable(Exception):
    """A file that is there and cannot be read: `path`, and why in a few words."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why


def folders_above(start: str) -> tuple[str, ...]:
    """Return the folders that are asked, the nearest first: up to the root of the repository, else `start` alone."""
    found = []
    folder = start
    for _ in range(MOST_FOLDERS):
        found.append(folder)
        if any(os.path.lexists(os.path.join(folder, mark)) for mark in ROOT_MARKS):
            return tuple(found)
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
    return (start,)


def here() -> tuple[str, ...]:
    """Return the folders above the working directory, none where that is no more."""
    try:
        return folders_above(os.getcwd())
    except OSError:
        return ()


def policy_paths(folders: tuple[str, ...], but: str | None = None) -> Iterator[str]:
    """Yield the files that may hold a policy, the nearest first; those above are not touched before they are asked.

    `but` is a path that is passed over: the user's own settings have the name of a policy. Raises `Unreadable`.
    """
    for folder in folders:
        own = os.path.join(folder, POLICY)
        if own != but and os.path.lexists(own):
            yield own
        project = os.path.join(folder, PYPROJECT)
        if os.path.lexists(project) and _names_us(project):
            yield project


def _names_us(project: str) -> bool:
    """Whether a pyproject.toml may hold a table for us. Raises `Unreadable`, also for a link to nowhere."""
    if os.path.exists(project) and not os.path.isfile(project):
        return False
    content = content_of(project).lower()
    return any(OURS.encode(encoding) in content for encoding in ENCODINGS)


def nothing_near(folders: tuple[str, ...], settings: str | None, of_user: str | None, profile: str) -> bool:
    """Whether a run that names no file is governed by none: by no policy, and by no `profile` of somebody's own."""
    return not (any(policy_paths(folders, settings)) or profile_paths(profile, folders, of_user))


def lock_above(folders: tuple[str, ...]) -> str | None:
    """Return the nearest lock, None where there is none."""
    paths = (os.path.join(folder, LOCK) for folder in folders)
    return next((path for path in paths if os.path.lexists(path)), None)


def profile_paths(name: str, folders: tuple[str, ...], *others: str | None) -> tuple[str, ...]:
    """Return the files that are a profile of that name, the nearest first.

    `others` are the user's folder of profiles, None where the user has none, and that of the package.
    """
    places = (*(os.path.join(folder, PROFILES) for folder in folders), *others)
    paths = (os.path.join(place, f"{name}.toml") for place in places if place)
    return tuple(path for path in paths if os.path.lexists(path))


def content_of(path: str) -> bytes:
    """Return what a file holds. Raises `Unreadable`."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unreadable(path, "not a regular file")
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise Unreadable(path, "no such file") from None
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
        raise Unreadable(path, getattr(problem, "strerror", None) or "cannot be read") from None
    if len(content) > MOST_BYTES:
        raise Unreadable(path, f"larger than {MOST_BYTES >> 10} KiB")
    return content
