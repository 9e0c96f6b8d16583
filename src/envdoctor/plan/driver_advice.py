"""When a newer driver helps, how new it must be, and where it is installed.

It is offered only where it opens something: a GPU the present driver does not support, or the installed
wheel itself. It never is for kernels that a wheel lacks, nor beyond the last branch that runs the GPU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envdoctor.matrix.serving import driver_runs, obstacle
from envdoctor.matrix.versions import parts
from envdoctor.model.change import ChangesDriver
from envdoctor.model.plan import Applicability, Step
from envdoctor.plan.candidates import NO_TERMS, Candidate, candidates
from envdoctor.plan.ordering import best
from envdoctor.plan.terms import broken_terms

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.model.machine import Machine, TorchBuild
    from envdoctor.plan.terms import Terms

IN_WINDOWS = "in Windows, not inside WSL2"
WITH_JETPACK = "with the JetPack release that brings it"
PLACES = {
    "container": "on the container's host",
    "wsl2": IN_WINDOWS,
    "jetson": WITH_JETPACK,
    "vm-vgpu": "in this virtual machine together with that of its vGPU host, by whoever runs that host",
    "windows": "in Windows",
}
"""Where a driver is installed, by kind of host; everywhere else on the machine itself."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A driver to change to: `driver` the lowest that helps, `last` the last branch that runs the GPUs.

    `back` where the present driver is beyond that branch, so that an older one is needed.
    """

    driver: str
    last: int | None
    opens: Candidate | None
    gain: str
    back: bool = False


def upgrades(
    matrix: Matrix, need: Need, installed: str | None, machine: Machine, terms: Terms = NO_TERMS
) -> list[Upgrade]:
    """Return the driver upgrades that gain something: the one that keeps the installed wheel, else lowest first."""
    if need.driver is None or not need.cuda:
        return []
    last = _last(matrix, need)
    if last is not None and matrix.driver_branch(need.driver) > last:
        return _way_back(matrix, need, last, installed, terms)
    kept = _keeps_installed(matrix, need, machine, terms)
    if kept:
        return [kept]
    present = best(candidates(matrix, need, terms), installed, need)
    if present is not None:
        return []
    unbound = [
        (candidate, _lowest(matrix, candidate, need))
        for candidate in candidates(matrix, replace(need, driver=None, api=None), terms)
        if candidate.obstacle is None
    ]
    reachable = [(candidate, driver) for candidate, driver in unbound if _within(matrix, need, driver) and driver]
    found: list[Upgrade] = []
    for driver in sorted({driver for _, driver in reachable}, key=parts):
        chosen = best([candidate for candidate, floor in reachable if parts(floor) <= parts(driver)], installed, need)
        if chosen is not None and all(chosen is not upgrade.opens for upgrade in found):
            gain = f"driver {driver} or newer runs torch {chosen.version} on every visible GPU"
            found.append(Upgrade(driver, _last(matrix, need), chosen, gain))
    return found


def step(upgrade: Upgrade, machine: Machine) -> Step:
    """Return the step for a person; where it is done depends on where the driver lives."""
    change = ChangesDriver(upgrade.driver)
    if upgrade.back:
        why = f"install NVIDIA driver branch {upgrade.driver}, the last that runs this GPU, in place of the present one"
        return Step("downgrade-driver", Applicability.MANUAL, f"{why}, {place(machine)}", change=change)
    last = f", and not beyond branch {upgrade.last}, the last that runs this GPU" if upgrade.last else ""
    return Step(
        "upgrade-driver",
        Applicability.MANUAL,
        f"install NVIDIA driver {upgrade.driver} or newer {place(machine)}{last}",
        change=change,
    )


def place(machine: Machine) -> str:
    """Say where the driver of a machine is installed, as the end of a sentence."""
    kind = machine.told("host.kind")
    # A container has no driver of its own, nor has what it runs on in these cases.
    if machine.is_known("host.wsl") and machine.value("host.wsl") is True:
        return IN_WINDOWS
    if machine.is_known("host.l4t") or machine.platform.endswith("-jetson"):
        return WITH_JETPACK
    return PLACES.get(kind or "", "on this machine (in a virtual machine: inside it)")


def _way_back(matrix: Matrix, need: Need, last: int, installed: str | None, terms: Terms) -> list[Upgrade]:
    """Return the last branch that still runs the GPUs, where the present driver is beyond it."""
    before = replace(need, driver=str(last), api=matrix.driver_cuda(str(last)))
    chosen = best(candidates(matrix, before, terms), installed, before)
    if chosen is None:
        return []
    gain = f"driver branch {last} runs torch {chosen.version} on every visible GPU"
    return [Upgrade(str(last), last, chosen, gain, back=True)]


def _keeps_installed(matrix: Matrix, need: Need, machine: Machine, terms: Terms) -> Upgrade | None:
    """Return the upgrade under which the installed wheel works, None where the driver is not what it lacks."""
    torch = machine.torch
    if torch is None or torch.cuda is None:
        return None
    if not torch.official:
        return _keeps_foreign(matrix, need, torch)
    release, wheel = matrix.release(torch.release), matrix.wheel(torch.release, torch.channel or "", need.platform)
    if release is None or release.withheld or wheel is None or obstacle(matrix, release, wheel, need) is None:
        return None
    if obstacle(matrix, release, wheel, replace(need, driver=None, api=None)) is not None:
        return None
    candidate = Candidate(release, wheel)
    if any(broken_terms(terms, candidate)):
        return None
    driver = _lowest(matrix, candidate, need)
    if driver is None or not _within(matrix, need, driver):
        return None
    gain = f"driver {driver} or newer runs the installed torch {torch.text} as it is"
    return Upgrade(driver, _last(matrix, need), candidate, gain)


def _keeps_foreign(matrix: Matrix, need: Need, torch: TorchBuild) -> Upgrade | None:
    """Return the upgrade for a torch of another builder: only its CUDA is known, and that has a driver floor."""
    floor = matrix.driver_floor(torch.cuda or "", need.driver_os)
    if floor is None or driver_runs(matrix, torch.cuda or "", need) is not False or not _within(matrix, need, floor):
        return None
    gain = f"driver {floor} or newer runs the installed torch {torch.text} as it is"
    return Upgrade(floor, _last(matrix, need), None, gain)


def _lowest(matrix: Matrix, candidate: Candidate, need: Need) -> str | None:
    """Return the lowest driver that runs a wheel on the GPUs: the higher of its floor and theirs."""
    floors = [matrix.driver_floor(candidate.wheel.cuda or "", need.driver_os)] if candidate.wheel.cuda else []
    for capability in need.capabilities:
        row = matrix.gpu_driver_floor(capability)
        floors.append(row.driver if row else None)
    known = [floor for floor in floors if floor]
    return max(known, key=parts, default=None)


def _last(matrix: Matrix, need: Need) -> int | None:
    """Return the last driver branch that runs every GPU, None where support goes on."""
    branches = [matrix.last_driver_branch(capability) for capability in need.capabilities]
    return min((branch for branch in branches if branch), default=None)


def _within(matrix: Matrix, need: Need, driver: str | None) -> bool:
    last = _last(matrix, need)
    return driver is not None and (last is None or matrix.driver_branch(driver) <= last)
