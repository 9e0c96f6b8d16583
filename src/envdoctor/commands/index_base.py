"""Where wheels of PyTorch are taken from: `--index-base`, else ENVDOCTOR_INDEX_BASE, else the user's settings.

The base is the root of the PyTorch wheel index or of a mirror of it, with a folder for each channel below. A file of a
project is not asked: see `settings`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.commands.options import LAYOUTS
from envdoctor.commands.settings import read_settings, settings_file
from envdoctor.plan.wheel_index import BASE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BY_ITSELF", "KEY", "LAYOUTS", "MEANING", "VARIABLE", "IndexBase", "index_base"]

OPTION = "--index-base"
VARIABLE = "ENVDOCTOR_INDEX_BASE"
MEANING = "root of a mirror of the PyTorch wheel index, where `--index-base` does not name one"
KEY = "index-base"

_ADDRESS = re.compile(r"(?:https?://[!-.0-~]|file://)[!-~]*", re.IGNORECASE)
"""A URL with a host, or a file's; a blank or a control character in it would end up in a command."""

_FOLDER = re.compile(r"[/~]|\.{1,2}(?:[/\\]|$)|[A-Za-z]:[/\\]")
_CHANNEL = re.compile(r"cpu|xpu|cu\d{2,3}|rocm\d[\d.]*", re.ASCII)

_MIXED = re.compile(r"(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
MOST_MIXED = 4
"""So often letters and digits take turns in what is no name any more: "cu126-wheels-2025" has three turns."""

BY_ITSELF = (
    "the login of the mirror stands in no command; for one that is typed by hand put it into ~/.netrc or a keyring, or "
    "leave the address out and give it whole in PIP_INDEX_URL or UV_DEFAULT_INDEX, as find-links in PIP_FIND_LINKS or "
    "UV_FIND_LINKS"
)
"""For a person who types a command whose address had a login."""


@dataclass(frozen=True, slots=True)
class IndexBase:
    """The root of the wheel index: `url` without login and without slash at its end, for commands and reports.

    `origin` says to people where it was named: "--index-base", "ENVDOCTOR_INDEX_BASE", the path of the settings; empty
    where nothing did. `secret` is the same address with its login, None where it has none; it is never printed.
    """

    url: str = BASE
    origin: str = ""
    secret: str | None = field(default=None, repr=False)

    @property
    def official(self) -> bool:
        """Whether it is the PyTorch index itself, of which the matrix knows how it is laid out."""
        return self.url == BASE

    @property
    def asked(self) -> str:
        """The address that opens it: with its login, where it has one. Never printed."""
        return self.secret or self.url


def index_base(option: str | None, environ: Mapping[str, str] | None = None) -> IndexBase:
    """Return the base that commands and reports name. Raises `Unusable`, one line that says where it stands."""
    environ = os.environ if environ is None else environ
    if option is not None:
        return _read(option, OPTION, near=True)
    if VARIABLE in environ:
        return _read(environ[VARIABLE], VARIABLE, near=True)
    path = settings_file(environ)
    told = read_settings(path).get(KEY)
    return IndexBase() if told is None or path is None else _read(told, path)


def _read(said: str, origin: str, *, near: bool = False) -> IndexBase:
    """Read an address, or with `near` a folder as the shell's working directory has it."""
    from urllib.parse import urlsplit, urlunsplit  # a check without a mirror does without it

    text = said.strip()
    where = origin if origin in (OPTION, VARIABLE) else f"{origin}: {KEY}"
    if not text:
        raise Unusable(f"{where}: the value is empty; write it like {BASE}")
    if _FOLDER.match(text):
        return IndexBase(_folder(text, where, near=near), origin)
    # What is no address may still hold a password.
    shown = _shown(text)
    if not _ADDRESS.fullmatch(text):
        raise Unusable(f"{where} {shown}: not a URL; write it like {BASE}")
    try:
        parts = urlsplit(text)
        _ = parts.hostname, parts.port
    except ValueError:
        raise Unusable(f"{where} {shown}: not a URL; write it like {BASE}") from None
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise Unusable(f"{where} {shown}: a base has no query and no fragment; a channel's folder follows it")
    plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    if parts.hostname and _holds_token(parts.path):
        raise Unusable(
            f"{where} {shown}: its path seems to hold a token, which every command would show; give it as user:token@ "
            "before the host, or in netrc"
        )
    _refuse_channel(plain, where)
    return IndexBase(plain, origin, text.rstrip("/") if "@" in parts.netloc else None)


def _folder(text: str, where: str, *, near: bool) -> str:
    from pathlib import Path

    path = Path(os.path.expanduser(text))
    if not near and not path.is_absolute():
        raise Unusable(f"{where} {text}: a folder in this file is named by its whole path")
    if "\0" in text or not os.path.isdir(path):
        raise Unusable(f"{where} {text}: no such folder")
    plain = Path(os.path.abspath(path)).as_uri()
    _refuse_channel(plain, where)
    return plain


def _refuse_channel(url: str, where: str) -> None:
    base, _, last = url.rpartition("/")
    if _CHANNEL.fullmatch(last):
        raise Unusable(f"{where} {url}: that is the index of one channel; the base is {base}")
    if last == "simple" and _CHANNEL.fullmatch(base.rpartition("/")[2]):
        raise Unusable(f"{where} {url}: that is the index of one channel; the base is {base.rpartition('/')[0]}")


def _shown(text: str) -> str:
    """Return what was given as an error may repeat it: without what opens it, cut to a line."""
    from envdoctor.codec.addresses import strip_address

    return strip_address(text)[:120] or "..."


def _holds_token(path: str) -> bool:
    """Whether a segment of a path is a token by its form, or stands where some hosts have one ("/t/TOKEN/").

    Stricter than what facts lose: an address that is refused by mistake cannot be used at all. "/basic/" is followed by
    a name where the login stands before the host.
    """
    from envdoctor.codec.addresses import strip_address
    from envdoctor.codec.credentials import strip_credentials

    before = ""
    for segment in path.split("/"):
        address = f"https://mirror/{segment}"
        mixed = len(_MIXED.findall(segment)) >= MOST_MIXED and strip_address(address) != address
        if segment and (mixed or before == "t" or strip_credentials(segment) != segment):
            return True
        before = segment.lower()
    return False
