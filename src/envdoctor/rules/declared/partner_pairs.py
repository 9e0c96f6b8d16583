"""What the two partner rules share: whether any torch that is demanded goes with any partner that is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.versions import minor, parts
from envdoctor.model.place import Amendment
from envdoctor.rules.declared.bounds import Demand, read
from envdoctor.rules.declared.releases import (
    PARTNERS,
    cuda_of,
    fits,
    goes_beyond,
    is_published,
    known,
    partner_for,
    partner_of,
    torch_of,
    torch_of_image,
    wanted,
)
from envdoctor.rules.declared.stated_cuda import CONDA_PACKAGE
from envdoctor.rules.declared.worlds import worlds
from envdoctor.rules.partner_fit import same_cuda
from envdoctor.rules.severity_table import DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw, Requirement
    from envdoctor.rules.declared.declared_rule import DeclaredRule
    from envdoctor.rules.declared.worlds import World

MAY_NOT_LOAD = "may not load"
"""The circumstance of a pair that an installer accepts: METADATA that ask for no torch, a torch that is replaced."""


class Side(NamedTuple):
    """A demand, and the words of the file that make it."""

    demand: Demand
    said: Requirement


def misfits(rule: DeclaredRule, name: str, case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Yield what is wrong between torch and the partner `name` in a case: once for each demand on the partner."""
    told = set()
    for world in worlds(case, matrix, ("torch", *PARTNERS)):
        for flaw in _in_world(rule, name, case, world, matrix):
            if flaw.finding not in told:
                told.add(flaw.finding)
                yield flaw


def _in_world(rule: DeclaredRule, name: str, case: Case, world: World, matrix: Matrix) -> Iterator[Flaw]:
    for manager in dict.fromkeys(one.manager for one in world.of(name)):
        said = world.of(name, manager)
        partner = wanted(matrix, said)
        of_series = partner is None
        partner = partner or _unknown(matrix, name, said)
        if partner is None:
            yield from _never_came(rule, name, _telling(said), matrix)
            continue
        beside = world.of("torch", manager) or world.of("torch")
        if _solved((*said, *beside)):
            continue
        image = None if beside else torch_of_image(case.base)
        if image is not None:
            yield from _over_image(rule, name, image, Side(partner, _telling(said)), matrix)
        torch = _torch(matrix, name, beside, world)
        if torch is None:
            continue
        own = Side(partner, _telling(said))
        loose = of_series or (manager == "conda" and not any(CONDA_PACKAGE in one.written for one in case.cudas))
        if not _joined(matrix, name, torch.demand, partner, loose=loose):
            yield _by_release(rule, name, torch, own, matrix)
        elif not _same_build(name, torch.demand, partner):
            yield _by_build(rule, name, torch, own)


def _solved(said: tuple[Requirement, ...]) -> bool:
    """Whether builds are named to the last letter: conda's solver joined them, and knows what its builds ask for."""
    return all(one.manager == "conda" and one.build and "*" not in one.build for one in said)


def _torch(matrix: Matrix, name: str, beside: tuple[Requirement, ...], world: World) -> Side | None:
    """Return what is demanded of torch, for torchaudio also by a torchvision that is pinned; None where open."""
    torch = wanted(matrix, beside)
    if beside and torch is None:
        return None
    vision = wanted(matrix, world.of("torchvision")) if name == "torchaudio" else None
    if vision is not None and vision.bounds.exact and not (torch and torch.bounds.exact):
        releases = torch.releases if torch else known(matrix, "torch")
        fitting = [one for one in releases if any(fits(matrix, "torchvision", one, v) for v in vision.releases)]
        newer = any(goes_beyond(matrix, "torchvision", version) for version in vision.releases)
        if fitting:
            return Side(Demand(vision.bounds, tuple(fitting), newer), _telling(world.of("torchvision")))
    return Side(torch, _telling(beside)) if torch else None


def _telling(said: tuple[Requirement, ...]) -> Requirement:
    """Return the demand that says most: one that pins, or else the last one."""
    pinning = [one for one in said if (bounds := read(one.specifier or "")) and bounds.exact]
    return (pinning or list(said))[-1]


def _unknown(matrix: Matrix, name: str, said: tuple[Requirement, ...]) -> Demand | None:
    """Return the releases of the same minor as one that is pinned and was not published; None for another demand.

    The torch of a minor of a partner is certain also for a patch release that the matrix does not know.
    """
    bounds = read(_telling(said).specifier or "")
    if bounds is None or bounds.exact is None or not is_published(bounds):
        return None
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9}){1,4}", bounds.exact, re.ASCII):
        return None
    alike = [one for one in known(matrix, name) if minor(one) == minor(bounds.exact)]
    series = wanted(matrix, [said[0]._replace(specifier="==" + ".".join(map(str, minor(bounds.exact))) + ".*")])
    return series if alike and series else None


def _never_came(rule: DeclaredRule, name: str, said: Requirement, matrix: Matrix) -> Iterator[Flaw]:
    """A release that only the number of torch lets one expect: torchaudio ends where torch goes on.

    The newest torch is left out, as its partners may be on their way.
    """
    bounds = read(said.specifier or "")
    if bounds is None or bounds.exact not in matrix.versions[:-1] or not is_published(bounds):
        return
    version, last = bounds.exact, known(matrix, name)[-1]
    right = partner_for(matrix, name, version)
    if right is None or partner_of(matrix, name, version) is not None or parts(version) <= parts(last):
        return
    message = f"{name} {version} was never published: torch {version} has no {name} of its own, the newest is {last}."
    own = Side(Demand(bounds, (right,), newer=False), said)
    yield rule.flaw(name, message, said.place, *(() if bounds.local else _amended(own, right)))


def _joined(matrix: Matrix, name: str, torch: Demand, partner: Demand, *, loose: bool) -> bool:
    """Whether any release of the one goes with any of the other.

    `loose` where minor releases alone decide: for conda-forge, whose partners ask for no more, and for a patch release
    of a partner that is not known. What asks for no torch and is of the days of 0.4 is taken where it is pinned alone.
    """
    for version in partner.releases:
        if version in matrix.past_partners.get(name, {}) and not (
            torch_of(matrix, name, version) or partner.bounds.exact or _of_its_days(matrix, name, torch)
        ):
            continue
        if torch.newer and goes_beyond(matrix, name, version):
            return True
        if any(fits(matrix, name, one, version) for one in torch.releases):
            return True
    if partner.newer and _newest_of(matrix, name, torch):
        return True
    if not loose:
        return False
    minors = {minor(one) for one in torch.releases}
    return any(
        fits(matrix, name, one, version)
        for version in partner.releases
        for one in known(matrix, "torch")
        if minor(one) in minors
    )


def _of_its_days(matrix: Matrix, name: str, torch: Demand) -> bool:
    """Whether a torch that is demanded had a partner that asks for no torch."""
    own = (partner_of(matrix, name, one) for one in torch.releases)
    return any(torch_of(matrix, name, one) == "" for one in own if one)


def _newest_of(matrix: Matrix, name: str, torch: Demand) -> bool:
    """Whether a partner newer than the matrix may go with this torch: one as new as the newest partner's, or newer."""
    asked = torch_of(matrix, name, known(matrix, name)[-1])
    if torch.newer or asked == "":
        return True
    return any(fits(matrix, name, one, known(matrix, name)[-1]) for one in torch.releases)


def _same_build(name: str, torch: Demand, partner: Demand) -> bool:
    """Whether the builds that both name go together; also where one of them names none."""
    one, other = torch.bounds.local, partner.bounds.local
    if one is None or other is None or one == other:
        return True
    cudas = [cuda_of(local) for local in (one, other) if re.fullmatch(r"cu\d{2,3}", local)]
    return len(cudas) == 2 and same_cuda(name, partner.releases[-1], *cudas)


def _by_release(rule: DeclaredRule, name: str, torch: Side, partner: Side, matrix: Matrix) -> Flaw:
    newest = torch.demand.releases[-1]
    right = partner_for(matrix, name, newest)
    asks = torch_of(matrix, name, partner.demand.releases[-1])
    beside = _version(torch, "torch")
    if partner.demand.bounds.exact or _pinned(partner.said):
        made = f", made for torch {asks.removeprefix('==')}," if asks and asks.startswith("==") else ""
        what = f"{name} {_version(partner, name)}{made} does not go with torch {beside}"
    else:
        what = " ".join(f"No {name} {_version(partner, name)} goes with torch {beside}".split())
    instead = f"the {name} of torch {newest} is {right}" if right else f"torch {newest} has no {name} of its own"
    amendments = _amended(partner, f"{right}") if right else ()
    when = MAY_NOT_LOAD if asks == "" else DECLARED
    return rule.flaw(name, f"{what}: {instead}.", partner.said.place, *amendments, when=when)


def _by_build(rule: DeclaredRule, name: str, torch: Side, partner: Side) -> Flaw:
    one, other = torch.demand.bounds.local, partner.demand.bounds.local
    message = (
        f"{name} of the build +{other} does not load beside torch of the build +{one}: both have to be of one channel, "
        f"{name}=={partner.demand.releases[-1]}+{one}."
    )
    amendment = Amendment(partner.said.place, f"+{other}", f"+{one}")
    return rule.flaw(name, message, partner.said.place, amendment)


def _over_image(rule: DeclaredRule, name: str, image: str, partner: Side, matrix: Matrix) -> Iterator[Flaw]:
    """A partner for another torch than that of the image, which the installer replaces together with its CUDA."""
    if not partner.demand.bounds.exact or image not in known(matrix, "torch"):
        return
    if any(fits(matrix, name, image, version) for version in partner.demand.releases):
        return
    right = partner_for(matrix, name, image)
    if right is None:
        return
    message = (
        f"{name} {partner.demand.bounds.exact} does not go with torch {image} of the image: the installer puts another "
        f"torch over it. The {name} of torch {image} is {right}."
    )
    yield rule.flaw(name, message, partner.said.place, *_amended(partner, right), when=MAY_NOT_LOAD)


def _pinned(said: Requirement) -> bool:
    bounds = read(said.specifier or "")
    return bounds is not None and bounds.exact is not None


def _version(side: Side, name: str) -> str:
    """Name the releases that are demanded: "2.6.0", or the bounds as they stand."""
    bounds = read(side.said.specifier or "")
    if side.said.name != name:
        return f"{side.demand.releases[-1]}, which {side.said.name} {bounds and bounds.exact} was made for"
    return (bounds and bounds.exact) or side.demand.bounds.text


def _amended(partner: Side, right: str) -> tuple[Amendment, ...]:
    """Write the right release of a partner in the place of a pin, or a pin in the place of bounds."""
    said = partner.said
    bounds = read(said.specifier or "")
    if bounds is not None and bounds.exact is not None and bounds.exact in said.written:
        return (Amendment(said.place, bounds.exact, right),)
    series = re.fullmatch(r"==(\d{1,3}\.\d{1,3})\.\*", said.specifier or "", re.ASCII)
    if series and said.written == series[1]:  # prose: "torchvision 0.17"
        return (Amendment(said.place, series[1], right),)
    key = re.match(rf"{re.escape(said.name)}\s{{0,9}}=(?!=)", said.written)
    if key:  # an assignment of TOML: what it demands stands in quotes
        value = re.fullmatch(r"\s{0,9}([\"'])[^\"']{1,80}\1", said.written[key.end() :])
        instead = f'{key[0]} "=={right}"'
        return (Amendment(said.place, said.written, instead, safe=False),) if value else ()
    if said.written.startswith(said.name):
        return (Amendment(said.place, said.written, f"{said.name}=={right}", safe=False),)
    return ()
