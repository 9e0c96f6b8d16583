"""Which tags NVIDIA's CUDA images have: what is wrong with one that does not exist, and the one next to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.cuda_images import FLAVOURS
from envdoctor.matrix.versions import minor, older, parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.matrix.cuda_images import CudaImages
    from envdoctor.rules.declared.image_references import CudaTag

TWO_NUMBERS_UNTIL = (11, 1)
"""The last CUDA of which NVIDIA's tags had two numbers ("11.1-devel-ubuntu20.04"): deleted, as all that is so old."""

RECENT = 3
"""The newest minors of the rows: they may have got updates and systems since the rows were read."""


class Wrong(NamedTuple):
    """Why a tag does not exist, and the nearest that does, "" where none is near. `deleted` where there was such a tag.

    `alike` where the nearest differs by less than its CUDA, its cuDNN or its system.
    """

    why: str
    right: str
    alike: bool
    deleted: bool = False


def wrong_with(told: CudaTag, rows: Sequence[CudaImages]) -> Wrong | None:
    """Return what is wrong with a tag of nvidia/cuda; None where it exists, or where `rows` cannot tell."""
    if not rows:
        return None
    row = next((one for one in rows if one.cuda == told.cuda), None)
    if row and told.in_order and row.has(told.cudnn, told.flavour, told.system):
        return None
    if _may_be_newer(told, row, rows):
        return None
    best = _nearest(told, rows)
    right, alike = "", False
    if best:
        system, cudnn = _system_in(best, told), best.cudnn if told.cudnn else ""
        right = best.tag(cudnn, _flavour(told), system)
        alike = minor(best.cuda) == minor(told.cuda) and system == told.system and bool(told.flavour)
        alike = alike and cudnn in (told.cudnn, "cudnn")
    old = row is None and minor(told.cuda) <= TWO_NUMBERS_UNTIL
    if old or (row and told.in_order and row.had(told.cudnn, told.flavour, told.system)):
        return Wrong(f"NVIDIA has deleted its images of CUDA {told.cuda} by its support policy", right, alike, True)
    return Wrong(_why(told, row, rows), right, alike)


def _may_be_newer(told: CudaTag, row: CudaImages | None, rows: Sequence[CudaImages]) -> bool:
    """Whether a tag may have come after the rows were read."""
    recent = sorted({minor(one.cuda) for one in rows})[-RECENT:]
    if row is not None:
        known = {*row.systems, *row.gone, ""}
        return minor(row.cuda) in recent and told.system not in known
    if told.cuda.count(".") < 2:
        return False
    of_minor = [one.cuda for one in rows if minor(one.cuda) == minor(told.cuda)]
    if of_minor:
        return minor(told.cuda) in recent and older(of_minor[-1], told.cuda)
    return minor(told.cuda) > recent[-1]


def _flavour(told: CudaTag) -> str:
    return "runtime" if not told.flavour or (told.cudnn and told.flavour == "base") else told.flavour


def _system_in(row: CudaImages, told: CudaTag) -> str:
    """Return the system of a release next to the one told: the same, its family's newest, Ubuntu's newest."""
    able = [one for one in row.systems if not told.cudnn or one not in row.without_cudnn]
    if told.system in able:
        return told.system
    family = told.system.rstrip("0123456789.")
    same = [one for one in able if family and one.startswith(family)] or [one for one in able if "ubuntu" in one]
    return (same or able)[-1]


def _nearest(told: CudaTag, rows: Sequence[CudaImages]) -> CudaImages | None:
    """Return the release with the fewest differences, of the same major: CUDA first, then system, then update."""

    def distance(one: CudaImages) -> tuple[int, bool, bool, int, int]:
        patch = (*parts(told.cuda), 0, 0)[2]
        own = (*parts(one.cuda), 0, 0)[2]
        asked = told.cuda.count(".") > 1 and minor(one.cuda) == minor(told.cuda)
        return (
            abs(minor(one.cuda)[1] - minor(told.cuda)[1]),
            bool(told.system) and _system_in(one, told) != told.system,
            bool(told.cudnn) and told.cudnn != one.cudnn,
            abs(own - patch) if asked else 0,
            -own,
        )

    if minor(told.cuda) > minor(rows[-1].cuda):
        return None
    able = [
        one
        for one in rows
        if minor(one.cuda)[0] == minor(told.cuda)[0]
        and any(not told.cudnn or (one.cudnn and system not in one.without_cudnn) for system in one.systems)
    ]
    return min(able, key=distance) if able else None


def _why(told: CudaTag, row: CudaImages | None, rows: Sequence[CudaImages]) -> str:
    of_minor = [one.cuda for one in rows if minor(one.cuda) == minor(told.cuda)]
    listed = " and ".join(filter(None, (", ".join(of_minor[:-1]), *of_minor[-1:])))
    if row is None:
        if told.cuda.count(".") < 2:
            known = f": {listed}" if listed else ""
            return f"its tags carry all three numbers of the CUDA release{known}"
        two = "{}.{}".format(*minor(told.cuda))
        return f"of CUDA {two} there are images of {listed}" if listed else f"there are no images of CUDA {two}"
    if not told.system:
        return f"its tags end with a system, for CUDA {row.cuda} one of {', '.join(row.systems or row.gone)}"
    if not told.flavour:
        return f"its tags name one of {', '.join(FLAVOURS)}"
    if told.system not in (*row.systems, *row.gone):
        return f"CUDA {row.cuda} is there for {', '.join(row.systems or row.gone)}"
    if told.cudnn and not row.cudnn:
        return f"the images of CUDA {row.cuda} come without cuDNN"
    if told.cudnn and told.flavour == "base":
        return "the images named base come without cuDNN"
    if told.cudnn and told.system in row.without_cudnn:
        return f"for {told.system} the images of CUDA {row.cuda} come without cuDNN"
    if told.cudnn != row.cudnn and told.cudnn:
        return f"with CUDA {row.cuda} the word for cuDNN is {row.cudnn}"
    return "its tags are put together of release, cuDNN, base or runtime or devel, and system, in this order"
