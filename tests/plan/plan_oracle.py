"""Which builds a described machine can use, worked out from rows of the matrix alone.

Written apart from the planner, and only for what the grid holds, so that a mistake has to be made twice to pass.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envdoctor.matrix.load import load_matrix

if TYPE_CHECKING:
    from envdoctor.matrix.tables import Release, Wheel

MATRIX = load_matrix()
BUILDS = [
    (release, wheel)
    for release in MATRIX.releases
    for wheel in MATRIX.wheels(release.version)
    if wheel.channel != "cpu" and wheel.standing != "planned"
]
OWN_CUBINS_ONLY = {(6, 2), (7, 2), (8, 7), (10, 1)}


class Described(NamedTuple):
    """A machine of the grid: `torch` is what is installed ("2.9.1+cu128"), `wish` what is asked for."""

    driver: str
    capabilities: tuple[str, ...]
    python: str
    platform: str
    wish: str | None
    torch: str | None

    @property
    def tag(self) -> str:
        """Its Python tag."""
        return "cp" + "".join(self.python.split(".")[:2])


@cache
def runs(driver: str, capabilities: tuple[str, ...], tag: str, platform: str) -> list[tuple[Release, Wheel]]:
    """The builds that such a machine runs on all of its GPUs."""
    gpus = [(int(major), int(minor)) for major, minor in (text.split(".") for text in capabilities)]
    if not all(driver_runs_gpu(driver, gpu) for gpu in gpus):
        return []
    return [
        (release, wheel)
        for release, wheel in BUILDS
        if wheel.platform == platform
        and tag in release.pythons.get(platform, ())
        and driver_runs_cuda(driver, wheel.cuda or "", platform)
        and all(has_kernels(wheel, gpu, driver) and cudnn_has(wheel, gpu) for gpu in gpus)
    ]


def allowed(row: Described, driver: str | None = None) -> list[tuple[Release, Wheel]]:
    """The builds a machine runs within the wish, with its own driver or another one."""
    return [
        (release, wheel)
        for release, wheel in runs(driver or row.driver, row.capabilities, row.tag, row.platform)
        if row.wish is None or meets(row.wish, release.version)
    ]


@cache
def meets(specifier: str, version: str) -> bool:
    """Whether a release meets a wish."""
    return SpecifierSet(specifier).contains(version)


def proven(wheel: Wheel) -> bool:
    """Whether a source that was read speaks for the build."""
    return {wheel.certainty, wheel.pins_certainty} <= {"verified", "sourced"}


def installed(row: Described) -> tuple[Release, Wheel] | None:
    """The build that is installed, where the platform has it."""
    return published(row.torch, row.platform) if row.torch else None


@cache
def published(torch: str, platform: str) -> tuple[Release, Wheel] | None:
    """The build of a version such as "2.9.1+cu128" for a platform."""
    release, _, channel = torch.partition("+")
    found = [one for one in BUILDS if (one[1].torch, one[1].channel, one[1].platform) == (release, channel, platform)]
    return found[0] if found else None


@cache
def branch(driver: str) -> int:
    """The driver branch: numbers of Windows drivers run on inside one."""
    number = int(driver.split(".")[0])
    return max(row.branch for row in MATRIX.driver_branches if row.branch <= number)


@cache
def answered(driver: str) -> Version:
    """The newest CUDA that a driver answers for."""
    return next(Version(row.cuda) for row in MATRIX.driver_branches if row.branch == branch(driver))


@cache
def last_branch(gpu: tuple[int, int]) -> int:
    """The last driver branch that runs a GPU."""
    return min(
        (row.last_branch for row in MATRIX.generations if gpu in row.capabilities and row.last_branch), default=9999
    )


def first_branch(gpu: tuple[int, int]) -> int:
    """The first driver branch that is known to run a GPU; 0 where none is named."""
    rows = [row.lowest_branch for row in MATRIX.generations if gpu in row.capabilities and row.lowest_branch]
    return max((int(row.driver) for row in rows), default=0)


@cache
def driver_runs_gpu(driver: str, gpu: tuple[int, int]) -> bool:
    """Whether a driver runs a GPU at all."""
    return first_branch(gpu) <= branch(driver) <= last_branch(gpu)


@cache
def driver_runs_cuda(driver: str, cuda: str, platform: str) -> bool:
    """Whether a driver runs programs of a CUDA: its own and older ones, and those of a major whose floor it reaches."""
    built = Version(cuda)
    if answered(driver).release[:2] >= built.release[:2]:
        return True
    floors = [row.windows if platform.startswith("windows") else row.linux
              for row in MATRIX.cuda_floors if row.major == built.major]  # fmt: skip
    return bool(floors) and Version(driver) >= Version(floors[0])


def has_kernels(wheel: Wheel, gpu: tuple[int, int], driver: str) -> bool:
    """Whether a wheel runs on a GPU: by machine code, or by PTX that the driver compiles and its libraries know."""
    for major, minor in wheel.sass or ():
        if (major, minor) == gpu:
            return True
        if major == gpu[0] and minor < gpu[1] and not {gpu, (major, minor)} & OWN_CUBINS_ONLY:
            return True
    first = [row.first_toolkit for row in MATRIX.generations if gpu in row.capabilities and row.first_toolkit]
    return (
        any(one <= gpu for one in wheel.ptx)
        and bool(first)
        and Version(first[0]) <= Version(wheel.cuda or "")
        and answered(driver).release[:2] >= Version(wheel.cuda or "").release[:2]
    )


def cudnn_has(wheel: Wheel, gpu: tuple[int, int]) -> bool:
    """Whether the wheel's cuDNN did not drop a GPU."""
    rows = [row for row in MATRIX.cudnn_support if wheel.cudnn and Version(row.since) <= Version(wheel.cudnn)]
    return not rows or gpu in OWN_CUBINS_ONLY or gpu >= min(rows[-1].capabilities)
