"""From a page of an index to the wheels it lists: PEP 503 (HTML), PEP 691 (JSON), and flat pages of links."""

from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envdoctor.published.fetching import JSON
from envdoctor.published.files import SHA256, PublishedFile, read_name
from envdoctor.published.links import may_link
from envdoctor.published.unreachable import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypi_simple import DistributionPackage

    from envdoctor.published.fetching import Page

DAY = re.compile(r"\d{4}-\d\d-\d\d")
MOST_OPEN_LINKS = 1000
"""Links that a page may leave unclosed: the parser gives each of them all text that follows."""

NO_PAGE = "sent a page that cannot be read"


def wheels_of(page: Page, project: str) -> tuple[PublishedFile, ...]:
    """Return the wheels of a project that a page lists, each file name once. Raises `Unreachable`."""
    from bs4 import ParserRejectedMarkup
    from packaging.utils import canonicalize_name
    from pypi_simple import UnsupportedRepoVersionError

    wanted = canonicalize_name(project)
    found: dict[str, PublishedFile] = {}
    try:
        with warnings.catch_warnings():
            # A newer minor version of the format, text that looks like an address: no matter for the user.
            warnings.simplefilter("ignore")
            for listed, day in _json(page) if page.kind == JSON else _html(page):
                file = _file(listed, day)
                if file is not None and file.project == wanted and may_link(page.url, file.url):
                    found.setdefault(file.filename, file)
    except UnsupportedRepoVersionError:
        raise Unreachable("has pages of a later format than is known here") from None
    # ValueError is of addresses and versions, RecursionError of depth, the rest of html.parser and Beautiful Soup.
    except (ValueError, RecursionError, AssertionError, ParserRejectedMarkup):
        raise Unreachable(NO_PAGE) from None
    return tuple(found.values())


def _json(page: Page) -> Iterator[tuple[DistributionPackage, str | None]]:
    from pypi_simple import ProjectPage

    for listed in ProjectPage.from_json_data(json.loads(page.body), base_url=page.url).packages:
        uploaded = listed.upload_time
        yield listed, uploaded.date().isoformat() if uploaded else None


def _html(page: Page) -> Iterator[tuple[DistributionPackage, str | None]]:
    from dataclasses import replace

    from pypi_simple import DistributionPackage, RepositoryPage

    opened = len(re.findall(rb"<a[\s>]", page.body, re.IGNORECASE))
    if opened - len(re.findall(rb"</a", page.body, re.IGNORECASE)) > MOST_OPEN_LINKS:
        raise Unreachable(NO_PAGE)
    for link in RepositoryPage.from_html(page.body, base_url=page.url).links:
        # The text of a link may be cut short or hold a folder ("cu126/torch-..."): the address has the name.
        name = unquote(urlsplit(link.url).path.rpartition("/")[2])
        if not name.endswith(".whl"):
            continue
        listed = DistributionPackage.from_link(replace(link, text=name))
        if link.get_str_attrib("data-dist-info-metadata"):  # what PEP 658 called it before PEP 714
            listed = replace(listed, has_metadata=True)
        day = DAY.match(link.get_str_attrib("data-upload-time") or "")
        yield listed, day[0] if day else None


def _file(listed: DistributionPackage, day: str | None) -> PublishedFile | None:
    name = read_name(listed.filename)
    if name is None:
        return None
    sha256 = listed.digests.get("sha256", "").lower()
    return PublishedFile(
        **name._asdict(),
        filename=listed.filename,
        url=listed.url,
        requires_python=listed.requires_python or None,
        yanked=(listed.yanked_reason or "") if listed.is_yanked else None,
        uploaded=day,
        sha256=sha256 if SHA256.fullmatch(sha256) else None,
        metadata=bool(listed.has_metadata),
    )


def file_at(url: str) -> PublishedFile | None:
    """Return the wheel at an address, of which nothing is known but its name; None for what is no wheel."""
    filename = unquote(urlsplit(url).path.rpartition("/")[2])
    name = read_name(filename)
    return PublishedFile(**name._asdict(), filename=filename, url=url) if name else None
