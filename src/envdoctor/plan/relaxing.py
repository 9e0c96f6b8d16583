"""What to give up so that some wheel fits: a wish, the Python, the C library, the driver as far as it runs the GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import parts
from envdoctor.plan.ordering import foremost
from envdoctor.plan.terms import DEMAND, PIN, WISH

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.plan.candidates import Candidate

DRIVER = frozenset({"gpu-driver", "ptx", "driver"})
"""What another driver may lift."""

CHANGEABLE = (WISH, PIN, DEMAND, "python", "glibc", *DRIVER)
"""Kinds of constraint that somebody can do something about: a GPU and a platform are what they are."""


def openings(matrix: Matrix, need: Need, found: list[Candidate], most: int) -> list[Candidate]:
    """Return the candidates that the fewest concessions open, proven and newest first: at most `most`.

    One for each set of constraints to give up; none that asks for what cannot be changed.
    """
    alike: dict[frozenset[str], list[Candidate]] = {}
    for one in found:
        alike.setdefault(one.constraints, []).append(one)
    opened: list[Candidate] = []
    changeable = (key for key in sorted(alike, key=len) if all(part.startswith(CHANGEABLE) for part in key))
    for constraints in changeable:
        if opened and len(constraints) > len(opened[0].constraints):
            break
        within = [one for one in alike[constraints] if all(lift(key, matrix, need, one) for key in constraints)]
        first = foremost(within, None, need)
        opened += [first] if first else []
    ordered: list[Candidate] = []
    while opened and len(ordered) < most:
        ordered.append(foremost(opened, None, need) or opened[0])
        opened.remove(ordered[-1])
    return ordered


def lift(constraint: str, matrix: Matrix, need: Need, one: Candidate) -> str | None:
    """Say what to change so that a candidate no longer breaks a constraint; None where that is not to be changed."""
    kind = constraint.partition(":")[0]
    if kind in (WISH, PIN, DEMAND):
        return "without it"
    if kind == "python":
        return f"with {_pythons(one, need)}"
    if kind == "glibc":
        major, minor = one.release.glibc[need.platform]
        return f"on a system with glibc {major}.{minor} or newer"
    if kind in DRIVER:
        driver = _driver(matrix, need, one)
        return f"with {driver}" if driver else None
    return None


def _driver(matrix: Matrix, need: Need, one: Candidate) -> str | None:
    """Return the driver that runs a candidate on every GPU; None where there is none, or JetPack brings it."""
    cuda = one.wheel.cuda
    if cuda is None or need.driver is None or need.jetson:
        return None
    floors = [matrix.driver_floor(cuda, need.driver_os)]
    floors += [floor.driver for floor in map(matrix.gpu_driver_floor, need.capabilities) if floor]
    if any(constraint.startswith("ptx:") for constraint in one.constraints):
        floors.append(matrix.toolkit_driver(cuda, need.driver_os))
    lasts = [last for last in map(matrix.last_driver_branch, need.capabilities) if last]
    lowest = max((floor for floor in floors if floor), key=parts, default=None)
    if lowest is None or (lasts and matrix.driver_branch(lowest) > min(lasts)):
        return None
    back = lasts and matrix.driver_branch(need.driver) > min(lasts)
    return f"driver branch {min(lasts)}" if back else f"driver {lowest} or newer"


def _pythons(one: Candidate, need: Need) -> str:
    """Name the Pythons that a release has wheels for, free-threaded ones where the present one is of that kind."""
    tags = one.release.pythons[need.platform]
    threads = (need.python_tag or "").endswith("t")
    kind = [tag for tag in tags if tag.endswith("t") == threads] or list(tags)
    first, last = python_of(kind[0]), python_of(kind[-1])
    return f"Python {first}" if first == last else f"Python {first} to {last}"


def python_of(tag: str) -> str:
    """Write cp311 as 3.11, cp313t as 3.13t."""
    digits = tag.removeprefix("cp")
    return f"{digits[:1]}.{digits[1:]}"
