"""What must hold for rows on container images, conda packages and Jetson boards; `laws` runs these with its own."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.reading import PLATFORMS
from envdoctor.matrix.versions import minor, older

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envdoctor.matrix.conda import CondaBuild
    from envdoctor.matrix.matrix import Matrix

_NGC = re.compile(r"nvcr\.io/nvidia/pytorch:(\d\d\.(0[1-9]|1[0-2]))-py3", re.ASCII)
_BETWEEN_RELEASES = re.compile(r"(\d+\.\d+\.\d+)a\d+(\+[0-9a-z.]+)?", re.ASCII)


def architectures_named(matrix: Matrix) -> Iterator[str]:
    """The lists of [architectures] that rows on conda packages refer to."""
    rows = matrix.root.listed("conda_forge") if "conda_forge" in matrix.root.cells else []
    yield from (row.text("architectures") for row in rows)


def an_image_holds_a_wheel(matrix: Matrix) -> Iterator[str]:
    """An image's CUDA is a channel of its torch on linux-x86_64; no tag stands twice."""
    for image in matrix.images:
        if matrix.release(image.torch) is None:
            yield f"{image.tag}: torch {image.torch} has no row"
        elif matrix.wheel(image.torch, image.channel, "linux-x86_64") is None:
            yield f"{image.tag}: torch {image.torch} has no {image.channel} build"
    yield from _twice(image.tag for image in matrix.images)


def an_ngc_image_is_of_a_month(matrix: Matrix) -> Iterator[str]:
    """NVIDIA's images stand oldest first; each holds torch of a day before a release that has a row."""
    months = []
    for image in matrix.ngc_images:
        tag, torch = _NGC.fullmatch(image.tag), _BETWEEN_RELEASES.fullmatch(image.torch)
        if tag is None:
            yield f"{image.tag}: is not nvcr.io/nvidia/pytorch:YY.MM-py3"
        else:
            months.append(tag[1])
        if torch is None or torch[1] not in matrix.versions:
            yield f"{image.tag}: torch {image.torch} is not of a day before a release"
    yield from (f"{later} stands after {month}" for month, later in pairwise(months) if later <= month)


def cuda_images_are_of_releases(matrix: Matrix) -> Iterator[str]:
    """Releases of CUDA have three numbers and stand oldest first, with every system once."""
    for one in matrix.cuda_images:
        where = f"nvidia/cuda {one.cuda}"
        if len(one.cuda.split(".")) != 3:
            yield f"{where}: has not three numbers"
        yield from (f"{where}: {name}" for name in _twice((*one.systems, *one.gone)))
        yield from (f"{where}: {name} is no system of it" for name in one.without_cudnn if name not in one.systems)
    releases = [one.cuda for one in matrix.cuda_images]
    yield from (f"nvidia/cuda {later} stands after {cuda}" for cuda, later in pairwise(releases) if older(later, cuda))


def conda_builds_are_possible(matrix: Matrix) -> Iterator[str]:
    """A conda build's torch and platform are known, its toolkit compiles for all it lists, and no row stands twice."""
    for build in matrix.conda_forge:
        where = _named(build)
        if build.torch not in matrix.versions:
            yield f"{where}: torch {build.torch} has no row"
        yield from (f"{where}: {name!r} is not a platform" for name in build.platforms if name not in PLATFORMS)
        if not build.sass or list(build.sass) != sorted(set(build.sass)) or not set(build.ptx) <= set(build.sass):
            yield f"{where}: not in order"
        for capability in build.sass:
            first, last = matrix.first_toolkit(capability), matrix.last_toolkit(capability)
            if first is not None and minor(build.cuda) < minor(first):
                yield f"{where}: {capability} before CUDA {first}"
            if last is not None and minor(build.cuda)[0] > minor(last)[0]:
                yield f"{where}: {capability} after CUDA {last}"
    yield from _twice(f"{_named(build)} {name}" for build in matrix.conda_forge for name in build.platforms)


def the_conda_channel_ended_with_a_release(matrix: Matrix) -> Iterator[str]:
    """The last release on PyTorch's own conda channel has a row."""
    end = matrix.conda_channel_end
    if end is not None and end.last not in matrix.versions:
        yield f"torch {end.last} has no row"


def a_jetson_source_serves_its_board(matrix: Matrix) -> Iterator[str]:
    """Rows ascend by Jetson Linux, one for a board; where we know the builds of the place, one has its kernels."""
    for one, other in pairwise(matrix.jetson_sources):
        if other.l4t < one.l4t or older(other.cuda, one.cuda):
            yield f"Jetson Linux {other.l4t} with CUDA {other.cuda} stands after {one.l4t} with {one.cuda}"
    yield from _twice(f"Jetson Linux {row.l4t} {row.capability}" for row in matrix.jetson_sources)
    for row in matrix.jetson_sources:
        known = {
            "pytorch": [
                (wheel.sass or (), wheel.ptx)
                for version in matrix.versions
                for wheel in matrix.wheels(version)
                if wheel.channel == row.channel and wheel.platform == "linux-aarch64"
            ],
            "conda-forge": [
                (build.sass, build.ptx)
                for build in matrix.conda_forge
                if build.cuda == row.channel and "linux-aarch64" in build.platforms
            ],
        }.get(row.place)
        if known is not None and not any(kernels_for(*kernels, row.capability) == "sass" for kernels in known):
            yield f"Jetson Linux {row.l4t}: {row.place} {row.channel} holds no kernels for {row.capability}"


def _named(build: CondaBuild) -> str:
    variant = " tegra" if build.tegra else ""
    return f"conda-forge {build.torch} CUDA {build.cuda}{variant} from build {build.first_build}"


def _twice(names: Iterable[str]) -> Iterator[str]:
    seen = set()
    for name in names:
        if name in seen:
            yield f"{name} stands twice"
        seen.add(name)


LAWS: tuple[Callable[[Matrix], Iterator[str]], ...] = (
    an_image_holds_a_wheel,
    an_ngc_image_is_of_a_month,
    cuda_images_are_of_releases,
    conda_builds_are_possible,
    the_conda_channel_ended_with_a_release,
    a_jetson_source_serves_its_board,
)
