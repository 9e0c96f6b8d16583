"""Pages of indexes: from the disk, from memory while they are fresh, or from the server."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.published.local import path_of, read_file
from envdoctor.published.unreachable import Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.published.session import Session

MOST_BYTES = 16 * 1024 * 1024
"""Bytes of one page, unpacked; torch's has 0.4 MB. A page full of links of this size takes 16 s and 0.4 GB to parse."""

FRESH_SECONDS = 600
"""For so long a page is not asked for again."""

ROOM = "pages"
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
KINDS = (JSON, HTML, "application/vnd.pypi.simple.v1+html", "application/xhtml+xml")
ACCEPTED = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.5, {HTML};q=0.1"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of an index: where it came from after all redirects, its type without parameters, its bytes."""

    url: str = field(repr=False)
    kind: str
    body: bytes = field(repr=False)


def fetch_page(session: Session, url: str) -> Page:
    """Return a page of an index. Raises `Unreachable`, and `NotThere` where the server says that there is none."""
    url = session.without_login(url)
    path = path_of(url)
    if path is not None:
        return _of_disk(url, path)
    key = f"{url} {session.login_for(url) or ''}"
    remembered = session.store.get(ROOM, key) or {}
    kept = _decoded(remembered)
    if kept is not None and _is_fresh(remembered, session.now()):
        return kept
    conditions = _conditions(remembered) if kept is not None else {}
    usable = (200, 304) if conditions else (200,)
    reply = session.ask(url, {"Accept": ACCEPTED, **conditions}, limit=MOST_BYTES, usable=usable)
    if reply.status == 304 and kept is not None:
        session.store.put(ROOM, key, remembered | {"fetched": session.now()})
        return kept
    kind = reply.headers.get("content-type", HTML).partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise Unreachable(f"answers with {kind[:60]!r}, which is no page of links")
    page = Page(reply.url, kind, reply.body)
    session.store.put(ROOM, key, {**_encoded(page, reply.headers), "fetched": session.now()})
    return page


def _of_disk(url: str, path: str) -> Page:
    if os.path.isdir(path):
        # Relative links start from the folder, with or without a slash at its end.
        return Page(f"{url.rstrip('/')}/", HTML, read_file(os.path.join(path, "index.html"), MOST_BYTES))
    return Page(url, HTML, read_file(path, MOST_BYTES))


def _is_fresh(remembered: Mapping[str, object], now: float) -> bool:
    fetched = remembered.get("fetched")
    return isinstance(fetched, (int, float)) and 0 <= now - fetched < FRESH_SECONDS  # below 0: the clock was set back


def _conditions(remembered: Mapping[str, object]) -> dict[str, str]:
    """Return the headers that ask for the page only if it changed (RFC 9110, section 13.1)."""
    said = {"If-None-Match": remembered.get("etag"), "If-Modified-Since": remembered.get("last-modified")}
    return {name: value for name, value in said.items() if value and isinstance(value, str)}


def _encoded(page: Page, headers: Mapping[str, str]) -> dict[str, object]:
    body = base64.b64encode(page.body).decode("ascii")
    marks = {name: headers.get(name, "") for name in ("etag", "last-modified")}
    return {"url": page.url, "kind": page.kind, "body": body, **marks}


def _decoded(remembered: Mapping[str, object]) -> Page | None:
    """Read an entry of the store; None for one that is damaged or not there."""
    url, kind, body = (remembered.get(name) for name in ("url", "kind", "body"))
    if not (isinstance(url, str) and isinstance(kind, str) and isinstance(body, str)):
        return None
    try:
        return Page(url, kind, base64.b64decode(body, validate=True))
    except ValueError:
        return None
