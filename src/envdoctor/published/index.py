"""Indexes, and the wheels of a project on them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from envdoctor.codec.addresses import strip_address
from envdoctor.host.host import Host
from envdoctor.published.default_index import default_index
from envdoctor.published.extra import require
from envdoctor.published.fetching import fetch_page
from envdoctor.published.local import address_of, path_of, wheels_in
from envdoctor.published.settings import Place
from envdoctor.published.unreachable import NotThere, Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.published.files import PublishedFile
    from envdoctor.published.session import Session
    from envdoctor.published.settings import Layout

__all__ = ["Index", "Listing", "NotThere", "Unreachable", "configured", "listing", "wheel_index"]


@dataclass(frozen=True, slots=True)
class Index:
    """One place that lists files. `name` is for people and holds no host; `address` is for the terminal alone."""

    name: str
    layout: Layout
    url: str = field(repr=False)
    session: Session = field(repr=False, compare=False)

    @property
    def address(self) -> str:
        """Where it is, without credentials."""
        return strip_address(self.url)

    def files(self, project: str) -> tuple[PublishedFile, ...]:
        """Return the wheels of a project, in the order of the page.

        Raises `NotThere` where the index answers and has no wheel of it, and `Unreachable` for every other reason for
        which nothing is known.
        """
        url = self.session.without_login(self.url).rstrip("/")
        if self.layout == "links":
            found = self._linked(url, project)
        elif self.layout == "projects":
            found = self._listed(url, project)
        else:
            found = self._of_channel(url, project)
        if not found:
            raise NotThere(f"names no wheel of {project}")
        return found

    def _listed(self, url: str, project: str) -> tuple[PublishedFile, ...]:
        from packaging.utils import canonicalize_name

        return self._page(f"{url}/{canonicalize_name(project)}/", project)

    def _linked(self, url: str, project: str) -> tuple[PublishedFile, ...]:
        """Read a folder of wheels or a page of links."""
        from packaging.utils import canonicalize_name

        path = path_of(url)
        if path is not None and not path.endswith((".html", ".htm")):
            from envdoctor.published.pages import file_at

            files = (file_at(wheel) for wheel in wheels_in(path))
            return tuple(file for file in files if file and file.project == canonicalize_name(project))
        return self._page(url, project) if url.endswith((".html", ".htm")) else self._page(f"{url}/", project)

    def _of_channel(self, url: str, project: str) -> tuple[PublishedFile, ...]:
        """Read a channel of the PyTorch wheel index or of a mirror of it, whichever way it is laid out.

        The official index has a page a project, and one page of links for all channels; some mirrors have one flat page
        a channel.
        """
        try:
            return self._listed(url, project)
        except NotThere:
            pass
        base, _, channel = url.rpartition("/")
        for flat in (f"{url}/", f"{base}/torch_stable.html"):
            try:
                found = self._page(flat, project)
            except NotThere:
                continue
            mine = tuple(file for file in found if flat == f"{url}/" or file.local == channel)
            if mine:
                return mine
        return ()

    def _page(self, url: str, project: str) -> tuple[PublishedFile, ...]:
        from envdoctor.published.pages import wheels_of

        return wheels_of(fetch_page(self.session, url), project)


@dataclass(frozen=True, slots=True)
class Listing:
    """The wheels of a project on several indexes, and what kept some of these from answering ("NAME: REASON")."""

    files: tuple[PublishedFile, ...]
    silent: tuple[str, ...]


def configured(session: Session, index_url: str | None = None) -> tuple[Index, ...]:
    """Return the indexes of pip and uv, the main one first, then extra indexes, then find-links.

    `index_url` replaces them all. Raises `Unreachable` where nothing says where the main index is, and `MissingExtra`.
    """
    require()
    if index_url is not None:
        return (_index(Place("the package index given", index_url, "projects"), session),)
    places = session.settings.places
    if not session.settings.main:
        places = (Place("the package index", _default(), "projects"), *places)
    return tuple(_index(place, session) for place in places)


@cache
def _default() -> str:
    return default_index(Host())


def wheel_index(base: str, channel: str, session: Session) -> Index:
    """Return a channel ("cu126") of the PyTorch wheel index at `base`, or of a mirror of it. Raises `MissingExtra`."""
    require()
    return _index(Place(f"PyTorch wheel index, {channel}", f"{base.rstrip('/')}/{channel}", "channel"), session)


def _index(place: Place, session: Session) -> Index:
    # A query or fragment of an index address would end up in the middle of its pages' addresses.
    return Index(place.name, place.layout, re.split(r"[?#]", address_of(place.url), maxsplit=1)[0], session)


def listing(indexes: Sequence[Index], project: str) -> Listing:
    """Return the wheels of a project on all of the indexes; of one file name, the first index's.

    Raises `NotThere` where every index answers and none has it, and `Unreachable` where none has it and one or more
    did not answer.
    """
    files: dict[str, PublishedFile] = {}
    silent: list[str] = []
    for index in indexes:
        try:
            for file in index.files(project):
                files.setdefault(file.filename, file)
        except NotThere:
            continue
        except Unreachable as problem:
            silent.append(f"{index.name}: {problem.reason}")
    if files:
        return Listing(tuple(files.values()), tuple(silent))
    if silent:
        raise Unreachable(silent[0])
    raise NotThere(f"no index names a wheel of {project}")
