"""Reading what the matrix speaks of: pages first, then one wheel of each build, the fewest bytes that tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.matrix.reading import CPU, PLATFORMS
from envdoctor.matrix.versions import parts
from envdoctor.published.unreachable import NotThere, Unreachable
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Build, Evidence, Missing, Seen, representative
from envdoctor.upkeep.news import new_releases
from envdoctor.upkeep.partner_rows import PARTNERS, build_of
from envdoctor.upkeep.publisher import Page
from envdoctor.upkeep.selection import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release
    from envdoctor.published.files import PublishedFile
    from envdoctor.upkeep.publisher import Publisher

    Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: torch releases (empty for all), architecture lists or not, releases the matrix lacks or not."""

    only: frozenset[str] = frozenset()
    architectures: bool = True
    new: bool = False


def gather(matrix: Matrix, publisher: Publisher, scope: Scope, progress: Progress) -> Evidence:
    """Read pages and wheels. Raises `Unreachable` where the package index does not tell of torch.

    Everything else that cannot be read is in the evidence as `Missing`. `progress` hears what is read, and how far.
    """
    releases = releases_in(matrix, scope)
    pages, whole = _pages(publisher, _channels(matrix, releases), progress)
    evidence = Evidence(pages)
    wanted = _wanted(matrix, releases, evidence, scope)
    seen = _read(publisher, wanted, scope.architectures, progress)
    return Evidence(pages, seen, scope.architectures, whole)


def releases_in(matrix: Matrix, scope: Scope) -> tuple[Release, ...]:
    """The torch releases of the matrix that are looked at, history first."""
    return tuple(
        one for one in (*matrix.past_releases, *matrix.releases) if not scope.only or one.version in scope.only
    )


def _channels(matrix: Matrix, releases: Iterable[Release]) -> list[str]:
    """The channels of the wheel index that rows speak of, newest first."""
    found = {
        place_of(release, wheel)
        for release in releases
        for wheel in matrix.wheels(release.version)
        if wheel.channel != CPU
    }
    return sorted(found - {PACKAGE_INDEX}, key=lambda name: (int(name[2:-1]), int(name[-1])), reverse=True)


def _pages(
    publisher: Publisher, channels: Sequence[str], progress: Progress
) -> tuple[dict[tuple[str, str], tuple[PublishedFile, ...] | Missing], frozenset[tuple[str, str]]]:
    """What the pages list by place and project, and of which of them a gap proves something."""
    number, of = 0, 3 + len(channels)
    whole: set[tuple[str, str]] = set()
    pages: dict[tuple[str, str], tuple[PublishedFile, ...] | Missing] = {}
    for project in ("torch", *PARTNERS):
        progress("Index pages", number, of)
        number += 1
        try:
            page = publisher.page(PACKAGE_INDEX, project)
            pages[PACKAGE_INDEX, project] = page.files
            whole |= {(PACKAGE_INDEX, project)} if page.whole else set()
        except Unreachable as problem:
            if project == "torch":
                raise
            pages[PACKAGE_INDEX, project] = Missing(f"package index, {project}: {problem.reason}")
    found: dict[str, Page] = {}
    down: str | None = None
    for channel in channels:
        progress("Index pages", number, of)
        number += 1
        try:
            found[channel] = publisher.page(channel, "torch")
        except NotThere:  # where it has other channels, that it has not this one is an answer
            found[channel] = Page((), publisher.official)
        except Unreachable as problem:  # the others would only wait as long
            down = problem.reason
            break
    if not any(page.files for page in found.values()):
        found, down = {}, down or "has none of the channels"
    for channel in channels:
        pages[channel, "torch"] = found[channel].files if channel in found else Missing(f"PyTorch wheel index: {down}")
    whole |= {(channel, "torch") for channel, page in found.items() if page.whole}
    return pages, frozenset(whole)


def _wanted(
    matrix: Matrix, releases: Iterable[Release], evidence: Evidence, scope: Scope
) -> dict[Build, PublishedFile | Missing]:
    wanted: dict[Build, PublishedFile | Missing] = {}
    for release in releases:
        for platform in release.platforms if release.version in matrix.past_versions else PLATFORMS:
            _want(wanted, Build(PACKAGE_INDEX, "torch", release.version, platform), evidence)
        for wheel in matrix.wheels(release.version):
            if wheel.channel != CPU:
                build = Build(place_of(release, wheel), "torch", release.version, wheel.platform)
                _want(wanted, build, evidence)
    if scope.new:
        for version in new_releases(matrix, "torch", evidence.page(PACKAGE_INDEX, "torch"), scope.only):
            for platform in PLATFORMS:
                _want(wanted, Build(PACKAGE_INDEX, "torch", version, platform), evidence)
    for name in PARTNERS:
        for version in partner_versions(matrix, name, evidence, scope):
            partner = build_of(name, version, evidence)
            if partner is not None:
                _want(wanted, partner, evidence)
    return wanted


def partner_versions(matrix: Matrix, name: str, evidence: Evidence, scope: Scope) -> tuple[str, ...]:
    """The releases of a partner that are looked at: those the torch releases name, or all of the matrix and newer."""
    page = evidence.page(PACKAGE_INDEX, name)
    new = new_releases(matrix, name, page, frozenset())
    if not scope.only:
        past, known = matrix.past_partners.get(name, {}), matrix.partners.get(name, {})
        return tuple(sorted({*past, *known, *new}, key=parts))
    named = {
        release.torchvision if name == "torchvision" else release.torchaudio for release in releases_in(matrix, scope)
    }
    return tuple(sorted({version for version in named if version} | set(new), key=parts))


def _want(wanted: dict[Build, PublishedFile | Missing], build: Build, evidence: Evidence) -> None:
    files = evidence.release(build.place, build.project, build.version)
    if isinstance(files, Missing):
        wanted[build] = files
    else:
        wanted[build] = representative(files, build.platform) or Missing(f"no wheel for {build.platform} on the index")


def _read(
    publisher: Publisher,
    wanted: Mapping[Build, PublishedFile | Missing],
    architectures: bool,
    progress: Progress,
) -> dict[Build, Seen | Missing]:
    files = list(dict.fromkeys(file for file in wanted.values() if not isinstance(file, Missing)))
    answers = publisher.read(files, architectures, lambda done, of: progress("Wheels", done, of))
    read = dict(zip(files, answers, strict=True))
    found: dict[Build, Seen | Missing] = {}
    for build, file in wanted.items():
        if isinstance(file, Missing):
            found[build] = file
        elif isinstance(told := read[file], Unreachable):
            found[build] = Missing(f"the wheel {told.reason}")
        else:
            found[build] = Seen(file.filename, told)
    return found
