"""What an index has and the matrix does not know: newer releases, builds and cells. No contradiction, only work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import older, parts
from envdoctor.model.verification import News
from envdoctor.upkeep.check import row_name, shown
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Missing, is_final
from envdoctor.upkeep.partner_rows import PARTNERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.published.files import PublishedFile
    from envdoctor.upkeep.check import Check
    from envdoctor.upkeep.evidence import Evidence


def new_releases(
    matrix: Matrix, project: str, page: tuple[PublishedFile, ...] | Missing, only: frozenset[str]
) -> tuple[str, ...]:
    """Final releases on a page that the matrix has no row for, oldest first; only those after its first one.

    Withdrawn ones are none. `only` narrows it to these torch releases; empty for all.
    """
    if isinstance(page, Missing):
        return ()
    known = matrix.versions if project == "torch" else tuple(matrix.partners.get(project, {}))
    past = matrix.past_versions if project == "torch" else tuple(matrix.past_partners.get(project, {}))
    first = min(known, key=parts, default="0")
    found = {
        file.version
        for file in page
        if file.pythons and file.yanked is None and is_final(file.version) and not older(file.version, first)
    }
    asked = {one for one in found - {*known, *past} if not only or project != "torch" or one in only}
    return tuple(sorted(asked, key=parts))


def release_news(matrix: Matrix, evidence: Evidence, only: frozenset[str]) -> Iterator[News]:
    """One sentence for each release that is published and unknown to the matrix."""
    for project in ("torch", *PARTNERS):
        page = evidence.page(PACKAGE_INDEX, project)
        for version in new_releases(matrix, project, page, only):
            row = ("torch", version) if project == "torch" else (project, "releases", version)
            yield News(row_name(row), f"{project} {version} is published and unknown to this matrix")


def channel_news(matrix: Matrix, evidence: Evidence, only: frozenset[str]) -> Iterator[News]:
    """One sentence for each release on a channel of the wheel index that has no row for it."""
    for (place, project), page in evidence.pages.items():
        if place == PACKAGE_INDEX or project != "torch" or isinstance(page, Missing):
            continue
        for release in matrix.releases:
            if (only and release.version not in only) or not evidence.release(place, project, release.version):
                continue
            if place not in {wheel.channel for wheel in matrix.wheels(release.version)}:
                text = f"torch {release.version} is on {place}, for which the matrix has no row"
                yield News(row_name(("torch", release.version, place)), text)


def cell_news(checks: Iterable[Check]) -> Iterator[News]:
    """One sentence for each cell that a wheel tells and the matrix leaves open."""
    for check in checks:
        if check.unknown_to_the_matrix and not isinstance(check.found, Missing):
            about = f" ({check.about})" if check.about else ""
            cell = row_name(check.path)
            yield News(cell, f"{cell}{about}: the matrix says nothing, found {shown(check.found)}")
