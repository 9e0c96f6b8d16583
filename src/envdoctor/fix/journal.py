"""What a fix is about to do, on disk before it is done: so that the next run can undo or finish it.

Two files: `journal.json` for the run under way, `kept.json` for the last one that was finished, whose old environment
is still there. A run that is interrupted must not cost the way back from the one before.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.fix.durable import PART, remove_file, synchronise, write_whole
from envdoctor.fix.place import state_trouble

if TYPE_CHECKING:
    from envdoctor.fix.place import Place

VERSION = 1
MOST_BYTES = 16 * 1024 * 1024
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
LEFT = re.compile(r"([0-9a-f]{64}|gone)?")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}(T[\d:]{8}Z)?")


class Damaged(Exception):
    """A journal that cannot be read, or is not this environment's; `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Stage(Enum):
    """How far a run is: a copy is made and repaired; it is swapped; it was; the old one is swapped back."""

    MAKING = "making"
    SWAPPING = "swapping"
    DONE = "done"
    GOING_BACK = "going-back"


class FileKept(NamedTuple):
    """A project's file that the run changes.

    `path` is absolute; `kept` the name of its copy in `Place.files`, None where the file was not there; `left` the
    SHA-256 of what the fix left in its place, "gone" where that is nothing, "" while it is unknown; `put` that of what
    it puts there before any command runs, "" for nothing.
    """

    path: str
    kept: str | None
    left: str = ""
    put: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run.

    `day` is ISO. `before` and `after` are names and versions of the distributions, `after` empty until known.
    `old` and `new` are (device, inode) of the two environments once they are about to be swapped.
    """

    id: str
    stage: Stage
    environment: str
    day: str
    before: tuple[tuple[str, str], ...] = ()
    after: tuple[tuple[str, str], ...] = ()
    old: tuple[int, int] | None = None
    new: tuple[int, int] | None = None
    files: tuple[FileKept, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()

    @property
    def mark(self) -> str:
        """What marks its processes (`host/descendants.py`): an installer outlives a doctor that is killed."""
        return f"fix-{self.id}"


def read(place: Place) -> Entry | None:
    """Return the entry of the run under way, or else of the last one that was finished. Raises Damaged."""
    return under_way(place) or kept(place)


def under_way(place: Place) -> Entry | None:
    """Return the entry of a run that was begun and not finished. Raises Damaged."""
    return _read(place, place.journal, (Stage.MAKING, Stage.SWAPPING, Stage.GOING_BACK))


def kept(place: Place) -> Entry | None:
    """Return the entry of the last finished fix, the way back from which is open. Raises Damaged."""
    entry = _read(place, place.kept, (Stage.SWAPPING, Stage.DONE))
    return replace(entry, stage=Stage.DONE) if entry else None


def write(place: Place, entry: Entry) -> None:
    """Put an entry on disk before what it tells of is done. One that is `DONE` ends the run. Raises OSError."""
    import json

    document = asdict(entry) | {
        "version": VERSION,
        "stage": entry.stage.value,
        # A copy of the folder (an archive, a repository) has another number, and must not act here.
        "state": os.lstat(place.state).st_ino,
        "files": [file._asdict() for file in entry.files],
    }
    done = entry.stage is Stage.DONE
    write_whole(place.kept if done else place.journal, json.dumps(document, indent=1).encode())
    if done:
        forget(place)


def close(place: Place) -> None:
    """End a run that is swapped: what its journal says is kept, whatever was before. Raises OSError.

    A rename, since it has to succeed on a full disk too.
    """
    os.replace(place.journal, place.kept)
    synchronise(place.state)


def forget(place: Place) -> None:
    """End the run under way: nothing of it is to be undone or finished any more. Raises OSError."""
    _remove(place.journal)


def forget_kept(place: Place) -> None:
    """Close the way back from the last finished fix. Raises OSError."""
    _remove(place.kept)


def _remove(path: str) -> None:
    remove_file(path + PART)
    if remove_file(path):
        synchronise(os.path.dirname(path))


def _read(place: Place, path: str, stages: tuple[Stage, ...]) -> Entry | None:
    import json

    trouble = state_trouble(place)
    if trouble is not None:
        raise Damaged(trouble)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise Damaged(f"{path} cannot be read: {problem.strerror}") from None
    try:
        with open(descriptor, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError("it is too long")
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError("it is no JSON object")
        entry = _entry(document)
        if document.get("state") != os.lstat(place.state).st_ino or entry.environment != place.environment:
            raise ValueError("it was written for another environment")
        if entry.stage not in stages:
            raise ValueError(f"the stage {entry.stage.value!r} does not belong there")
    except (OSError, ValueError, RecursionError) as problem:
        said = getattr(problem, "strerror", None) or problem
        raise Damaged(f"{path} is damaged: {said}") from None
    return entry


def _entry(document: dict[str, object]) -> Entry:
    """Raises ValueError for whatever is not as `write` writes it."""
    if document.get("version") != VERSION:
        raise ValueError(f"version {document.get('version')!r} is not known")
    return Entry(
        id=_matching(document.get("id"), ID),
        stage=Stage(_text(document.get("stage"))),
        environment=_text(document.get("environment")),
        day=_matching(document.get("day"), DAY),
        before=tuple(_pair(one) for one in _list(document.get("before"))),
        after=tuple(_pair(one) for one in _list(document.get("after"))),
        old=_numbers(document.get("old")),
        new=_numbers(document.get("new")),
        files=tuple(_file(one) for one in _list(document.get("files"))),
        commands=tuple(tuple(map(_text, _list(one))) for one in _list(document.get("commands"))),
    )


def _file(value: object) -> FileKept:
    if not isinstance(value, dict):
        raise ValueError("a file is no object")
    path = _text(value.get("path"))
    # No other file is ever put back or removed, whoever wrote this.
    if not os.path.isabs(path) or os.path.normpath(path) != path or os.path.basename(path) not in _of_projects():
        raise ValueError(f"{path!r} is no path of a file")
    copy = value.get("kept")
    put = _matching(value.get("put"), LEFT)
    return FileKept(path, None if copy is None else _name(copy), _matching(value.get("left"), LEFT), put)


def _of_projects() -> frozenset[str]:
    from envdoctor.fix.projects import FILES

    return frozenset(name for names in FILES.values() for name in names)


def _name(value: object) -> str:
    text = _text(value)
    if os.path.basename(text) != text or text in ("", os.curdir, os.pardir):
        raise ValueError(f"{text!r} is no name of a file")
    return text


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{value!r} is no text")
    return value


def _matching(value: object, pattern: re.Pattern[str]) -> str:
    text = _text(value)
    if not pattern.fullmatch(text):
        raise ValueError(f"{text!r} is not what belongs there")
    return text


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")
    return value


def _pair(value: object) -> tuple[str, str]:
    name, version = map(_text, _list(value))
    return name, version


def _numbers(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    device, inode = _list(value)
    if type(device) is not int or type(inode) is not int:
        raise ValueError(f"{value!r} are no numbers of a folder")
    return device, inode
