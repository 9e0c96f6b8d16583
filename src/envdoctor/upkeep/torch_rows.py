"""What the rows of torch releases claim, cell by cell, and what the index and the wheels say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.matrix.reading import CPU
from envdoctor.matrix.versions import minor, parts
from envdoctor.upkeep import cells
from envdoctor.upkeep.check import NOT_PUBLISHED, NOT_WITHDRAWN, PUBLISHED, Check
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Build, Missing, Seen
from envdoctor.upkeep.selection import all_tags, day, gap, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.published.files import PublishedFile
    from envdoctor.published.wheel import WheelContents
    from envdoctor.upkeep.check import Value
    from envdoctor.upkeep.evidence import Evidence

PAGE = "index page"
PINNED = {"cudnn": "cuDNN", "nccl": "NCCL"}
"""Cells of a channel row that a wheel pins as a package of NVIDIA, by the name for people."""


def release_checks(matrix: Matrix, release: Release, evidence: Evidence) -> Iterator[Check]:
    """Every cell of a release and of its channels that an index can prove."""
    past = release.version in matrix.past_versions
    path = (*(("history",) if past else ()), "torch", release.version)
    files = _on_package_index(release, evidence)
    yield from _release_cells(path, release, files, evidence, past=past)
    for platform in release.platforms:
        yield from _platform_cells(matrix, path, release, platform, files, evidence)
    if not isinstance(files, Missing):
        for platform in sorted({file.platform for file in files if file.platform} - set(release.platforms)):
            yield Check((*path, platform), None, PUBLISHED, PAGE)
    for wheel in matrix.wheels(release.version):
        if wheel.channel != CPU:
            yield from _channel_cells(path, release, wheel, evidence)


def _on_package_index(release: Release, evidence: Evidence) -> tuple[PublishedFile, ...] | Missing:
    files = evidence.release(PACKAGE_INDEX, "torch", release.version)
    if isinstance(files, Missing) or files:
        return files
    if not release.default_channel:
        return Missing("a release that never was on the package index")
    return gap(evidence, PACKAGE_INDEX) or files


def _release_cells(
    path: tuple[str, ...],
    release: Release,
    files: tuple[PublishedFile, ...] | Missing,
    evidence: Evidence,
    *,
    past: bool,
) -> Iterator[Check]:
    there: Missing | str = files if isinstance(files, Missing) else (PUBLISHED if files else NOT_PUBLISHED)
    yield Check(path, PUBLISHED, there, PAGE)
    told = _told(files)
    found = told if isinstance(told, Missing) else day(release.released, cells.released(told), evidence)
    yield Check((*path, "released"), release.released, found, PAGE)
    withdrawn = None if isinstance(told, Missing) else cells.withdrawn(told)
    if withdrawn is not None:
        # A row that no plan may name says what there is to say.
        yield Check((*path, "yanked"), withdrawn if release.withheld else NOT_WITHDRAWN, withdrawn, PAGE)
    if past:
        return
    build = Build(PACKAGE_INDEX, "torch", release.version, _speaker(release))
    yield _read(
        (*path, "requires_python"), release.requires_python, evidence.wheel(build), lambda it: it.requires_python or ""
    )
    if "linux-x86_64" in release.platforms:
        asked = evidence.wheel(build)
        yield _read(
            (*path, "triton"), release.triton, asked, lambda it: t.specifier if (t := cells.triton(it)) else None
        )
        yield _read(
            (*path, "triton_python_below"),
            release.triton_python_below,
            asked,
            lambda it: t.python_below if (t := cells.triton(it)) else None,
        )


def _speaker(release: Release) -> str:
    """The platform whose wheel speaks for the release: METADATA is the same on all, and Linux pins the most."""
    return "linux-x86_64" if "linux-x86_64" in release.platforms else next(iter(release.platforms), "")


def _platform_cells(
    matrix: Matrix,
    path: tuple[str, ...],
    release: Release,
    platform: str,
    files: tuple[PublishedFile, ...] | Missing,
    evidence: Evidence,
) -> Iterator[Check]:
    row = (*path, platform)
    told = _told(files)
    here = told if isinstance(told, Missing) else tuple(file for file in told if file.platform == platform)
    if not here:
        here = gap(evidence, PACKAGE_INDEX) or here
    says: dict[str, tuple[str, ...]] = {"python": release.pythons.get(platform, ())}
    if release.version in matrix.versions:
        says["tags"] = release.platform_tags.get(platform, ())
    for cell, value in says.items():
        read = cells.python_tags if cell == "python" else cells.platform_tags
        found = here if isinstance(here, Missing) else all_tags(value, read(here), evidence, PACKAGE_INDEX) or None
        yield Check((*row, cell), value or None, found, PAGE)
    seen = evidence.wheel(Build(PACKAGE_INDEX, "torch", release.version, platform))
    yield _read((*row, "default"), release.default_channel.get(platform), seen, cells.channel)


def _channel_cells(path: tuple[str, ...], release: Release, wheel: Wheel, evidence: Evidence) -> Iterator[Check]:
    place, platform = place_of(release, wheel), wheel.platform
    row = (*path, wheel.channel)
    if place != PACKAGE_INDEX:
        on_channel = _on_the_channel(row, release, wheel, evidence)
        yield from (replace(check, place=place) for check in on_channel)
    seen = evidence.wheel(Build(place, "torch", release.version, platform))
    # A package index that now gives another channel proves nothing about this one; the default cell says so.
    if isinstance(seen, Seen) and cells.channel(seen.contents) != wheel.channel:
        seen = Missing(f"the wheel read for it is of {cells.channel(seen.contents)}")
    yield from (replace(check, place=place) for check in _build_cells(row, wheel, seen, evidence))


def _build_cells(row: tuple[str, ...], wheel: Wheel, seen: Seen | Missing, evidence: Evidence) -> Iterator[Check]:
    """What the wheel of a build tells."""
    platform = wheel.platform
    yield from _cuda(row, wheel, seen)
    if platform.startswith("linux-"):
        for name, title in PINNED.items():
            says = wheel.cudnn if name == "cudnn" else wheel.nccl
            yield _pin(row, name, title, says, platform, seen)
    kernels = None if wheel.sass is None else cells.Kernels(wheel.sass, wheel.ptx)
    yield _kernels((*row, platform, "architectures"), kernels, seen, evidence)


def _cuda(row: tuple[str, ...], wheel: Wheel, seen: Seen | Missing) -> Iterator[Check]:
    cell, platform = (*row, "cuda"), wheel.platform
    if isinstance(seen, Missing):
        yield Check(cell, wheel.cuda, seen, about=platform)
        return
    found = cells.toolkit(seen.contents, platform)
    if wheel.cuda is None or found is None or found.exact or minor(wheel.cuda) != minor(found.version):
        version = None if found is None else found.version
        # "10.2.0" and "10.2" are one toolkit.
        same = wheel.cuda is not None and version is not None and parts(wheel.cuda) == parts(version)
        yield Check(cell, wheel.cuda, wheel.cuda if same else version, seen.filename, about=platform)
        return
    told = "{}.{}".format(*minor(found.version))
    yield Check(cell, told, told, seen.filename, about=platform)
    if parts(wheel.cuda) != parts(told):
        unsaid = Missing("the wheel tells the minor release of its CUDA, not the patch release")
        yield Check(cell, wheel.cuda, unsaid, about=f"{platform}, patch release")


def _pin(row: tuple[str, ...], name: str, title: str, says: str | None, platform: str, seen: Seen | Missing) -> Check:
    if isinstance(seen, Missing):
        return Check((*row, name), says, seen, about=platform)
    found = cells.library(seen.contents, name, platform)
    return Check((*row, name), says, found or Missing(f"the wheel pins no {title}"), seen.filename, about=platform)


def _kernels(path: tuple[str, ...], says: Value | None, seen: Seen | Missing, evidence: Evidence) -> Check:
    if isinstance(seen, Missing):
        return Check(path, says, seen)
    untold = (
        "the wheel does not tell its architectures" if evidence.architectures else "architecture lists were left out"
    )
    return Check(path, says, cells.kernels(seen.contents) or Missing(untold), seen.filename)


def _on_the_channel(row: tuple[str, ...], release: Release, wheel: Wheel, evidence: Evidence) -> Iterator[Check]:
    """Whether a channel of the wheel index has the build, and for which Pythons."""
    files = evidence.release(wheel.channel, "torch", release.version)
    cell = (*row, wheel.platform)
    if isinstance(files, Missing):
        yield Check(cell, PUBLISHED, files)
        return
    here = tuple(file for file in files if file.platform == wheel.platform)
    planned = wheel.standing == "planned"
    if here and planned:
        yield Check((*row, "standing"), wheel.standing, PUBLISHED, PAGE, about=wheel.platform)
    elif planned:
        yield Check(cell, PUBLISHED, Missing("announced, and not on the index"))
    else:
        yield Check(cell, PUBLISHED, PUBLISHED if here else gap(evidence, wheel.channel) or NOT_PUBLISHED, PAGE)
    if here:
        says = release.pythons.get(wheel.platform, ())
        found = all_tags(says, cells.python_tags(here), evidence, wheel.channel)
        yield Check((*cell, "python"), says or None, found, PAGE)


def _told(files: tuple[PublishedFile, ...] | Missing) -> tuple[PublishedFile, ...] | Missing:
    """What a page tells of a release; nothing where the release is not there, which is told once."""
    return files if isinstance(files, Missing) or files else Missing("the release is not on the index")


def _read(
    path: tuple[str, ...], says: Value | None, seen: Seen | Missing, value: Callable[[WheelContents], Value | None]
) -> Check:
    """A cell that one wheel tells."""
    if isinstance(seen, Missing):
        return Check(path, says, seen)
    return Check(path, says, value(seen.contents), seen.filename)
