"""triton pinned to another release than the one this torch pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.place import Amendment
from envdoctor.rules.declared.addresses import read_address
from envdoctor.rules.declared.bounds import admits, read
from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.releases import release, wanted
from envdoctor.rules.declared.worlds import worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw, Requirement
    from envdoctor.rules.declared.worlds import World

PINNED_ON = "linux-x86_64"
"""Wheels for Linux alone ask for triton; those for Arm began later."""


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Compare a pin on triton with what each torch that is demanded asks for."""
    for world in worlds(case, matrix, ("torch", "triton")):
        triton = world.of("triton", "pip")
        bounds = read(triton[-1].specifier or "") if triton else None
        if bounds is None or bounds.exact is None or bounds.local:
            continue
        found = wanted(matrix, world.of("torch", "pip"))
        if found is None or found.newer or not _with_triton(case, world, found.bounds.local):
            continue
        asked = [row.triton for version in found.releases if (row := release(matrix, version))]
        known_asked = [one for one in asked if one]
        if len(known_asked) != len(asked) or any(admits(one, bounds.exact) for one in known_asked):
            continue
        message = (
            f"torch {found.releases[-1]} asks for triton{known_asked[-1]}, and triton {bounds.exact} is declared "
            "beside it: an installer refuses the two, and torch.compile relies on that very release."
        )
        yield RULE.flaw("triton", message, triton[-1].place, *_amended(triton[-1], bounds.exact, known_asked[-1]))
        return


def _with_triton(case: Case, world: World, local: str | None) -> bool:
    """Whether the build of torch is one that asks for triton: for CUDA, on Linux."""
    if not any(place.platform == PINNED_ON for place in world.environments):
        return False
    urls = [one.source for one in world.of("torch") if one.source] or [one.url for one in case.indexes]
    named = {address.channel for url in urls if (address := read_address(url))}
    return (local or "cu").startswith("cu") and not any(one and not one.startswith("cu") for one in named)


def _amended(triton: Requirement, exact: str, asked: str) -> tuple[Amendment, ...]:
    """Write what torch asks for in the place of a pin."""
    if asked.startswith("==") and exact in triton.written:
        return (Amendment(triton.place, exact, asked.removeprefix("==")),)
    if triton.written.startswith("triton"):
        return (Amendment(triton.place, triton.written, f"triton{asked}"),)
    return ()


RULE = DeclaredRule(judge)
