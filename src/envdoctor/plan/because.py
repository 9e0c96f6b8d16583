"""Why a set was chosen, or none: the constraints that decided it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import parts
from envdoctor.plan.ordering import choice
from envdoctor.plan.terms import PIN, WISH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.serving import Need
    from envdoctor.plan.candidates import Candidate
    from envdoctor.plan.solve import Solver


def why_chosen(solver: Solver, need: Need, found: list[Candidate], chosen: Candidate) -> tuple[str, ...]:
    """State why this channel, why not the present build or a newer release, and how certain it is."""
    installed = solver.installed_release
    said = [*_why_it_runs(solver, need, chosen)]
    present = [one for one in found if solver.is_installed(one)]
    within = [one for one in found if not _unwished(one)]
    newer = [one for one in within if parts(one.release.version) > parts(chosen.release.version) and one.obstacles]
    barred = [one for one in newer if all(key.startswith(f"{PIN}:") for key in one.constraints)]
    # What a user would ask about: the present build, the newest that drops out, the newest that only a pin is against.
    said += [chosen.lack(name) for name in chosen.lacking]
    said += dict.fromkeys(one.obstacle.text for one in (*present, *newer[-1:], *barred[-1:]) if one.obstacle)
    said += [f"{pin.text}, which the present set does not meet either" for pin in chosen.strained]
    said += choice(found, chosen, installed, need)
    said.append(_how_certain(solver, chosen))
    return tuple(said)


def _how_certain(solver: Solver, chosen: Candidate) -> str:
    """Name the source of what a build holds; of one that is not proven, that of what is least certain about it."""
    wheel = chosen.wheel
    by_kernels = chosen.proven or wheel.certainty == chosen.certainty
    certainty, key = (wheel.certainty, wheel.source) if by_kernels else (wheel.pins_certainty, wheel.pins_source)
    source = solver.matrix.source(key)
    return f"what {chosen.version} holds is {certainty}: {source.text} ({source.date})"


def _why_it_runs(solver: Solver, need: Need, chosen: Candidate) -> Iterator[str]:
    cuda = chosen.wheel.cuda
    if cuda is None:
        if not need.platform.startswith("macos"):  # there is one build for Macs, and no NVIDIA GPU
            cpu = solver.machine.wishes.cpu
            yield f"{'the policy says CPU' if cpu else 'no NVIDIA GPU is visible'}, so the CPU build"
        return
    floor = solver.matrix.driver_floor(cuda, need.driver_os)
    if need.driver:
        yield f"driver {need.driver} runs CUDA {cuda} (lowest: {floor})"
    else:
        yield f"CUDA {cuda} needs driver {floor} or newer; the driver is not known here"
    for major, minor in need.capabilities:
        yield f"torch {chosen.version} holds kernels for compute capability {major}.{minor}"


def why_none(solver: Solver, need: Need, found: list[Candidate]) -> tuple[str, ...]:
    """Name each constraint that drops candidates once, by the newest of them, the one that drops most first."""
    wish = solver.machine.wishes.torch
    within = [one for one in found if not _unwished(one)]
    if wish and not within:
        of_conda = " on conda-forge" if found and found[0].of_conda else ""
        return (f"the matrix knows no torch {wish} for {need.platform}{of_conda}",)
    texts: dict[str, str] = {}
    counted: dict[str, int] = {}
    for one in reversed(within):
        if one.obstacle:
            constraint, text = one.obstacle
            texts.setdefault(constraint, text)
            counted[constraint] = counted.get(constraint, 0) + 1
    order = sorted(texts, key=lambda constraint: -counted[constraint])
    kind = "CUDA" if need.cuda else "CPU"
    nothing = f"the matrix knows no {kind} build of torch for {need.platform}"
    return tuple(texts[constraint] for constraint in order) or (nothing,)


def _unwished(one: Candidate) -> bool:
    """Whether the user asked for other releases."""
    return any(broken.constraint == f"{WISH}:torch" for broken in one.obstacles)
