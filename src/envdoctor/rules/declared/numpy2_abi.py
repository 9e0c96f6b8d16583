"""NumPy 2 demanded beside a torch that was built for NumPy 1.

NumPy left open beside such a torch is no finding: another package, or a constraint elsewhere, mostly bounds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import older
from envdoctor.model.place import Amendment
from envdoctor.rules.declared.bounds import admits, read, together
from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.releases import torch_of_image, wanted
from envdoctor.rules.declared.worlds import worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw, Requirement
    from envdoctor.rules.declared.worlds import World

LAST_NUMPY_1 = "1.26.4"
"""The last release of NumPy 1."""


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Look for an environment in which no admissible torch works with any admissible NumPy."""
    for world in worlds(case, matrix, ("torch", "numpy")):
        numpy = world.of("numpy")
        if not numpy or not _is_two(numpy):
            continue
        found = wanted(matrix, world.of("torch"))
        image = None if world.of("torch") else torch_of_image(case.base)
        if found is not None and found.newer:
            continue
        torches = found.releases if found else (image,) if image else ()
        since = min((one for one in map(matrix.numpy2.since, _systems(world)) if one), default=None)
        if not torches or since is None or not all(older(one, since) for one in torches):
            continue
        message = (
            f"torch {torches[-1]} was built for NumPy 1, and NumPy 2 is asked for ({numpy[-1].written.strip()}): "
            f"`tensor.numpy()` and `torch.from_numpy` fail. Take numpy<2 ({LAST_NUMPY_1} is the last), or torch "
            f"{since} or newer."
        )
        yield RULE.flaw("numpy", message, numpy[-1].place, *_amended(numpy[-1]))
        return


def _is_two(numpy: tuple[Requirement, ...]) -> bool:
    """Whether what is demanded of NumPy leaves 2.0 and newer alone."""
    specifier = together(one.specifier for one in numpy)
    bounds = read(specifier) if specifier else None
    if bounds is None or bounds.lowest is None:
        return False
    return (
        bounds.lowest[0] != "0" and int(bounds.lowest.partition(".")[0]) >= 2 and not admits(bounds.text, LAST_NUMPY_1)
    )


def _systems(world: World) -> set[str]:
    return {place.os for place in world.environments}


def _amended(numpy: Requirement) -> tuple[Amendment, ...]:
    """Write the last NumPy 1 in the place of a pin, and a bound in the place of bounds."""
    bounds = read(numpy.specifier or "")
    if bounds and bounds.exact and bounds.exact in numpy.written:
        return (Amendment(numpy.place, bounds.exact, LAST_NUMPY_1),)
    if numpy.written.startswith("numpy") and numpy.manager == "pip":
        return (Amendment(numpy.place, numpy.written, "numpy<2", safe=False),)
    return ()


RULE = DeclaredRule(judge)
