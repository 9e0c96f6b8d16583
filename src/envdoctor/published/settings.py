"""What pip and uv are told of indexes and of the network, read as they read it, credentials and all.

`probes.index_settings` turns the same variables and files into facts, which hold no credentials. Here they are needed
to ask; nothing in this module is ever printed, and no field that may hold one is in a `repr`.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from envdoctor.probes import index_files
from envdoctor.probes.index_settings import MOST_BYTES, pip_files, uv_files

if TYPE_CHECKING:
    from envdoctor.host.host import Host

Layout: TypeAlias = Literal["projects", "links", "channel"]
"""A page a project (PEP 503, PEP 691) / one page or folder of links / a channel of the PyTorch wheel index."""

PIP = ("index-url", "extra-index-url", "find-links", "no-index")
PIP_NETWORK = ("cert", "client-cert", "trusted-host", "proxy", "timeout", "default-timeout")
UV_VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "no-index": ("UV_NO_INDEX",),
}
TRUE = ("1", "true", "yes", "on", "y", "t")


@dataclass(frozen=True, slots=True)
class Place:
    """One place that packages come from; `name` is for people, `url` opens it."""

    name: str
    url: str = field(repr=False)
    layout: Layout


@dataclass(frozen=True, slots=True)
class Settings:
    """Where packages come from, the main index first, and how to get there.

    `main` says that the main index is among `places`, or that none is wanted: otherwise it is the tool's own default.
    `certificates` and `client_certificate` are files, `trusted` hosts (with a port or without) whose certificate is not
    checked, `seconds` how
    long a server may stay silent.
    """

    places: tuple[Place, ...] = ()
    main: bool = False
    certificates: str | None = None
    client_certificate: str | None = None
    trusted: tuple[str, ...] = ()
    proxy: str | None = field(default=None, repr=False)
    seconds: float | None = None


def read_settings(host: Host) -> Settings:
    """Read variables and configuration files of pip, then of uv. A file that cannot be read counts as not there."""
    pip, uv = _pip(host), _uv(host)
    places: list[Place] = []
    main = False
    for tool, told in (("pip", pip), ("uv", uv)):
        if not main and (told["index-url"] or told["no-index"]):
            main = True
            if not told["no-index"]:
                name = f"the package index of {tool}'s configuration"
                places.insert(0, Place(name, told["index-url"][0], "projects"))
        for setting, word, layout in _MORE if not told["no-index"] else _MORE[1:]:
            places += [
                Place(f"{word} {number} of {tool}'s configuration", url, layout)
                for number, url in enumerate(told[setting], 1)
            ]
    return Settings(
        places=tuple(places),
        main=main,
        certificates=next(iter(pip["cert"]), None) or _certificates(host),
        client_certificate=next(iter(pip["client-cert"]), None),
        trusted=tuple(host.lower() for host in pip["trusted-host"]),
        proxy=next(iter(pip["proxy"]), None),
        seconds=_seconds(next(iter(pip["timeout"] or pip["default-timeout"]), host.environ.get("UV_HTTP_TIMEOUT", ""))),
    )


_MORE: tuple[tuple[str, str, Layout], ...] = (
    ("extra-index-url", "extra index", "projects"),
    ("find-links", "find-links", "links"),
)


def _pip(host: Host) -> dict[str, list[str]]:
    """Return pip's settings: a variable before a file, `[install]` before `[global]`, the last file first."""
    said: dict[tuple[str, str], str] = {}
    for path in pip_files(host, host.environ.get("VIRTUAL_ENV") or sys.prefix):
        for section, name, value in index_files.pip_lines(_text(host, path)):
            if value:  # pip passes over what is empty
                said[section, name] = value
    found: dict[str, list[str]] = defaultdict(list)
    for name in (*PIP, *PIP_NETWORK):
        value = host.environ.get(f"PIP_{name.upper().replace('-', '_')}", "").strip()
        value = value or said.get(("install", name)) or said.get(("global", name), "")
        found[name] = _split(value)
    found["no-index"] = [word for word in found["no-index"] if word.lower() in TRUE]
    return found


def _uv(host: Host) -> dict[str, list[str]]:
    """Return uv's settings: variables, then the user's file, then the system's."""
    found: dict[str, list[str]] = defaultdict(list)
    for setting, names in UV_VARIABLES.items():
        for name in names:
            found[setting] += _split(host.environ.get(name, ""), commas=setting == "find-links")
    for path in reversed(list(uv_files(host))):
        try:
            told = list(index_files.uv(_text(host, path)))
        except ValueError:
            continue
        for setting, value in told:
            found[setting].append(value if isinstance(value, str) else value[0])
    for setting in ("index-url", "extra-index-url"):  # an index may have a name: name=address
        found[setting] = [re.sub(r"^[\w.-]{1,100}=(?=\w{1,10}://)", "", url) for url in found[setting]]
    found["no-index"] = [word for word in found["no-index"] if word.lower() in TRUE]
    return found


def _split(value: str, *, commas: bool = False) -> list[str]:
    return [part for part in re.split(r"[\s,]+" if commas else r"\s+", value) if part]


def _text(host: Host, path: str) -> str:
    try:
        text = host.read(path, MOST_BYTES + 1)
    except (OSError, ValueError):  # not there, not permitted, a FIFO; a NUL byte in HOME
        return ""
    return text if len(text) <= MOST_BYTES else ""


def _certificates(host: Host) -> str | None:
    """Return OpenSSL's own variable, which uv honours and requests does not; requests reads the other two itself."""
    if host.environ.get("REQUESTS_CA_BUNDLE") or host.environ.get("CURL_CA_BUNDLE"):
        return None
    path = host.environ.get("SSL_CERT_FILE")
    return path if path and host.is_file(path) else None


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,5}(\.\d{1,3})?", text, re.ASCII) and float(text) > 0 else None
