"""What must hold of the builds of torch: channels, their CUDA, and the kernels they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.reading import CPU
from envdoctor.matrix.versions import minor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Wheel


def all_wheels(matrix: Matrix) -> tuple[Wheel, ...]:
    """Every build of every release, those of [history] first."""
    versions = (*matrix.past_versions, *matrix.versions)
    return tuple(wheel for version in versions for wheel in matrix.wheels(version))


def default_channel_is_a_build(matrix: Matrix) -> Iterator[str]:
    """What the package index gives by default on a platform is one of the builds of that platform."""
    releases = (*matrix.past_releases, *matrix.releases)
    for release in releases:
        for platform, channel in release.default_channel.items():
            if matrix.wheel(release.version, channel, platform) is None:
                yield f"torch {release.version}: no {channel} build for {platform}"
    of_version = {release.version: release for release in releases}
    for wheel in all_wheels(matrix):
        if wheel.platform not in of_version[wheel.torch].platforms:
            yield f"torch {wheel.torch}: {wheel.channel} for {wheel.platform}, which the release does not have"


def cuda_agrees_with_channel(matrix: Matrix) -> Iterator[str]:
    """The CUDA runtime of cu126 is a 12.6."""
    for wheel in all_wheels(matrix):
        if wheel.cuda is not None and "cu{}{}".format(*minor(wheel.cuda)) != wheel.channel:
            yield f"torch {wheel.torch}: {wheel.channel} with CUDA {wheel.cuda}"


def toolkit_compiles_for_architectures(matrix: Matrix) -> Iterator[str]:
    """No wheel carries code for a GPU that its toolkit does not know yet, or knows no more (13.x below 7.5)."""
    bounds = {c: row for row in matrix.generations for c in row.capabilities}
    for wheel in all_wheels(matrix):
        if wheel.cuda is None:
            continue
        for capability in (*(wheel.sass or ()), *wheel.ptx):
            row = bounds.get(capability)
            if row is None:
                continue
            where = f"torch {wheel.torch} {wheel.channel} {wheel.platform}: {capability[0]}.{capability[1]}"
            if row.first_toolkit is not None and minor(wheel.cuda) < minor(row.first_toolkit):
                yield f"{where} before CUDA {row.first_toolkit}"
            if row.last_toolkit is not None and minor(wheel.cuda)[0] > minor(row.last_toolkit)[0]:
                yield f"{where} after CUDA {row.last_toolkit}"


def kernels_are_listed_in_order(matrix: Matrix) -> Iterator[str]:
    """Architecture lists ascend; PTX is emitted beside machine code of the same architecture."""
    for wheel in all_wheels(matrix):
        sass, ptx = wheel.sass or (), wheel.ptx
        where = f"torch {wheel.torch} {wheel.channel} {wheel.platform}"
        if list(sass) != sorted(set(sass)) or list(ptx) != sorted(set(ptx)):
            yield f"{where}: not in order"
        if not set(ptx) <= set(sass):
            yield f"{where}: PTX without machine code"
        if (wheel.channel == CPU) != (sass == () and wheel.sass is not None):
            yield f"{where}: a CUDA build without kernels"


def what_nobody_saw_is_not_verified(matrix: Matrix) -> Iterator[str]:
    """A planned channel and a build whose kernels are unknown are `inferred` or `recalled`."""
    for wheel in all_wheels(matrix):
        proven = wheel.certainty in ("verified", "sourced")
        if proven and (wheel.sass is None or wheel.standing == "planned"):
            yield f"torch {wheel.torch} {wheel.channel} {wheel.platform}: {wheel.certainty}"


LAWS: tuple[Callable[[Matrix], Iterator[str]], ...] = (
    default_channel_is_a_build,
    cuda_agrees_with_channel,
    toolkit_compiles_for_architectures,
    kernels_are_listed_in_order,
    what_nobody_saw_is_not_verified,
)
