"""One requirement as pip takes it: a name and what is asked of it, an address, a wheel file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Requirement
from envdoctor.model.names import normalised
from envdoctor.readers.declared.projects.specifiers import VARIABLE, pep440

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.place import Place

_NAME = re.compile(r"([A-Za-z0-9](?:[\w.-]{0,98}[A-Za-z0-9])?)\s{0,20}(?:\[[^\]\[]{0,200}\])?\s{0,20}")
_NAMED_ADDRESS = re.compile(rf"{_NAME.pattern}@")
_DEMAND = re.compile(r"[=<>!~@(]")
_WHEEL = re.compile(
    r"([A-Za-z0-9_.]{1,100})-([^-/]{1,100})(?:-\d[^-/]{0,40})?-[^-/]{1,60}-[^-/]{1,60}-[^-/]{1,200}\.whl"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][\w.-]{0,98})")
_MOST = 2000
"""Characters of a requirement that is looked at."""

_MOST_NESTED = 40
_LONGEST_MARKER = 10_000

UNREADABLE = "longer than any marker"
"""Stands for a marker that is not looked at: like any that cannot be read, it holds nowhere."""


def requirement_of(words: str, place: Place, *, marker: str = "", source: str | None = None) -> Requirement | None:
    """Return the demand that one requirement of pip makes, None where it names no distribution.

    `words` has neither options (`--hash`) nor a comment; `place` is where it begins. `marker` holds beside the one
    that stands in the words; `source` is the address of the index it is tied to. A variable that nobody filled in, or a
    version that is none, leaves the specifier None.
    """
    words = words.strip()
    if not words or len(words) > _MOST or words.startswith("-"):
        return None
    demand, own = _without_marker(words)
    if own is None:
        named = _NAME.match(demand)
        return Requirement(normalised(named[1]), None, place, demand, marker, source=source) if named else None
    marker = both(marker, own)
    if _is_file(demand):
        return _of_address(demand, demand, place, marker, None)
    named = _NAME.match(demand)
    if not named:
        return None
    name, rest = normalised(named[1]), demand[named.end() :]
    if rest and not _DEMAND.match(rest):
        # "torch2.8" names something else, "torch${TORCH}" and "torch%TORCH%" may demand anything of torch.
        return Requirement(name, None, place, demand, marker, source=source) if VARIABLE.match(rest) else None
    if rest.startswith("@"):
        return _of_address(rest[1:].strip(), demand, place, marker, name)
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    return Requirement(name, pep440(rest), place, demand, marker, source=source)


def both(one: str, other: str) -> str:
    """Return the marker that holds where two hold; "" is a marker that holds everywhere."""
    if not one or not other or one == other:
        return one or other
    return f"({one}) and ({other})" if len(one) + len(other) < _LONGEST_MARKER else UNREADABLE


def any_of(markers: Sequence[str]) -> str:
    """Return the marker that holds where one of several does; "" where there is none or one holds everywhere."""
    if not all(markers) or len(markers) < 2:
        return "" if "" in markers else "".join(markers)
    return " or ".join(f"({one})" for one in markers) if sum(map(len, markers)) < _LONGEST_MARKER else UNREADABLE


def _without_marker(words: str) -> tuple[str, str | None]:
    """Return the words before a marker and the marker; None for one that is none."""
    from packaging.markers import InvalidMarker, Marker

    # Behind an address, a ";" belongs to it unless a blank stands before it (PEP 508).
    cut = re.search(r"\s;" if "://" in words else r";", words)
    if not cut:
        return words, ""
    demand, told = words[: cut.start()].rstrip(), words[cut.end() :].strip()
    if not told:
        return demand, ""
    if told.count("(") > _MOST_NESTED:  # packaging takes long for what it then refuses
        return demand, None
    try:
        return demand, str(Marker(told))
    except (InvalidMarker, RecursionError):
        return demand, None


def _is_file(words: str) -> bool:
    """Whether words are an address or a path, and no name stands before it."""
    return bool(_SCHEME.match(words) or (not _NAMED_ADDRESS.match(words) and re.search(r"\.whl(?:$|[#?])", words)))


def _of_address(address: str, written: str, place: Place, marker: str, name: str | None) -> Requirement | None:
    """Return the demand of something that is taken from an address or a path: a wheel tells its version."""
    address = strip_credentials(address)
    path, _, _ = address.partition("#")
    folder, _, file = path.partition("?")[0].rpartition("/")
    wheel = _WHEEL.fullmatch(unquote(file))
    egg = _EGG.search(address)
    told = name or (normalised(wheel[1]) if wheel else None) or (normalised(egg[1]) if egg else None)
    if told is None:
        return None
    specifier = pep440(f"=={wheel[2]}") if wheel else None
    source = folder if "://" in folder else f"file:{folder or '.'}"
    return Requirement(told, specifier, place, strip_credentials(written), marker, source=source)
