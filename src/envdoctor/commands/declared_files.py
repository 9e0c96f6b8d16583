"""The files that lint looks into: those that are named, and in folders those whose name says what they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.failure import Unusable
from envdoctor.model.linted import Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.declared_file import DeclaredFile

MOST_BYTES = 20_000_000
"""What is read of one file; the largest lock files have some megabytes."""

MOST_FILES = 2000
"""Files looked into in folders; a repository of many projects has some hundreds."""

NOT_ENTERED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "env", "node_modules", "site-packages", "__pycache__", ".tox", ".nox",
     ".mypy_cache", ".ruff_cache", ".pytest_cache", "build", "dist", ".eggs", ".pixi", ".conda"}
)  # fmt: skip
"""Folders that hold what others declared: environments, caches, what a build made."""


class Found(NamedTuple):
    """Files as they were read: `texts` by name, what each declares, and what could not be read."""

    texts: dict[str, str]
    files: dict[str, DeclaredFile]
    unread: list[Unread]
    passed_over: int


def read_all(names: Sequence[str]) -> Found:
    """Read the files of a command line, folders with what is in them.

    Raises `Unusable` for a name that does not exist, or where a folder holds more than `MOST_FILES` of them.
    """
    found = Found({}, {}, [], 0)
    for name in dict.fromkeys(names):
        if name != "-" and os.path.isdir(name):
            inside = list(_inside(name))
            if len(inside) > MOST_FILES:
                raise Unusable(f"{name}: holds more than {MOST_FILES} files to look into; name folders below it")
            for one in inside:
                _read(one, found)
        else:
            _read(name, found)
    return found


def _inside(folder: str) -> Iterator[str]:
    from envdoctor.readers.declared.choosing import is_telling

    count = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in NOT_ENTERED and not _is_environment(place, one))
        for file in sorted(files):
            path = os.path.join(place, file)
            if is_telling(path) and os.path.isfile(path):
                yield path
                count += 1
                if count > MOST_FILES:
                    return


def _is_environment(place: str, folder: str) -> bool:
    return os.path.exists(os.path.join(place, folder, "pyvenv.cfg"))


def _read(name: str, found: Found) -> None:
    from envdoctor.commands.examine import content
    from envdoctor.readers.declared.choosing import module_for, reader
    from envdoctor.readers.paste.cleaning import NotText, decode

    try:
        raw = content(name, MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise Unusable(f"{name}: larger than {MOST_BYTES // 1_000_000} MB")
        text = decode(raw)
    except Unusable as problem:
        found.unread.append(Unread(name, problem.message.removeprefix(f"{name}: ")))
        return
    except NotText as problem:
        found.unread.append(Unread(name, str(problem)))
        return
    module = module_for(name, text)
    if module is None:
        found.unread.append(Unread(name, "no file of a kind that declares an environment"))
        return
    declared = reader(module)(text, name)
    found.texts[name] = text
    found.files[name] = declared
    if declared.trouble:
        found.unread.append(Unread(name, declared.trouble))
