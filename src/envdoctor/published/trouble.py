"""From what the network libraries raise to one line of why, in which no address stands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.published.unreachable import NotThere, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS = 10


class Dead(Unreachable):
    """The host itself cannot be reached, so asking it again in this run is in vain."""


class Passing(Unreachable):
    """Something that may go by: a connection that was cut, a server that failed."""


class Refused(Unreachable):
    """The server answered with a status that is of no use and will not change by asking again."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(f"{reason} (status {status})")
        self.status = status


def of_status(status: int) -> Unreachable:
    """Return why an answer with this status is of no use."""
    words = {
        401: "asks for a login",
        403: "refuses access",
        407: "is behind a proxy that asks for a login",
        416: "gives no such part of the file",
        429: "asks to come back later",
    }
    if status in (404, 410):
        return NotThere(f"has no such page or file (status {status})")
    if status >= 500:
        return Passing(f"failed (status {status})")
    return Refused(words.get(status, "gives no usable answer"), status)


def of_exception(problem: Exception, seconds: float) -> Unreachable:
    """Return why a request failed; `seconds` is how long the server could stay silent."""
    import requests
    import urllib3

    named = {type(one).__name__ for one in _chain(problem)}
    if isinstance(problem, requests.exceptions.ConnectTimeout) or "ConnectTimeoutError" in named:
        return Dead(f"did not answer within {min(CONNECT_SECONDS, seconds):g} s")
    if isinstance(problem, requests.exceptions.Timeout) or "ReadTimeoutError" in named:
        return Unreachable(f"fell silent for {seconds:g} s")
    if isinstance(problem, requests.exceptions.SSLError) or "SSLError" in named:
        unknown = any("CERTIFICATE_VERIFY_FAILED" in str(one) for one in _chain(problem))
        return Dead("has a certificate that cannot be verified" if unknown else "does not speak TLS as it should")
    if isinstance(problem, requests.exceptions.ProxyError) or "ProxyError" in named:
        return Dead("is behind a proxy that does not answer or refuses")
    if "NameResolutionError" in named or "gaierror" in named:
        return Dead("cannot be found: no network, or a name that does not exist")
    if "NewConnectionError" in named:
        return Dead(f"cannot be reached: {_errno(problem) or 'no connection'}")
    if isinstance(problem, requests.exceptions.TooManyRedirects):
        return Unreachable("sends from one address to the next without end")
    if isinstance(problem, urllib3.exceptions.DecodeError):
        return Unreachable("sent what cannot be unpacked")
    if isinstance(problem, (requests.exceptions.ConnectionError, urllib3.exceptions.ProtocolError)):
        return Passing("broke off the connection")
    if isinstance(problem, ValueError):  # requests' own for a malformed address are of it too
        return Unreachable("has an address that cannot be used")
    if isinstance(problem, OSError) and not isinstance(problem, requests.RequestException):
        return Unreachable("needs a file of certificates that cannot be read")
    return Unreachable(f"cannot be asked ({type(problem).__name__})")


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what caused it; the libraries wrap, and put causes into `reason` and `args`."""
    ahead: list[object] = [problem]
    seen: set[int] = set()
    while ahead:
        one = ahead.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            ahead += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _errno(problem: Exception) -> str | None:
    numbers = (getattr(one, "errno", None) for one in _chain(problem))
    return next((os.strerror(number).lower() for number in numbers if isinstance(number, int)), None)
