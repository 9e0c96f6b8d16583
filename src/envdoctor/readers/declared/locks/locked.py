"""What lock files have in common: packages with one version each, under markers, and the cases these make."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Case, PythonWish, Requirement
from envdoctor.model.names import normalised
from envdoctor.model.place import Place
from envdoctor.readers.declared.projects.marker_words import decided
from envdoctor.readers.declared.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MOST = 30
"""Extras and groups of one lock file that are looked at."""

MOST_PACKAGES = 10_000

_HEADER = re.compile(r"^\[\[(packages?)\]\]", re.MULTILINE)
_VERSION = re.compile(r"""^version[ \t]{0,20}=[ \t]{0,20}["']([^"'\n]{0,200})["']""", re.MULTILINE)
_CHOICE = re.compile(
    r"""extra\s{0,9}[!=]=\s{0,9}["']([\w.-]{1,200})["']"""
    r"""|["']([\w.-]{1,200})["']\s{1,9}(?:not\s{1,9})?in\s{1,9}(?:extras|dependency_groups)"""
)


class Locked(NamedTuple):
    """An entry of a lock file: its table, and where its version stands."""

    name: str
    version: str
    told: Mapping[str, Any]
    place: Place


def locked(text: str, packages: Sequence[Any], file: str) -> Iterator[Locked]:
    """Yield the entries `[[package]]` of a lock file in TOML; those without a version are left out.

    `packages` is what `tomllib` made of them, in order. Raises `Unreadable` where they are too many.
    """
    if len(packages) > MOST_PACKAGES:
        raise Unreadable(f"it has more than {MOST_PACKAGES} packages")
    line, counted = 1, 0
    headers = [match.start() for match in _HEADER.finditer(text)]
    told_apart = len(headers) == len(packages)  # a string may hold such a line
    for number, told in enumerate(packages):
        if not isinstance(told, dict) or not isinstance(told.get("name"), str):
            continue
        place = Place(file, 1)
        if told_apart:
            end = headers[number + 1] if number + 1 < len(headers) else len(text)
            match = _VERSION.search(text, headers[number], end)
            at = match.start(1) if match else headers[number]
            line += text.count("\n", counted, at)
            counted = at
            place = Place(file, line, at - text.rfind("\n", 0, at))
        if isinstance(told.get("version"), str):
            yield Locked(normalised(told["name"]), told["version"], told, place)


def requirement(one: Locked, marker: str = "", source: str | None = None) -> Requirement:
    """Return an entry as a demand for exactly its version."""
    return Requirement(one.name, f"=={one.version}", one.place, one.version, marker, source=tied(source))


def python_wishes(text: str, key: str, specifier: str | None, file: str, begin: int = 0) -> tuple[PythonWish, ...]:
    """Return the Python that a lock file is for, where a specifier is told.

    `key` is the word it stands behind, first at or after the offset `begin`.
    """
    found = re.compile(rf"""^{key}[ \t]{{0,20}}=[ \t]{{0,20}}["']([^"'\n]{{1,200}})["']""", re.MULTILINE).search(
        text, begin
    )
    if not specifier or not found:
        return ()
    at = found.start(1)
    place = Place(file, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
    return (PythonWish(specifier, place, found[1]),)


def tied(url: str | None) -> str | None:
    """Return the address of an index that a package is tied to; None for one that has every package.

    A page a project below `/simple` (PEP 503) is how the package index and its mirrors are laid out, and no other index
    of wheels of PyTorch is.
    """
    if not url or re.search(r"/simple/?$", url):
        return None
    return strip_credentials(url)


def index_of_wheel(folder: str | None) -> str | None:
    """Return the index that a wheel's folder is, None where wheels are kept apart from the index."""
    return folder if folder and "/whl" in folder else None


def cases(file: str, requirements: Sequence[Requirement], pythons: Sequence[PythonWish], label: str) -> Iterator[Case]:
    """Yield a case for the lock without extras and groups that markers name, and one with each of them."""
    choices: dict[str, None] = {}
    for one in requirements:
        for match in _CHOICE.finditer(one.marker):
            choices[match[1] or match[2]] = None
    for choice in ["", *[*choices][:MOST]]:
        kept = [
            one._replace(marker=marker)
            for one in requirements
            if (marker := decided(one.marker, frozenset({choice} - {""}))) is not None
        ]
        if kept:
            name = f"{label} with {choice}" if choice else label
            yield Case(file, name, Place(file, 1), tuple(unmixed(kept)), pythons=tuple(pythons), pinned=True)


def unmixed(requirements: Iterable[Requirement]) -> Iterator[Requirement]:
    """Yield the demands, open where several versions are locked and nothing says which is for whom."""
    told = [*requirements]
    versions: dict[str, set[str | None]] = {}
    bare: set[str] = set()
    for one in told:
        versions.setdefault(one.name, set()).add(one.specifier)
        if not one.marker:
            bare.add(one.name)
    for one in told:
        yield one._replace(specifier=None) if len(versions[one.name]) > 1 and one.name in bare else one
