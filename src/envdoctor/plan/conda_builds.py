"""The builds of conda-forge in the form of wheels, so that one predicate judges both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.conda import CONDA_FORGE
from envdoctor.matrix.tables import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.conda import CondaBuild
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Certainty
    from envdoctor.model.machine import Capability


def conda_wheels(matrix: Matrix, torch: str) -> tuple[Wheel, ...]:
    """Return conda-forge's builds of a torch release, for each CUDA and for the CPU; empty where none is known.

    Those for Tegra alone are left out. Of rows that differ by build number the last counts, which conda prefers.
    """
    rows = sorted(matrix.conda_builds(torch), key=lambda build: build.first_build)
    newest = {(platform, row.cuda): row for row in rows if not row.tegra for platform in row.platforms}
    built = [_wheel(row, platform, row.cuda) for (platform, _), row in newest.items()]
    return (*built, *_for_the_cpu(matrix, torch, rows))


def _for_the_cpu(matrix: Matrix, torch: str, rows: list[CondaBuild]) -> Iterator[Wheel]:
    """The recipe that makes the CUDA builds makes one without, on every platform of the release."""
    release = matrix.release(torch)
    for platform in release.platforms if release and rows else ():
        yield _wheel(rows[0], platform, None)


def _wheel(row: CondaBuild, platform: str, cuda: str | None) -> Wheel:
    sass: tuple[Capability, ...] = row.sass if cuda else ()
    certainty: Certainty = row.certainty if cuda else "inferred"
    return Wheel(
        torch=row.torch,
        channel=CONDA_FORGE,
        platform=platform,
        cuda=cuda,
        cudnn=None,
        nccl=None,
        sass=sass,
        ptx=row.ptx if cuda else (),
        standing="stable",
        source=row.source,
        certainty=certainty,
        pins_source=row.source,
        pins_certainty=certainty,
        cudnn_source=row.source,
    )
