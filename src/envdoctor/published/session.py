"""Asking servers: bounded in time and size, a few retries, credentials only for the host they were given for."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from envdoctor.published.local import path_of, read_file
from envdoctor.published.trouble import CONNECT_SECONDS, Dead, Passing, of_exception, of_status
from envdoctor.published.unreachable import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from envdoctor.published.settings import Settings
    from envdoctor.published.store import Store

READ_SECONDS = 60.0
"""How long a server may stay silent where neither the user nor pip's configuration says."""

WHOLE_SECONDS = 5
"""A transfer may take that many times as long, however busily the server drips."""

BACKOFF = 0.5
"""Seconds before the first of two retries, doubled for the second."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; `headers` by name in small letters."""

    status: int
    url: str = field(repr=False)
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Session:
    """One run's way to the network. Several threads may use it; as a context manager it closes its connections.

    `seconds` is how long a server may stay silent, `now` the clock by which a remembered page grows old, and `received`
    counts the bytes of all answers.
    """

    def __init__(
        self, settings: Settings, store: Store, *, seconds: float | None = None, now: Callable[[], float] = time.time
    ) -> None:
        from http.cookiejar import DefaultCookiePolicy

        import requests
        import urllib3
        from requests.adapters import HTTPAdapter
        from requests.cookies import RequestsCookieJar

        from envdoctor import __version__

        self.settings = settings
        self.store = store
        self.seconds = seconds or settings.seconds or READ_SECONDS
        self.received = 0
        self.now = now
        self._logins: dict[str, tuple[str, str]] = {}
        self._dead: dict[str, str] = {}
        self._counting = threading.Lock()
        self._http = requests.Session()
        self._http.headers["User-Agent"] = f"envdoctor/{__version__}"
        self._http.max_redirects = 10
        self._http.cookies = RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_maxsize=8)
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)
        if settings.trusted:  # the user asked for it; a warning a request tells nothing new
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def without_login(self, url: str) -> str:
        """Return the address without user info, which from now on is given to that host alone."""
        try:
            parts = urlsplit(url)
            user, word = parts.username, parts.password
        except ValueError:
            raise Unreachable("has an address that cannot be used") from None
        if "@" not in parts.netloc:
            return url
        plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self._logins[_origin(plain)] = (unquote(user or ""), unquote(word or ""))
        return plain

    def login_for(self, url: str) -> tuple[str, str] | None:
        """Return user and password that the host of an address is given."""
        return self._logins.get(_origin(url))

    def whole(self, url: str, limit: int) -> bytes:
        """Return a small file whole. Raises `Unreachable`."""
        path = path_of(url)
        return self.ask(url, {}, limit=limit).body if path is None else read_file(path, limit)

    def ask(self, url: str, headers: Mapping[str, str], *, limit: int, usable: tuple[int, ...] = (200,)) -> Reply:
        """GET with retries. The reply has one of the `usable` statuses and at most `limit` bytes. Raises `Unreachable`.

        Ranges and conditions are `headers`.
        """
        url = self.without_login(url)
        for wait in (BACKOFF, 2 * BACKOFF):
            try:
                return self._try(url, headers, limit, usable)
            except Passing:
                time.sleep(wait)
        return self._try(url, headers, limit, usable)

    def size(self, url: str) -> int | None:
        """Return how many bytes the server says a file has, without fetching it; None where it does not tell."""
        import requests
        import urllib3

        try:
            url = self.without_login(url)
            path = path_of(url)
            if path is not None:
                return os.path.getsize(path)
            if _origin(url) in self._dead:
                return None
            with self._http.head(
                url,
                auth=self.login_for(url),
                headers={"Accept-Encoding": "identity"},  # of a packed answer the length would be another
                allow_redirects=True,
                timeout=(min(CONNECT_SECONDS, self.seconds), self.seconds),
                verify=self._verify(url),
                cert=self.settings.client_certificate,
                proxies=self._proxies,
            ) as response:
                told = response.headers.get("Content-Length", "")
                return int(told) if response.status_code == 200 and re.fullmatch(r"[0-9]{1,15}", told) else None
        except (Unreachable, requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            if isinstance(problem, (requests.ConnectionError, requests.Timeout)):
                self._dead[_origin(url)] = "does not answer"
            return None

    @property
    def _proxies(self) -> dict[str, str] | None:
        """What is configured; given with each request, because requests lets its variables win over a session's."""
        proxy = self.settings.proxy
        return {"http": proxy, "https": proxy} if proxy else None

    def _try(self, url: str, headers: Mapping[str, str], limit: int, usable: tuple[int, ...]) -> Reply:
        origin = _origin(url)
        if origin in self._dead:
            raise Dead(self._dead[origin])
        try:
            return self._once(url, headers, limit, usable)
        except Dead as problem:
            self._dead[origin] = problem.reason
            raise

    def _once(self, url: str, headers: Mapping[str, str], limit: int, usable: tuple[int, ...]) -> Reply:
        import requests
        import urllib3

        ends = time.monotonic() + WHOLE_SECONDS * self.seconds
        try:
            with self._http.get(
                url,
                headers=dict(headers),
                auth=self.login_for(url),
                stream=True,
                timeout=(min(CONNECT_SECONDS, self.seconds), self.seconds),
                verify=self._verify(url),
                cert=self.settings.client_certificate,
                proxies=self._proxies,
            ) as response:
                if response.status_code not in usable:
                    raise of_status(response.status_code)
                body = self._body(response, limit, ends)
                said = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, response.url, said, body)
        # OSError: a file of certificates that is not there; ValueError: addresses that urllib cannot take apart.
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            raise of_exception(problem, self.seconds) from None

    def _body(self, response: requests.Response, limit: int, ends: float) -> bytes:
        body = bytearray()
        # Not iter_content: it waits until a block is full, and the clock would be looked at hours later.
        while block := response.raw.read1(1 << 16, decode_content=True):
            body += block
            if len(body) > limit:
                raise Unreachable(f"sends more than {limit >> 20} MiB")
            if time.monotonic() > ends:
                raise Unreachable(f"is too slow: {len(body)} bytes in {WHOLE_SECONDS * self.seconds:g} s")
        with self._counting:
            self.received += len(body)
        return bytes(body)

    def _verify(self, url: str) -> bool | str:
        """Return what requests is to check certificates with; True leaves it to its own variables."""
        parts = urlsplit(url)
        if parts.netloc.lower() in self.settings.trusted or parts.hostname in self.settings.trusted:
            return False
        return self.settings.certificates or True


def _origin(url: str) -> str:
    """Return scheme, host and port: whom a login may be given to, and what a dead host is remembered by."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}"
