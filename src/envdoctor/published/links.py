"""The wheels that a page links, read with the standard library: PEP 503 and flat pages (HTML), PEP 691 (JSON).

A mirror is asked where the extra `matrix` is not installed. The page may come from anybody: tags are found with a
bounded pattern and handed to the parser one by one, so that the time is linear in the page on every Python: the
`html.parser` of older ones takes quadratic time for declarations and comments that never end (CVE-2025-6069).
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from envdoctor.published.fetching import JSON
from envdoctor.published.files import SHA256, PublishedFile, read_name
from envdoctor.published.local import path_of
from envdoctor.published.unreachable import Unreachable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from envdoctor.published.fetching import Page

MOST_LINKS = 50_000
"""Links of one page that are looked at; the page of all channels has some 20 000."""

_TAG = re.compile(r"<(?:a|base)\s(?:(?!<(?:a|base)\s|</).){1,4096}", re.IGNORECASE | re.DOTALL)
_HASH = re.compile(r"sha256=([0-9a-f]{64})(?![0-9a-f])", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WEB = ("http", "https", "file")


class Link(NamedTuple):
    """One link: its absolute address and what the index says of the file; `said` are attributes by name."""

    url: str
    said: Mapping[str, str]


def files_of(page: Page, projects: Collection[str]) -> tuple[PublishedFile, ...]:
    """Return the wheels of some projects (normalised names) that a page links, each file name once.

    Links that are no wheels, lead nowhere, or from the network to files of this machine are passed over. Raises
    `Unreachable` for what is no page.
    """
    found: dict[str, PublishedFile] = {}
    # The name of a file has "_" where that of its project has "-".
    begins = tuple(f"{name.replace('-', '_')}-" for name in projects)
    for link in _json(page) if page.kind == JSON else _html(page):
        filename = unquote(urlsplit(link.url).path.rpartition("/")[2])
        if filename in found or not filename.lower().startswith(begins) or not filename.endswith(".whl"):
            continue
        file = _file(filename, link)
        if file is not None and file.project in projects and may_link(page.url, file.url):
            found[filename] = file
    return tuple(found.values())


def _html(page: Page) -> Iterator[Link]:
    text = page.body.decode("utf-8", "replace")
    start = page.url
    tag = _Tag()
    for count, match in enumerate(_TAG.finditer(text)):
        if count >= MOST_LINKS:
            return
        name, said = tag.read(match[0])
        address = _joined(start, said.get("href", "").strip())
        if address is None:
            continue
        if name == "base":
            start = address
        else:
            yield Link(address, said)


class _Tag(HTMLParser):
    """Reads one opening tag at a time."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: tuple[str, dict[str, str]] = ("", {})

    def read(self, text: str) -> tuple[str, Mapping[str, str]]:
        """Return the name of a tag and its attributes; nothing for what is none."""
        self.reset()
        self._found = ("", {})
        self.feed(text)
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the first tag of a text."""
        if not self._found[0]:
            self._found = (tag, {name: value or "" for name, value in reversed(attrs)})


def _json(page: Page) -> Iterator[Link]:
    try:
        document = json.loads(page.body)
        listed = document["files"]
        entries = [entry for entry in listed[:MOST_LINKS] if isinstance(entry, dict)]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise Unreachable("sent a page that cannot be read") from None
    for entry in entries:
        address = _joined(page.url, entry["url"]) if isinstance(entry.get("url"), str) else None
        if address is None:
            continue
        hashes, metadata = entry.get("hashes"), entry.get("core-metadata", entry.get("dist-info-metadata"))
        sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
        yanked = entry.get("yanked")
        told = {
            "sha256": sha256 if isinstance(sha256, str) else "",
            "data-requires-python": entry.get("requires-python") or "",
            "data-upload-time": entry.get("upload-time") or "",
            "data-core-metadata": "true" if metadata else "",
        }
        said = {name: value for name, value in told.items() if value and isinstance(value, str)}
        if yanked:
            said["data-yanked"] = yanked if isinstance(yanked, str) else ""
        yield Link(address, said)


def _joined(page: str, href: str) -> str | None:
    """Return an absolute address that can be asked for; None for any other ("javascript:...", "http://[")."""
    if not href:
        return None
    try:
        url = urljoin(page, href)
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return url if parts.scheme in _WEB and (parts.hostname or parts.scheme == "file") else None


def _file(filename: str, link: Link) -> PublishedFile | None:
    name = read_name(filename)
    if name is None:
        return None
    url, _, fragment = link.url.partition("#")
    told = _HASH.search(fragment)
    sha256 = link.said.get("sha256", told[1] if told else "").lower()
    day = _DAY.match(link.said.get("data-upload-time", ""))
    metadata = link.said.get("data-core-metadata") or link.said.get("data-dist-info-metadata")
    return PublishedFile(
        **name._asdict(),
        filename=filename,
        url=url,
        requires_python=link.said.get("data-requires-python") or None,
        yanked=link.said.get("data-yanked"),
        uploaded=day[0] if day else None,
        sha256=sha256 if SHA256.fullmatch(sha256) else None,
        metadata=bool(metadata) and metadata != "false",
    )


def may_link(page: str, file: str) -> bool:
    """Whether a page may send its reader there: one of the network not to the files of this machine."""
    return path_of(page) is not None or path_of(file) is None
