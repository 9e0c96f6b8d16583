"""From findings to a plan: which defect is mended by what.

Errors and warnings decide; a note asks for nothing, save that an environment without torch is told what
would be installed. What no package can mend comes first: a wheel chosen while the driver does not answer
would be a guess.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.model.machine import Undecidable
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan.repair import repair

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis, Finding
    from envdoctor.plan.solve import Solver

ANOTHER_WHEEL = frozenset(
    {"driver-too-old", "driver-too-old-for-gpu", "gpu-arch-dropped", "gpu-arch-not-in-wheel", "cpu-only-build"}
)

BY_HAND: dict[str, tuple[str, str]] = {
    "nvml-driver-library-mismatch": (
        "reboot",
        "reboot the machine (of a container: its host), so that the kernel module of the installed driver is loaded",
    ),
    "gpu-lost": (
        "reboot",
        "reboot the machine; if the GPU is lost again, have its power, seating and cooling looked at",
    ),
    "driver-missing": (
        "install-system-package",
        "install the NVIDIA driver of the operating system (of a container: on its host) and reboot; where it is "
        "installed, see why its module is not loaded: `dmesg | grep -i nvrm`, the DKMS build, Secure Boot",
    ),
    "driver-query-failed": (
        "reboot",
        "run nvidia-smi and read `dmesg | grep -i -e nvrm -e xid`; where they name no other cause, restart the "
        "container or reboot the machine",
    ),
    "cuda-visible-devices-empty": ("unset-env", "unset it, or name GPUs that exist"),
    "no-nvidia-gpu": ("start-container-with", "use a machine with an NVIDIA GPU, or pass one into the container"),
}
"""What a person does, by rule: the kind of step and its words. None of these is a command of ours to run."""

NOTHING = Plan(Status.NOTHING_TO_DO)


def plan_for(diagnosis: Diagnosis, solver: Solver) -> Plan:
    """Return the plan that answers a diagnosis."""
    causes = [f for f in diagnosis.findings if f.severity >= Severity.WARNING and f.caused_by is None]
    for_a_person = [finding for finding in causes if finding.rule in BY_HAND]
    for_packages = [finding for finding in causes if finding.rule not in BY_HAND]
    steps = tuple(dict.fromkeys(_by_hand(finding) for finding in for_a_person))
    if steps and (not for_packages or any(finding.severity is Severity.ERROR for finding in for_a_person)):
        return Plan(Status.SOLVED, None, steps, because=tuple(finding.message for finding in causes[:1]))
    try:
        plan = _by_packages(solver, for_packages)
    except Undecidable as reason:
        return undecided(reason)
    if not steps:
        return plan
    status = Status.SOLVED if plan.status is Status.NOTHING_TO_DO else plan.status
    return replace(plan, status=status, steps=(*steps, *plan.steps))


def undecided(reason: Undecidable) -> Plan:
    """Return the plan of a machine that does not tell what the choice hangs on."""
    fact = f"{reason.fact} is not known: " if reason.fact else ""
    return Plan(Status.IMPOSSIBLE, because=(f"{fact}{reason.reason}",), undecided=True)


def _by_packages(solver: Solver, causes: list[Finding]) -> Plan:
    """Answer what packages can mend; without any such cause, name what to install where there is no torch."""
    rules = {finding.rule for finding in causes}
    if rules & ANOTHER_WHEEL:
        return _another_wheel(solver, causes)
    torch = solver.machine.torch
    if torch is None:
        return solver.wheel_set()
    return repair(solver, causes, torch) if rules else NOTHING


def _another_wheel(solver: Solver, causes: list[Finding]) -> Plan:
    """Find the wheel that serves; one GPU without kernels beside a served one asks for no change by itself."""
    errors = [finding for finding in causes if finding.severity is Severity.ERROR]
    plan = solver.wheel_set()
    if errors or plan.status is Status.SOLVED:
        return plan
    return Plan(Status.NOTHING_TO_DO, alternatives=plan.alternatives, because=plan.because)


def _by_hand(finding: Finding) -> Step:
    kind, why = BY_HAND[finding.rule]
    argv = ("unset", "CUDA_VISIBLE_DEVICES") if kind == "unset-env" else ()
    return Step(kind, Applicability.SAFE if argv else Applicability.MANUAL, why, argv)
