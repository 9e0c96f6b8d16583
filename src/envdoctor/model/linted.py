"""What judging files adds to a report: which files were read, what could not be, and the corrections as a diff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class FileRead(NamedTuple):
    """A file that was read: its name, its format ("Dockerfile"), and how many cases it declares."""

    file: str
    format: str
    cases: int


class Unread(NamedTuple):
    """A file, or the rest of one, that could not be read, and why in one line."""

    file: str
    why: str


class FileMended(NamedTuple):
    """The safe corrections of a file as a unified diff; `written` once the file reads so."""

    file: str
    diff: str
    corrections: int
    written: bool = False


@dataclass(frozen=True, slots=True)
class LintView:
    """How files were judged.

    `target` is the machine they were judged against, in words, "" where none was named. `about_torch` where anything in
    them names torch, what goes with it, or an image.
    """

    files: tuple[FileRead, ...]
    unread: tuple[Unread, ...] = ()
    mended: tuple[FileMended, ...] = ()
    target: str = ""
    about_torch: bool = True
