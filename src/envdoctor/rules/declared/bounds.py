"""Specifiers as pip reads them: which releases they admit, whatever build of a release is meant.

`packaging` reads them; a local part ("+cu126") names a build and is kept apart. PEP 440, "Version specifiers".
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.specifiers import SpecifierSet

FAR = "99999"
"""A version above all that there will be."""

MOST_CHARACTERS = 400
"""What people write is shorter; a longer specifier is not read."""


class Bounds(NamedTuple):
    """A specifier without local parts.

    `exact` is the one version it pins ("2.7.1"), `local` the build that it names ("cu121"); None where it does neither.
    `lowest` is the highest of its lower bounds, None where it has none.
    """

    text: str
    exact: str | None
    local: str | None
    lowest: str | None


class Demand(NamedTuple):
    """What bounds leave of the releases known: `releases`, in the order given.

    `newer` where they also admit what is newer than all that is known.
    """

    bounds: Bounds
    releases: tuple[str, ...]
    newer: bool


@lru_cache(maxsize=4096)
def read(specifier: str) -> Bounds | None:
    """Read a specifier ("==2.7.1+cu121", ">=2.5,<2.7", "" for any); None where it is none."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    if len(specifier) > MOST_CHARACTERS:
        return None
    plain, exact, local = [], None, None
    lower = []
    try:
        for one in sorted(SpecifierSet(specifier), key=str):
            version, _, tag = one.version.partition("+")
            sign = "==" if one.operator == "===" else one.operator
            plain.append(f"{sign}{version}")
            local = tag or local
            if sign == "==" and not version.endswith(".*"):
                exact = Version(version).public
            if sign in ("==", ">=", "~=", ">"):
                lower.append(Version(version.removesuffix(".*")))
        _set(",".join(plain))
    except (InvalidSpecifier, InvalidVersion):
        return None
    return Bounds(",".join(plain), exact, local, str(max(lower)) if lower else None)


@lru_cache(maxsize=4096)
def _set(specifier: str) -> SpecifierSet:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(specifier)


@lru_cache(maxsize=65536)
def admits(specifier: str, version: str) -> bool:
    """Whether a specifier without local parts, such as `Bounds.text`, admits a release."""
    return _set(specifier).contains(version, prereleases=True)


@lru_cache(maxsize=4096)
def demand(specifier: str, known: tuple[str, ...]) -> Demand | None:
    """Return what a specifier leaves of the versions known; None where it cannot be read."""
    bounds = read(specifier)
    if bounds is None:
        return None
    releases = tuple(version for version in known if admits(bounds.text, version))
    return Demand(bounds, releases, admits(bounds.text, FAR))


def together(specifiers: Iterable[str | None]) -> str | None:
    """Join demands on one distribution; None where one is hidden."""
    texts = list(specifiers)
    return ",".join(text for text in texts if text) if None not in texts else None
