"""The indexes the matrix speaks of: the package index, and the channels of the PyTorch wheel index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.published.index import NotThere, configured, wheel_index
from envdoctor.published.reading import read_all
from envdoctor.upkeep.evidence import PACKAGE_INDEX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envdoctor.published.files import PublishedFile
    from envdoctor.published.reading import Outcome
    from envdoctor.published.session import Session


class Page(NamedTuple):
    """The wheels of a project in a place; `whole` where a gap among them proves that something was not published."""

    files: tuple[PublishedFile, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Publisher:
    """Where to read: `index_url` takes the place of what pip and uv are configured for, `base` has the channels."""

    session: Session
    index_url: str | None
    base: str
    official: bool

    def page(self, place: str, project: str) -> Page:
        """Return every wheel of a project in a place: `PACKAGE_INDEX`, or a channel such as "cu126".

        Raises `Unreachable` and `MissingExtra`. Of several configured indexes the first that has the project tells, as
        one that is down must not be answered for by another. Builds with a local version ("+cu126") beside those of
        the package index are somebody's own.
        """
        if place != PACKAGE_INDEX:
            return Page(wheel_index(self.base, place, self.session).files(project), self.official)
        for number, index in enumerate(configured(self.session, self.index_url)):
            try:
                found = index.files(project)
            except NotThere:
                continue
            public = tuple(file for file in found if file.local is None)
            if public:
                # The index that pip or uv takes when nobody names another has all there is.
                default = number == 0 and self.index_url is None and not self.session.settings.main
                return Page(public, default)
        raise NotThere(f"names no wheel of {project}")

    def read(
        self, files: Sequence[PublishedFile], architectures: bool, progress: Callable[[int, int], None]
    ) -> tuple[Outcome, ...]:
        """Read wheels in part, in the order of `files`; `progress` hears how many of how many are read."""
        return read_all(files, self.session, architectures=architectures, progress=progress)
