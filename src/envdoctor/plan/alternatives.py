"""The other ways out: a newer torch, a driver, the better GPUs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import capability_of, need_of
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan import driver_advice
from envdoctor.plan.candidates import best, candidates

if TYPE_CHECKING:
    from envdoctor.matrix.serving import Need
    from envdoctor.model.machine import Gpu
    from envdoctor.plan.candidates import Candidate
    from envdoctor.plan.solve import Solver


def ways_out(solver: Solver, need: Need, found: list[Candidate], chosen: Candidate | None) -> tuple[Plan, ...]:
    """Return what else would help, the nearest first; `chosen` is the candidate of the plan itself, None for none."""
    machine, installed = solver.machine, solver.installed_release
    upgrades = driver_advice.upgrades(solver.matrix, need, installed, machine, solver.installing.partners)
    behind = [_behind_upgrade(solver, upgrade) for upgrade in upgrades]
    return (*behind, *(_better_gpus(solver) if chosen is None else _newest(solver, found, chosen, need)))


def _newest(solver: Solver, found: list[Candidate], chosen: Candidate, need: Need) -> list[Plan]:
    """Return the newest proven set as a way out, where the chosen one keeps an older release."""
    newest = best(found, None, need)
    if newest is None or newest.release.version == chosen.release.version:
        return []
    why = f"torch {newest.version} is the newest that this machine runs; {chosen.version} keeps the installed release"
    return [Plan(Status.SOLVED, newest.target(solver.base), solver.installing.install(newest), because=(why,))]


def _behind_upgrade(solver: Solver, upgrade: driver_advice.Upgrade) -> Plan:
    """Return what a newer driver opens."""
    steps = [driver_advice.step(upgrade, solver.machine)]
    opened = upgrade.opens
    if opened is None:
        return Plan(Status.SOLVED, None, tuple(steps), because=(upgrade.gain,))
    if opened.release.version != solver.installed_release or opened.wheel.channel != solver.installed_channel:
        steps += solver.installing.install(opened)
    return Plan(Status.SOLVED, opened.target(solver.base), tuple(steps), because=(upgrade.gain,))


def _better_gpus(solver: Solver) -> list[Plan]:
    """Return the wheel for the better GPUs of a mixed machine, with the setting that hides the others."""
    gpus = solver.machine.visible_gpus
    kinds = sorted({capability_of(gpu, solver.matrix) for gpu in gpus}, reverse=True)
    for lowest in reversed(kinds[:-1]):
        kept = tuple(gpu for gpu in gpus if capability_of(gpu, solver.matrix) >= lowest)
        need = need_of(solver.machine, solver.matrix, kept)
        chosen = best(
            candidates(solver.matrix, need, solver.machine.wishes, solver.installing.partners),
            solver.installed_release,
            need,
        )
        if chosen:
            hide = Step(
                "set-env",
                Applicability.SAFE,
                "hides the GPUs that no wheel serves together with the others",
                ("export", f"CUDA_VISIBLE_DEVICES={_listed(solver, kept)}"),
            )
            same = (
                chosen.release.version == solver.installed_release and chosen.wheel.channel == solver.installed_channel
            )
            steps = (hide,) if same else (hide, *solver.installing.install(chosen))
            why = f"serves {', '.join(gpu.label for gpu in kept)} alone"
            return [Plan(Status.SOLVED, chosen.target(solver.base), steps, because=(why,))]
    return []


def _listed(solver: Solver, gpus: tuple[Gpu, ...]) -> str:
    """Name GPUs for CUDA_VISIBLE_DEVICES: by UUID where known, since CUDA's own order is not the driver's."""
    names = []
    for gpu in gpus:
        name = f"gpu.{gpu.index}.uuid"
        uuid = solver.machine.text(name) if solver.machine.is_known(name) else None
        names.append(uuid if uuid and solver.installing.live else str(gpu.index))
    return ",".join(names)
