"""What the matrix claims of torchvision and torchaudio, and what the index and the wheels say of it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from envdoctor.matrix.laws import accepts
from envdoctor.matrix.versions import parts
from envdoctor.upkeep import cells
from envdoctor.upkeep.check import NOT_PUBLISHED, NOT_WITHDRAWN, PUBLISHED, Check
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Build, Missing, is_final, representative
from envdoctor.upkeep.selection import all_tags, day, gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Partner, Release
    from envdoctor.upkeep.evidence import Evidence

PARTNERS = ("torchvision", "torchaudio")
SPEAKERS = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64", "macos-x86_64")
"""The platforms in the order in which their wheel is asked; the aarch64 wheels of 0.13 and 0.14 carry no pin."""


def build_of(name: str, version: str, evidence: Evidence) -> Build | None:
    """The build whose wheel speaks for a release of a partner; None where the index has none."""
    files = evidence.release(PACKAGE_INDEX, name, version)
    if isinstance(files, Missing):
        return None
    for platform in SPEAKERS:
        if representative(files, platform) is not None:
            return Build(PACKAGE_INDEX, name, version, platform)
    return None


def partner_checks(matrix: Matrix, partner: Partner, evidence: Evidence) -> Iterator[Check]:
    """Every cell of a row of [torchvision.releases] or [torchaudio.releases]."""
    past = partner.version not in matrix.partners.get(partner.name, {})
    path = (*(("history",) if past else ()), partner.name, "releases", partner.version)
    files = evidence.release(PACKAGE_INDEX, partner.name, partner.version)
    if not files:
        files = gap(evidence, PACKAGE_INDEX, partner.name) or files
    if isinstance(files, Missing) or not files:
        yield Check(path, PUBLISHED, files if isinstance(files, Missing) else NOT_PUBLISHED, "index page")
        return
    yield Check(path, PUBLISHED, PUBLISHED, "index page")
    found = day(partner.released, cells.released(files), evidence, partner.name)
    yield Check((*path, "released"), partner.released, found, "index page")
    tags = all_tags(partner.pythons, cells.python_tags(files), evidence, PACKAGE_INDEX, partner.name)
    yield Check((*path, "python"), partner.pythons, tags, "index page")
    withdrawn = cells.withdrawn(files)
    if withdrawn is not None or partner.yanked is not None:
        # A copy need not know that a release was withdrawn.
        not_told = gap(evidence, PACKAGE_INDEX, partner.name) or NOT_WITHDRAWN
        yield Check((*path, "yanked"), partner.yanked or NOT_WITHDRAWN, withdrawn or not_told, "index page")
    build = build_of(partner.name, partner.version, evidence)
    seen = evidence.wheel(build) if build else Missing("no wheel of it for a platform of the matrix")
    if isinstance(seen, Missing):
        yield Check((*path, "torch"), partner.torch, seen)
    else:
        yield Check((*path, "torch"), partner.torch, cells.torch_requirement(seen.contents) or "", seen.filename)


def pairing_checks(matrix: Matrix, release: Release, evidence: Evidence) -> Iterator[Check]:
    """Whether the torchvision and the torchaudio that a torch row names ask for that torch.

    History rows name partners that were never on the package index too; those are left to their own rows.
    """
    if release.version not in matrix.versions:
        return
    for name in PARTNERS:
        says = release.torchvision if name == "torchvision" else release.torchaudio
        path = ("torch", release.version, name)
        if says is None:
            found = partner_of(matrix, release.version, release.released, name, evidence)
            if found is not None and requirement_of(name, found, evidence).startswith("=="):
                yield Check(path, None, found, "METADATA of the wheel")
            continue
        build = build_of(name, says, evidence)
        if build is None:
            lacks = gap(evidence, PACKAGE_INDEX, name)
            right = None if lacks else partner_of(matrix, release.version, release.released, name, evidence)
            yield Check(path, says, right or Missing(f"{name} {says} is not on the index"), "METADATA of the wheel")
            continue
        seen = evidence.wheel(build)
        if isinstance(seen, Missing):
            yield Check(path, says, seen)
            continue
        asks = cells.torch_requirement(seen.contents)
        if not asks:
            yield Check(path, says, Missing(f"METADATA of {name} {says} asks for no release of torch"))
        elif accepts(asks, release.version):
            yield Check(path, says, says, seen.filename)
        else:
            right = partner_of(matrix, release.version, release.released, name, evidence)
            told = right or Missing(f"{name} {says} asks for torch {asks}, and no other was found")
            yield Check(path, says, told, seen.filename)


def partner_of(matrix: Matrix, torch: str, day: str | None, name: str, evidence: Evidence) -> str | None:
    """The release of a partner for a torch release of that day, as the METADATA of its wheels tells.

    The newest that names exactly that torch; else, of those that accept it by a lower bound, the one that came
    out nearest to it, the newest where days are not known. One that asks for no torch at all is nobody's partner,
    and neither is a withdrawn one.
    """
    page = evidence.page(PACKAGE_INDEX, name)
    if isinstance(page, Missing):
        return None
    exact: list[str] = []
    bounded: list[str] = []
    for version in sorted({file.version for file in page if is_final(file.version)}, key=parts, reverse=True):
        asks = requirement_of(name, version, evidence)
        files = evidence.release(PACKAGE_INDEX, name, version)
        if asks and accepts(asks, torch) and not isinstance(files, Missing) and cells.withdrawn(files) is None:
            (exact if asks.startswith("==") else bounded).append(version)
    if exact:
        return exact[0]
    return min(bounded, key=lambda version: _days_apart(_day(matrix, name, version, evidence), day), default=None)


def requirement_of(name: str, version: str, evidence: Evidence) -> str:
    """What that release of a partner asks of torch; "" where it names none or was not read."""
    build = build_of(name, version, evidence)
    seen = evidence.wheel(build) if build else Missing("")
    return "" if isinstance(seen, Missing) else cells.torch_requirement(seen.contents) or ""


def _day(matrix: Matrix, name: str, version: str, evidence: Evidence) -> str | None:
    """The day of a partner's release: the index's own word, else the matrix's, else that of a copy."""
    known = matrix.partner(name, version)
    files = evidence.release(PACKAGE_INDEX, name, version)
    told = None if isinstance(files, Missing) else cells.released(files)
    return known.released if known and (told is None or gap(evidence, PACKAGE_INDEX, name)) else told


def _days_apart(one: str | None, other: str | None) -> int:
    """Days between two dates; the same for all where one is not known, so that the first of them is taken."""
    if one is None or other is None:
        return 10**6
    return abs((date.fromisoformat(one) - date.fromisoformat(other)).days)
