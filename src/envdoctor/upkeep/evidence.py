"""What was read of the indexes and their wheels, and what nobody could tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.versions import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envdoctor.published.files import PublishedFile
    from envdoctor.published.wheel import WheelContents

PACKAGE_INDEX = ""
"""The place that is no channel of the PyTorch wheel index; those go by their name, "cu126"."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why nobody told, in words; never a verdict on the matrix."""

    reason: str


class Build(NamedTuple):
    """One build to look at: where it is published, which package, release and platform."""

    place: str
    project: str
    version: str
    platform: str


class Seen(NamedTuple):
    """A wheel that was read: its file name and what it holds."""

    filename: str
    contents: WheelContents


@dataclass(frozen=True)
class Evidence:
    """`pages` by place and project, `wheels` by build; what could not be read is there with its reason.

    `architectures` says whether the wheels were asked for theirs, `whole` of which pages (by place and project) a gap
    proves that something was not published.

    One wheel speaks for all of a build, whatever their Python: they come from the same source and settings.
    """

    pages: Mapping[tuple[str, str], tuple[PublishedFile, ...] | Missing]
    wheels: Mapping[Build, Seen | Missing] = field(default_factory=dict)
    architectures: bool = True
    whole: frozenset[tuple[str, str]] = frozenset()

    def page(self, place: str, project: str) -> tuple[PublishedFile, ...] | Missing:
        """Every file that a place lists for a project."""
        return self.pages.get((place, project), Missing("not asked for"))

    def release(self, place: str, project: str, version: str) -> tuple[PublishedFile, ...] | Missing:
        """The files of one release, none where the place lists other releases alone."""
        page = self.page(place, project)
        return page if isinstance(page, Missing) else self._by_release[place, project].get(version, ())

    @cached_property
    def _by_release(self) -> Mapping[tuple[str, str], Mapping[str, tuple[PublishedFile, ...]]]:
        """The wheels of each page by public version: a verification asks for some release thousands of times."""
        found: dict[tuple[str, str], dict[str, tuple[PublishedFile, ...]]] = {}
        for key, page in self.pages.items():
            releases: dict[str, list[PublishedFile]] = {}
            for file in page if not isinstance(page, Missing) else ():
                if file.pythons:
                    releases.setdefault(file.version, []).append(file)
            found[key] = {version: tuple(files) for version, files in releases.items()}
        return found

    def wheel(self, build: Build) -> Seen | Missing:
        """The wheel that speaks for a build."""
        return self.wheels.get(build, Missing("no wheel of it was read"))


def representative(files: Iterable[PublishedFile], platform: str) -> PublishedFile | None:
    """The wheel that is read for a platform: the newest Python with a GIL, one that was not withdrawn before others."""
    there = [file for file in files if file.platform == platform or (file.platform is None and "py3" in file.pythons)]
    return max(there, key=_rank, default=None)


def _rank(file: PublishedFile) -> tuple[bool, bool, tuple[int, ...], str]:
    tag = file.pythons[-1]
    digits = tag.removeprefix("cp").removeprefix("py").rstrip("t")
    python = (int(digits[0]), int(digits[1:] or 0)) if digits.isascii() and digits.isdigit() else (0, 0)
    return file.yanked is None, not tag.endswith("t"), python, file.filename


def is_final(version: str) -> bool:
    """Whether a version is a plain release: dotted numbers, no candidate, no post release."""
    try:
        parts(version)
    except ValueError:
        return False
    return True
