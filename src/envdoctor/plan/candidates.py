"""Every published wheel set of the matrix, or every build of conda-forge, with each constraint it breaks."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.conda import CONDA_FORGE, build_string
from envdoctor.matrix.remember import remembered
from envdoctor.matrix.serving import NO_GLIBC, Obstacle, obstacles
from envdoctor.matrix.tables import CERTAINTIES
from envdoctor.plan.conda_builds import conda_wheels
from envdoctor.plan.partners import partner_version
from envdoctor.plan.terms import Terms, broken_terms, strained
from envdoctor.plan.wheel_index import index_url, local_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.matrix.tables import Certainty, Release, Wheel
    from envdoctor.model.pin import Pin
    from envdoctor.model.plan import Target, Weighed

PROVEN = ("verified", "sourced")
NO_TERMS = Terms()


class Candidate(NamedTuple):
    """One wheel of one release; `obstacles` says why it does not serve, empty where it does.

    `partners` are the packages that would come along, with their versions; None where there is no release of one beside
    this torch. `strained` are the pins that it does not meet and the installed set does not either.
    """

    release: Release
    wheel: Wheel
    obstacles: tuple[Obstacle, ...] = ()
    partners: tuple[tuple[str, str | None], ...] = ()
    strained: tuple[Pin, ...] = ()

    @property
    def obstacle(self) -> Obstacle | None:
        """The first constraint that it breaks; None where it serves."""
        return self.obstacles[0] if self.obstacles else None

    @property
    def constraints(self) -> frozenset[str]:
        """The names of the constraints it breaks."""
        return frozenset(broken.constraint for broken in self.obstacles)

    @property
    def lacking(self) -> tuple[str, ...]:
        """The partners that should come along and have no release beside this one."""
        return tuple(name for name, version in self.partners if version is None)

    def lack(self, partner: str) -> str:
        """Say why a partner does not come along."""
        own = {"torchvision": self.release.torchvision, "torchaudio": self.release.torchaudio}[partner]
        if own is not None:
            return f"{partner} {own}, which goes with torch {self.version}, has no wheel for this Python"
        return f"no {partner} was released for torch {self.version}"

    @property
    def proven(self) -> bool:
        """Whether a source that was read says that this wheel exists and what it holds."""
        return self.certainty in PROVEN

    @property
    def certainty(self) -> Certainty:
        """How far its row is to be trusted: the weaker of what is said of its kernels and of its versions."""
        return max(self.wheel.certainty, self.wheel.pins_certainty, key=CERTAINTIES.index)

    @property
    def version(self) -> str:
        """The version to ask an installer for, local part included: 2.14.0+cu126."""
        return _version(self.release.version, self.wheel.channel, self.wheel.platform)

    @property
    def of_conda(self) -> bool:
        """Whether it is a build of conda-forge, no wheel."""
        return self.wheel.channel == CONDA_FORGE

    @property
    def build(self) -> str:
        """What tells it from other builds of the release: the channel of a wheel, "cu126", or conda's "cuda129"."""
        return build_string(self.wheel.cuda).rstrip("*") if self.of_conda else self.wheel.channel

    def target(self, base: str) -> Target:
        """Return it as a plan's target; `base` is the root of the wheel index or of a mirror of it.

        conda-forge's partners are releases of its own choice, which the matrix does not know.
        """
        from envdoctor.model.plan import Target

        return Target(
            torch=self.release.version,
            torchvision=None if self.of_conda else self.release.torchvision,
            torchaudio=None if self.of_conda else self.release.torchaudio,
            channel=self.wheel.channel,
            index_url=index_url(base, self.wheel.channel, self.wheel.platform),
        )


@lru_cache(maxsize=1024)
def _version(release: str, channel: str, platform: str) -> str:
    return release + local_version(release, channel, platform)


def candidates(matrix: Matrix, need: Need, terms: Terms = NO_TERMS) -> list[Candidate]:
    """Return every build of the platform that a user could ask the builder of `terms` for, judged, oldest first.

    The history of the matrix is not among them, nor what was announced and not seen on the index. Where GPUs are to be
    served these are the CUDA builds, otherwise the CPU builds.
    """
    return [one for one in _judged(matrix, need, terms) if one.wheel.standing != "planned"]


def weighed(matrix: Matrix, need: Need, terms: Terms = NO_TERMS) -> tuple[Weighed, ...]:
    """Return what `candidates` returns, and the announced builds, as the rows of a plan."""
    from envdoctor.model.plan import Weighed

    rows = []
    for one in _judged(matrix, need, terms):
        reasons = [broken.text for broken in one.obstacles]
        if one.wheel.standing == "planned":
            reasons = ["announced, not seen on the index"]
        version = f"{one.version}={one.build}" if one.of_conda else one.version
        rows.append(Weighed(version, one.wheel.channel, tuple(reasons), one.certainty))
    return tuple(rows)


def lifted(found: Iterable[Candidate], *constraints: str) -> list[Candidate]:
    """Return candidates as they would be judged without some constraints ("wish:torch", "driver")."""
    return [
        one._replace(obstacles=tuple(broken for broken in one.obstacles if broken.constraint not in constraints))
        if any(broken.constraint in constraints for broken in one.obstacles)
        else one
        for one in found
    ]


@remembered(most=16)
def _judged(matrix: Matrix, need: Need, terms: Terms) -> tuple[Candidate, ...]:
    """Return every build with what it breaks: constraints of the machine first, then terms.

    A few machines are kept, since a plan asks about each again and again.
    """
    fitting = _fitting(matrix, need, terms.partners, terms.builder)
    if not terms.demanding:
        return fitting
    return tuple(
        Candidate(
            one.release,
            one.wheel,
            (*one.obstacles, *broken_terms(terms, one)),
            one.partners,
            strained(terms, one) if terms.loose else (),
        )
        for one in fitting
    )


@remembered(most=16)
def _fitting(matrix: Matrix, need: Need, partners: tuple[str, ...], builder: str) -> tuple[Candidate, ...]:
    """Return every build with what it breaks on a machine."""
    if builder == CONDA_FORGE and need.glibc != NO_GLIBC:
        need = replace(need, glibc=None)  # the floors are those of wheels; conda looks at those of its builds itself
    return tuple(
        Candidate(one.release, one.wheel, obstacles(matrix, one.release, one.wheel, need) + one.obstacles, one.partners)
        for one in _builds(matrix, need.platform, need.cuda, need.python_tag, partners, builder)
    )


@remembered()
def _builds(
    matrix: Matrix, platform: str, cuda: bool, python_tag: str | None, partners: tuple[str, ...], builder: str
) -> tuple[Candidate, ...]:
    """Return the CUDA or the CPU builds of a platform with their partners, oldest release first, not judged.

    What an organisation withholds is an obstacle to a plan on every machine, and to nothing that is installed. A build
    of conda-forge names no partners: conda finds those that were built for it.
    """
    of_conda = builder == CONDA_FORGE
    return tuple(
        Candidate(
            release,
            wheel,
            (Obstacle("withheld", f"torch {release.version} is withheld: {release.withheld}"),)
            if release.withheld
            else (),
            partners=()
            if of_conda
            else tuple((name, partner_version(matrix, name, release, wheel, python_tag)) for name in partners),
        )
        for release in matrix.releases
        for wheel in (conda_wheels(matrix, release.version) if of_conda else matrix.wheels(release.version))
        if wheel.platform == platform and (wheel.cuda is not None if of_conda else wheel.channel != "cpu") == cuda
    )
