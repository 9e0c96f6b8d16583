"""No wheel of any torch that is demanded for any Python that is declared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.place import Amendment
from envdoctor.rules.declared.bounds import read
from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.releases import PARTNERS, fits, known, partner_for, release, wanted
from envdoctor.rules.declared.stated_cuda import CONDA_PACKAGE
from envdoctor.rules.declared.worlds import environments, minor_of, worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw, Requirement
    from envdoctor.rules.declared.worlds import Environment, World

NAMES = ("torch", *PARTNERS)


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Look for a Python among those declared for which a release that is demanded has a wheel."""
    if not case.pythons:
        return
    everywhere = environments(case, matrix)
    worst = None
    for world in worlds(case, matrix, NAMES):
        torches = _torches(world, matrix)
        if torches is None or not torches[0]:
            return
        if any(
            _serves(matrix, version, place, _ahead(case, world))
            for version in torches[0]
            for place in world.environments
        ):
            return
        worst = worst or (world, *torches)
    # Where markers leave an environment without torch, nothing is asked of it.
    if worst is None or not everywhere:
        return
    world, versions, said = worst
    flaw = _flaw(case, world, versions, said, matrix)
    if flaw:
        yield flaw


def _torches(world: World, matrix: Matrix) -> tuple[tuple[str, ...], Requirement] | None:
    """Return the releases of torch that are demanded, by itself or by a pinned partner; None where that is open."""
    for name in NAMES:
        said = world.of(name)
        found = wanted(matrix, said)
        if said and found is None:
            return None
        if found is None or (not found.bounds.text and name == "torch"):
            continue
        if found.newer:
            return None
        if name == "torch":
            return found.releases, said[-1]
        torches = [one for one in known(matrix, "torch") if any(fits(matrix, name, one, v) for v in found.releases)]
        return tuple(torches), said[-1]
    return None


def _tags(matrix: Matrix, version: str, platform: str) -> tuple[str, ...] | None:
    """Return the Python tags of a release on a platform; None where they are not known."""
    row = release(matrix, version)
    tags = row.pythons.get(platform) if row else None
    return None if row is None or tags == () else tags or ("",)


def _newest_minor(matrix: Matrix, version: str, platform: str) -> int:
    """Return the newest Python for which a release, or a later one where nothing is known of it, has a wheel.

    No release was built for a Python that came after the next one.
    """
    versions = known(matrix, "torch")
    for later in versions[versions.index(version) :]:
        tags = _tags(matrix, later, platform)
        if tags is not None and any(tags):
            return max(minor_of(tag) for tag in tags if tag)
    return 0


def _serves(matrix: Matrix, version: str, place: Environment, ahead: int) -> bool:
    """Whether a release has a wheel for an environment, or may have a build up to `ahead` Pythons newer."""
    tags = _tags(matrix, version, place.platform)
    if tags is None:
        return place.minor <= _newest_minor(matrix, version, place.platform) + ahead
    minors = [minor_of(tag) for tag in tags if tag]
    return place.minor in minors or (bool(minors) and max(minors) < place.minor <= max(minors) + ahead)


def _ahead(case: Case, world: World) -> int:
    """Return how many Pythons conda-forge may be ahead of the wheels.

    Its recipe built torch 2.1 for Python 3.12 and the wheels did not. PyTorch's own channel, which `pytorch-cuda` is
    of, has the Pythons of the wheels.
    """
    conda = any(one.manager == "conda" for one in world.requirements)
    return 1 if conda and not any(CONDA_PACKAGE in one.written for one in case.cudas) else 0


def _flaw(case: Case, world: World, versions: tuple[str, ...], said: Requirement, matrix: Matrix) -> Flaw | None:
    platforms = {place.platform for place in world.environments}
    tags = {tag for one in versions for platform in platforms for tag in _tags(matrix, one, platform) or () if tag}
    minors = sorted({minor_of(tag) for tag in tags})
    if not minors:
        return None
    declared = sorted({place.minor for place in world.environments})
    first = _first_with(matrix, declared[0] if declared[0] > minors[-1] else declared[-1], platforms)
    python = case.pythons[-1]
    lower = declared[0] > minors[-1]
    nearest = minors[-1] if lower else minors[0]
    what = "torch " + (versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}")
    also = f"; torch {first} is the first with wheels for 3.{declared[0]}" if first and lower else ""
    message = (
        f"{what} has wheels for Python 3.{minors[0]} to 3.{minors[-1]}, and none for the Python that is declared "
        f"({_plainly(python.specifier)}). Take Python 3.{nearest}{also}."
    )
    amendments = [Amendment(python.place, old, new, safe=False) for old, new in _other_python(case, nearest)]
    if not amendments and first and lower:
        amendments = _other_torch(world, first, matrix)
    return RULE.flaw("torch", message, said.place, *amendments)


def _plainly(specifier: str) -> str:
    return re.sub(r"^===?|\.\*$", "", specifier)


def _other_python(case: Case, minor: int) -> Iterator[tuple[str, str]]:
    """Yield the written Python that is one version, and what to write for it."""
    wish = case.pythons[-1]
    found = re.fullmatch(r"==(3\.\d{1,2})(\.\d{1,2})?(\.\*)?", wish.specifier)
    if found:
        exact = found[1] + (found[2] or "")
        written = exact if exact in wish.written else found[1] if found[1] in wish.written else None
        if written:
            yield written, f"3.{minor}"


def _other_torch(world: World, first: str, matrix: Matrix) -> list[Amendment]:
    """Write the first torch that serves, and the partners of it, in the place of pins."""
    found = []
    for one in world.requirements:
        bounds = read(one.specifier or "")
        right = first if one.name == "torch" else partner_for(matrix, one.name, first)
        if bounds is None or bounds.exact is None or bounds.exact not in one.written or right is None:
            return []
        found.append(Amendment(one.place, bounds.exact, right, safe=False))
    return found


def _first_with(matrix: Matrix, minor: int, platforms: set[str]) -> str | None:
    """Return the first release with a wheel for a Python on one of the platforms."""
    for version in known(matrix, "torch"):
        for platform in platforms:
            tags = _tags(matrix, version, platform)
            if tags and any(minor_of(tag) == minor for tag in tags if tag and not tag.endswith("t")):
                return version
    return None


RULE = DeclaredRule(judge)
