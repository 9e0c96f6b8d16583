"""Indexes that hold somebody's choice of wheels: what they lack says nothing of what was published.

A mirror may have some releases, some platforms, some Pythons, may be a week behind, and have days of its own. Nothing
tells it from the index it mirrors, so only two are taken to have everything: the one that pip and uv take by
themselves, and the PyTorch wheel index at its own address. What the wheels of any index say counts as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.upkeep.evidence import PACKAGE_INDEX, Missing

if TYPE_CHECKING:
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.upkeep.evidence import Evidence


def place_of(release: Release, wheel: Wheel) -> str:
    """Where a build is published: the package index gives each platform its default channel."""
    default = release.default_channel.get(wheel.platform) == wheel.channel
    return PACKAGE_INDEX if default else wheel.channel


def gap(evidence: Evidence, place: str, project: str = "torch") -> Missing | None:
    """Why it proves nothing that a place lacks something of a project; None where it does."""
    if (place, project) in evidence.whole:
        return None
    return Missing("not on this index, which need not hold everything")


def all_tags(
    says: tuple[str, ...], found: tuple[str, ...], evidence: Evidence, place: str, project: str = "torch"
) -> tuple[str, ...] | Missing:
    """The tags of a release, as far as a place proves them: those it has, and those it need not have."""
    lacks = gap(evidence, place, project)
    if lacks is None or set(found) >= set(says):
        return found
    more = tuple(tag for tag in found if tag not in says)
    return (*says, *more) if more else lacks


def day(said: str | None, found: str | None, evidence: Evidence, project: str = "torch") -> str | Missing:
    """The day of a release on the package index; a copy has the day of copying, and may lack the first file."""
    if found is None:
        return Missing("the index names no upload days")
    if found == said or (PACKAGE_INDEX, project) in evidence.whole:
        return found
    return Missing("this index names another day, which may be that of a copy")
