"""Every published wheel set of the matrix as a candidate, with the reason it was dropped.

The order states itself: rows whose source was read before inferred ones, machine code before PTX, sets that hold every
partner the environment has, the installed torch release, advertised channels, the newest release, the channel a plain
install gives, and last the newest CUDA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.serving import Obstacle, obstacle
from envdoctor.matrix.versions import parts
from envdoctor.model.machine import Wishes
from envdoctor.plan.partners import partner_version
from envdoctor.plan.wheel_index import index_url, local_version

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.model.plan import Target

PROVEN = ("verified", "sourced")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One wheel of one release; `obstacle` says why it does not serve, None where it does.

    `lacking` are the partners which the environment has and for which there is no release beside this one.
    """

    release: Release
    wheel: Wheel
    obstacle: Obstacle | None
    lacking: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether a source that was read says that this wheel exists and what it holds."""
        return self.wheel.certainty in PROVEN and self.wheel.pins_certainty in PROVEN

    @property
    def version(self) -> str:
        """The version to ask an installer for, local part included: 2.14.0+cu126."""
        return self.release.version + local_version(self.release.version, self.wheel.channel, self.wheel.platform)

    def target(self, base: str) -> Target:
        """Return it as a plan's target; `base` is the root of the wheel index or of a mirror of it."""
        from envdoctor.model.plan import Target

        return Target(
            torch=self.release.version,
            torchvision=self.release.torchvision,
            torchaudio=self.release.torchaudio,
            channel=self.wheel.channel,
            index_url=index_url(base, self.wheel.channel, self.wheel.platform),
        )


def candidates(
    matrix: Matrix, need: Need, wishes: Wishes | None = None, partners: tuple[str, ...] = ()
) -> list[Candidate]:
    """Return every wheel of the platform that a user could ask for, judged, oldest release first.

    The history of the matrix is not among them. Where GPUs are to be served these are the CUDA builds, otherwise the
    CPU builds. `partners` are those that should come along; one that was wished for and does not exist is an obstacle.
    """
    wished = wishes or Wishes()
    return [
        _judged(matrix, need, wished, partners, release, wheel)
        for release in matrix.releases
        if wished.torch is None or _admits(wished.torch, release.version)
        for wheel in matrix.wheels(release.version)
        if wheel.platform == need.platform and (wheel.cuda is not None) == need.cuda and wheel.standing != "planned"
    ]


def _judged(
    matrix: Matrix, need: Need, wishes: Wishes, partners: tuple[str, ...], release: Release, wheel: Wheel
) -> Candidate:
    lacking = tuple(name for name in partners if partner_version(matrix, name, release, wheel) is None)
    problem = obstacle(matrix, release, wheel, need)
    refused = next((name for name in lacking if name in wishes.partners), None)
    if problem is None and refused:
        problem = Obstacle("partner", f"no {refused} was released for torch {release.version} from {wheel.channel}")
    return Candidate(release, wheel, problem, lacking)


def best(found: list[Candidate], installed: str | None, need: Need) -> Candidate | None:
    """Return the candidate that serves and changes least; `installed` is the public version of the present torch."""
    serving = [candidate for candidate in found if candidate.obstacle is None]
    return max(serving, key=lambda candidate: _merit(candidate, installed, need), default=None)


def _merit(candidate: Candidate, installed: str | None, need: Need) -> tuple[object, ...]:
    release, wheel = candidate.release, candidate.wheel
    return (
        candidate.proven,
        all(kernels_for(wheel.sass or (), (), capability) for capability in need.capabilities),
        -len(candidate.lacking),
        release.version == installed,
        wheel.standing != "unadvertised",
        parts(release.version),
        release.default_channel.get(need.platform) == wheel.channel,
        parts(wheel.cuda or "0"),
    )


def _admits(specifier: str, version: str) -> bool:
    """Whether a version meets a specifier such as `>=2.6,<2.9`, `2.9.1` or `2.9`."""
    from packaging.specifiers import SpecifierSet

    if specifier[0].isdigit():
        specifier = f"=={specifier}" if specifier.count(".") > 1 else f"=={specifier}.*"
    return SpecifierSet(specifier).contains(version)
