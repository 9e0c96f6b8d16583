"""The other ways out, the nearest first: what a command does, then a driver, then fewer GPUs, then a container image.

Whether each of them holds is `proof`'s to say, which drops those that do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import capability_of, need_of
from envdoctor.model.change import Installs, Into, ShowsGpus
from envdoctor.model.plan import Applicability, Edit, Plan, Status, Step
from envdoctor.plan import driver_advice
from envdoctor.plan.candidates import PROVEN, candidates, lifted
from envdoctor.plan.ordering import best, foremost
from envdoctor.plan.terms import DEMAND, PIN, WISH, admits, wished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.serving import Need
    from envdoctor.model.machine import Gpu
    from envdoctor.plan.candidates import Candidate
    from envdoctor.plan.solve import Solver


MOST_DEMANDS = 2
"""Demands of which giving up one is offered, each by itself."""


def ways_out(solver: Solver, need: Need, found: list[Candidate], chosen: Candidate | None) -> tuple[Plan, ...]:
    """Return what else would help; `found` are the candidates, `chosen` the one of the plan itself, None for none."""
    return tuple(_for_solved(solver, need, found, chosen) if chosen else _for_impossible(solver, need, found))


def _for_solved(solver: Solver, need: Need, found: list[Candidate], chosen: Candidate) -> Iterator[Plan]:
    """What the user may like better: a driver that keeps what is installed, certainty, the newest, an image."""
    yield from _behind_a_driver(solver, need)
    if not chosen.proven:
        yield from _proven(solver, need, found, chosen)
    newest = best(found, None, need)
    if newest is not None and newest.release.version != chosen.release.version:
        why = f"torch {newest.version} is the newest that this machine runs; {chosen.version} changes less"
        yield _installing(solver, newest, why)
    if solver.machine.told("host.kind") == "container":
        yield from _image(solver, chosen)


def _for_impossible(solver: Solver, need: Need, found: list[Candidate]) -> Iterator[Plan]:
    yield from _wheels_in_place_of_conda(solver, need)
    yield from _demand_given_up(solver, need, found)
    yield from _behind_a_driver(solver, need)
    yield from _better_gpus(solver)
    yield from _image_of_its_own(solver, need, found)


def _installing(solver: Solver, chosen: Candidate, why: str) -> Plan:
    return Plan(Status.SOLVED, solver.installing.target(chosen), solver.installing.install(chosen), because=(why,))


def _proven(solver: Solver, need: Need, found: list[Candidate], chosen: Candidate) -> Iterator[Plan]:
    """A set of which a source says what it holds, where nobody has looked at the chosen one."""
    known = [one for one in found if one.proven and _broken_by_demand_alone(one)]
    other = best(known, chosen.release.version, need) or _nearest(solver, need, known)
    if other is not None:
        why = f"what torch {other.version} holds was read, while {chosen.version} is {chosen.certainty} alone"
        yield _installing(solver, other, _though(why, other))


def _wheels_in_place_of_conda(solver: Solver, need: Need) -> Iterator[Plan]:
    """The wheels that serve where no build of conda-forge does, in an environment of their own."""
    chosen = solver.wheels_in_place_of_conda(need)
    if chosen is not None:
        why = f"no build of conda-forge that this matrix ({solver.matrix.revision}) knows serves, and wheels by pip do"
        target = chosen.target(solver.base)
        yield Plan(Status.SOLVED, target, solver.installing.beside(chosen), because=(why,))


def _demand_given_up(solver: Solver, need: Need, found: list[Candidate]) -> Iterator[Plan]:
    """The set that this machine runs and that is nearest to demands which nothing meets here, for each one given up."""
    serving = [one for one in found if _broken_by_demand_alone(one)]
    serving = [one for one in serving if one.proven] or serving
    fewest = min((len(one.obstacles) for one in serving), default=0)
    against: dict[frozenset[str], list[Candidate]] = {}
    for one in reversed(serving):
        if len(one.obstacles) == fewest:
            against.setdefault(frozenset(broken.constraint for broken in one.obstacles), []).append(one)
    for alike in list(against.values())[:MOST_DEMANDS]:
        chosen = _nearest(solver, need, alike)
        if chosen is not None:
            yield _installing(solver, chosen, _though(f"torch {chosen.version} runs on this machine", chosen))


def _broken_by_demand_alone(one: Candidate) -> bool:
    """Whether the machine runs a set, and only a person or another package is against it."""
    return all(broken.constraint.startswith((f"{WISH}:", f"{PIN}:", f"{DEMAND}:")) for broken in one.obstacles)


def _though(why: str, chosen: Candidate) -> str:
    against = "; ".join(broken.text for broken in chosen.obstacles)
    return f"{why}; against it: {against}" if against else why


def _nearest(solver: Solver, need: Need, serving: list[Candidate]) -> Candidate | None:
    """Return the set that goes against the fewest demands, and of those the nearest release to the one wished for."""
    versions, wish = solver.matrix.versions, solver.machine.wishes.torch
    wanted = [place for place, version in enumerate(versions) if wish and admits(wished(wish), version)]

    def distance(one: Candidate) -> tuple[int, int, int]:
        place = versions.index(one.release.version)
        return (len(one.obstacles), min((abs(place - other) for other in wanted), default=0), -place if wanted else 0)

    if not serving:
        return None
    nearest = min(map(distance, serving))
    return foremost([one for one in serving if distance(one) == nearest], solver.installed_release, need)


def _behind_a_driver(solver: Solver, need: Need) -> Iterator[Plan]:
    """What another driver opens, or keeps."""
    found = driver_advice.upgrades(solver.matrix, need, solver.installed_release, solver.machine, solver.terms)
    for upgrade in found:
        steps = [driver_advice.step(upgrade, solver.machine)]
        opened = upgrade.opens
        if opened is None:
            yield Plan(Status.SOLVED, None, tuple(steps), because=(upgrade.gain,))
            continue
        if not solver.is_installed(opened):
            steps += solver.installing.install(opened)
        yield Plan(Status.SOLVED, solver.installing.target(opened), tuple(steps), because=(upgrade.gain,))


def _better_gpus(solver: Solver) -> Iterator[Plan]:
    """The wheel for some GPUs of a mixed machine, the better ones if it can be, with the setting that hides the others.

    It leaves out as few kinds as it can.
    """
    gpus = solver.machine.visible_gpus
    kinds = sorted({capability_of(gpu, solver.matrix) for gpu in gpus})
    better = [kinds[first:] for first in range(1, len(kinds))]
    worse = [kinds[:last] for last in range(len(kinds) - 1, 0, -1)]
    for served in (*better, *worse):
        kept = tuple(gpu for gpu in gpus if capability_of(gpu, solver.matrix) in served)
        need = need_of(solver.machine, solver.matrix, kept)
        chosen = best(candidates(solver.matrix, need, solver.terms), solver.installed_release, need)
        if chosen is None:
            continue
        named = _listed(solver, kept)
        hide = Step(
            "set-env",
            Applicability.SAFE,
            "hides the GPUs that no wheel serves together with the others",
            _setting(solver, named),
            change=ShowsGpus(named, tuple(gpu.index for gpu in kept)),
        )
        steps = (hide,) if solver.is_installed(chosen) else (hide, *solver.installing.install(chosen))
        why = f"serves {', '.join(gpu.label for gpu in kept)} alone"
        yield Plan(Status.SOLVED, solver.installing.target(chosen), steps, because=(why,))
        return


def _image_of_its_own(solver: Solver, need: Need, found: list[Candidate]) -> Iterator[Plan]:
    """An image, which brings its own Python and C library, where those of this system stand in the way."""
    chosen = best(lifted(found, "python", "glibc"), solver.installed_release, need)
    if chosen is not None:
        yield from _image(solver, chosen)


def _image(solver: Solver, chosen: Candidate) -> Iterator[Plan]:
    """The image of PyTorch's that holds a set, where a source names its tag."""
    image = solver.matrix.image_for(chosen.release.version, chosen.wheel.channel)
    if image is None or image.certainty not in PROVEN or chosen.wheel.platform != "linux-x86_64":
        return
    where = "of this container" if solver.machine.told("host.kind") == "container" else "of a container for this work"
    step = Step(
        "rebuild-image",
        Applicability.MANUAL,
        f"begin the Dockerfile {where} with {image.tag}, which holds this torch, a Python and a C library of its own",
        ("docker", "pull", image.tag),
        Edit("Dockerfile", f"FROM {image.tag}\n"),
        Installs((f"torch=={chosen.version}",), Into.IMAGE),
    )
    source = solver.matrix.source(image.source)
    why = f"the tag {image.tag} is {image.certainty}: {source.text} ({source.date})"
    yield Plan(Status.SOLVED, chosen.target(solver.base), (step,), because=(why,))


def _setting(solver: Solver, named: str) -> tuple[str, ...]:
    """Return the command that sets CUDA_VISIBLE_DEVICES, in the words of cmd or of a POSIX shell.

    Numbers are those of the driver, which counts by PCI bus; CUDA counts by speed unless told otherwise.
    """
    setting = f"CUDA_VISIBLE_DEVICES={named}"
    if solver.machine.platform.startswith("windows"):
        return ("set", setting)
    order = ("CUDA_DEVICE_ORDER=PCI_BUS_ID",) if named[0].isdigit() and solver.machine.snapshot.taken else ()
    return ("export", setting, *order)


def _listed(solver: Solver, gpus: tuple[Gpu, ...]) -> str:
    """Name GPUs for CUDA_VISIBLE_DEVICES: by UUID where known, since CUDA's own order is not the driver's."""
    names = []
    for gpu in gpus:
        name = f"gpu.{gpu.index}.uuid"
        uuid = solver.machine.text(name) if solver.machine.is_known(name) else None
        names.append(uuid if uuid and solver.installing.live else str(gpu.index))
    return ",".join(names)
