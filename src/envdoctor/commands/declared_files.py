"""The files that lint looks into: those that are named, and in folders those whose name says what they are."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.failure import Unusable
from envdoctor.model.linted import Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envdoctor.model.declared_file import DeclaredFile

MOST_BYTES = 20_000_000
"""What is read of one file; the largest lock files have some megabytes."""

MOST_FILES = 2000
"""Files looked into in folders; a repository of many projects has some hundreds."""

NOT_ENTERED = frozenset(
    {".git", ".hg", ".svn", ".venv", "node_modules", "site-packages", "__pycache__", ".tox", ".nox",
     ".mypy_cache", ".ruff_cache", ".pytest_cache", "dist", ".eggs", ".pixi", ".conda"}
)  # fmt: skip
"""Folders that hold what others declared: environments, caches, what a build made."""

NOT_OURS = ("pyvenv.cfg", "conda-meta", "CMakeCache.txt", "CACHEDIR.TAG")
"""What stands in a folder of that kind whatever it is called: environments, trees of a build, caches."""

FEW = 20
"""Files that are read before a terminal could ask what takes so long."""


class Found(NamedTuple):
    """Files as they were read: `texts` by name, what each declares, and what could not be read."""

    texts: dict[str, str]
    files: dict[str, DeclaredFile]
    unread: list[Unread]


def read_all(names: Sequence[str]) -> Found:
    """Read the files of a command line, folders with what is in them; what has two names is read by the first.

    Raises `Unusable` where a folder holds more than `MOST_FILES` of them.
    """
    found = Found({}, {}, [])
    met: set[str] = set()
    tell = _teller()
    for name in names:
        for one in _inside(name, found.unread) if name != "-" and os.path.isdir(name) else (name,):
            real = one if one == "-" else os.path.realpath(one)
            if real not in met:
                met.add(real)
                tell(len(met))
                _read(one, found)
    return found


def read_again(name: str, text: str, found: Found) -> None:
    """Take a file with another text in the place of what was read of it."""
    from envdoctor.readers.declared.choosing import module_for, reader

    module = module_for(name, text)
    if module is not None:
        found.texts[name] = text
        found.files[name] = reader(module)(text, name)


def _teller() -> Callable[[int], None]:
    """Return what tells a terminal how many files were read; elsewhere nobody waits for it."""
    from envdoctor.commands.fix_progress import teller

    tell = teller() if sys.stderr is not None and sys.stderr.isatty() else None

    def told(count: int) -> None:
        if tell and count > FEW and count % FEW == 0:
            tell(f"read {count} files", None, None)

    return told


def _inside(folder: str, unread: list[Unread]) -> Iterator[str]:
    """Yield the files of a folder whose name is telling; links to folders are not followed, so that none goes round."""
    from envdoctor.readers.declared.choosing import is_telling

    def closed(problem: OSError) -> None:
        unread.append(Unread(str(problem.filename), problem.strerror or str(problem)))

    count = 0
    for place, folders, files in os.walk(folder, onerror=closed):
        folders[:] = sorted(one for one in folders if one not in NOT_ENTERED and not _is_foreign(place, one))
        paths = [os.path.normpath(os.path.join(place, file)) for file in sorted(files)]
        for path in sorted(paths, key=os.path.islink):  # a file goes by its own name
            if is_telling(path) and os.path.isfile(path):
                count += 1
                if count > MOST_FILES:
                    raise Unusable(f"{folder}: holds more than {MOST_FILES} files to look into; name folders below it")
                yield path


def _is_foreign(place: str, folder: str) -> bool:
    return any(os.path.exists(os.path.join(place, folder, one)) for one in NOT_OURS)


def _content(name: str) -> bytes:
    from envdoctor.commands.examine import content

    raw = content(name, MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise Unusable(f"{name}: larger than {MOST_BYTES // 1_000_000} MB")
    return raw


def _read(name: str, found: Found) -> None:
    from envdoctor.readers.declared.choosing import module_for, reader
    from envdoctor.readers.paste.cleaning import NotText, decode

    try:
        text = decode(_content(name))
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
