"""What answers a demand of a policy that is not met: another set of wheels, or what a person does.

The set is found within all demands at once (`terms.py`). For the rest no command of ours is right: a driver, a limit, a
machine are not ours to change, and which tool brings a package is the project's choice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.demand import OF_GPU, PACKAGE, SMOKE, UNMET, demand_of
from envdoctor.model.machine import MOST_GPUS
from envdoctor.model.plan import Applicability, Step
from envdoctor.plan.driver_advice import place as place_of_driver
from envdoctor.plan.terms import admits, may_meet

if TYPE_CHECKING:
    from envdoctor.model.demand import Demand
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

BY_WHEELS = frozenset({"torch", "torchvision", "torchaudio", "triton", "channel", "cuda"})
"""Subjects that another set of wheels answers."""

BROUGHT = frozenset({"cudnn", "nccl", "triton"})
"""Subjects, beside packages named nvidia-*, of what a torch with CUDA pins (METADATA of torch 2.9.1 and 2.14.1)."""

OTHERS = ("rocm", "xpu")
"""Where torch comes from that is for GPUs of AMD and Intel."""

TRITON = re.compile(r"triton\s{0,9}\(?([=~]=)\s{0,9}([\w.+]{1,40})(?![\w.+*])")
"""The line by which torch requires triton, in one version or a series of patches (METADATA of its wheels)."""

OF_HOST = {
    "cpus": ("processors", "`--cpus`"),
    "memory": ("memory", "`--memory`"),
}
"""What a control group shares out, and the option of `docker run` for it."""

BY_HAND = {
    "platform": ("change-machine", "use a machine of the platform {written}"),
    "glibc": ("rebuild-image", "use a system, or an image based on one, with glibc {written}"),
    "python": (
        "rebuild-environment",
        "make a new environment with Python {written} and install torch and the other packages there",
    ),
    "cudnn": (
        "reinstall-packages",
        "bring cuDNN {written} in: reinstall the package that torch pins, take another cuDNN off LD_LIBRARY_PATH, or "
        "choose a torch that pins one within it",
    ),
    "nccl": (
        "reinstall-packages",
        "bring NCCL {written} in: reinstall the package that torch pins, take another NCCL off LD_LIBRARY_PATH, or "
        "choose a torch that pins one within it",
    ),
    "cuda-toolkit": ("install-system-package", "install the CUDA toolkit {written} and point CUDA_HOME to it"),
    SMOKE: ("run-again", "see with `envdoctor smoke --test {specifier} -v` why this test did not pass"),
}
"""What a person does, by key: the kind of step and its words."""


def is_by_wheels(finding: Finding, machine: Machine) -> bool:
    """Whether another set of wheels may answer a finding."""
    if finding.rule != UNMET or finding.subject not in BY_WHEELS or _is_for_others(machine):
        return False
    return finding.subject != "triton" or not _keeps_torch(machine)


def is_by_hand(finding: Finding, machine: Machine) -> bool:
    """Whether a person has to answer it."""
    return finding.rule == UNMET and not is_by_wheels(finding, machine)


def comes_with_torch(finding: Finding) -> bool:
    """Whether it is about what another torch brings along; whether it is the demanded version, is seen then."""
    return finding.subject in BROUGHT or finding.subject.startswith("nvidia-")


def _is_for_others(machine: Machine) -> bool:
    """Whether torch is, and may stay, a build for the GPUs of others: those builds the planner does not weigh."""
    wishes = machine.wishes
    return machine.snapshot.known("torch.provenance") in OTHERS and not (wishes.cuda or wishes.cpu)


def _keeps_torch(machine: Machine) -> bool:
    """Whether another triton is a matter of its own: torch asks for none, or for one of which the demanded may be."""
    demand = demand_of("triton", machine.wishes.demands)
    if demand is None or machine.is_absent("torch.version"):
        return False
    asked = _triton_asked(machine)
    return asked is None or may_meet(asked, demand.specifier)


def _triton_asked(machine: Machine) -> str | None:
    """Return what torch here requires of triton ("==3.5.1"); of published wheels that is a matter of Linux alone."""
    lines = machine.snapshot.known("torch.requires") if machine.snapshot.known("host.os") == "linux" else None
    for line in lines if isinstance(lines, list) else ():
        found = TRITON.match(line) if isinstance(line, str) else None
        if found:
            return found[1] + found[2]
    return None


def by_hand(finding: Finding, machine: Machine) -> Step:
    """Return what a person does about a demand that is not met."""
    demand = demand_of(finding.subject, machine.wishes.demands)
    if demand is None:  # the finding was made for other wishes
        return Step("meet-policy", Applicability.MANUAL, f"meet what the policy demands of {finding.subject}")
    kind, why = _told(demand, machine)
    return Step(kind, Applicability.MANUAL, why)


def _told(demand: Demand, machine: Machine) -> tuple[str, str]:
    key, written = demand.key, demand.written
    if key in ("driver", "cuda-driver-api"):
        what = f"NVIDIA driver {written}" if key == "driver" else f"an NVIDIA driver of CUDA {written}"
        return "upgrade-driver", f"install {what} {place_of_driver(machine)}"
    if key in OF_GPU:
        what = key.replace("-", " ")
        words = "use a machine whose GPUs all have {what} {written}, or show programs only those (CUDA_VISIBLE_DEVICES)"
        return "change-machine", words.format(what=what, written=written)
    if key == "gpus":
        return _gpus(demand, machine)
    if key == "shm":
        return _shared_memory(written, machine)
    if key == "memlock":
        where = "start a new container with `--ulimit memlock=-1`" if _inside(machine) else "raise `ulimit -l`"
        return ("start-container-with" if _inside(machine) else "set-limit"), f"{where}: memlock {written} is demanded"
    if key in OF_HOST:
        return _share(key, written, machine)
    if key in BY_HAND:
        kind, words = BY_HAND[key]
        return kind, words.format(written=written, specifier=demand.specifier)
    what = key.removeprefix(PACKAGE) + (f" {written}" if written != "*" else "")
    if key in BY_WHEELS - {"triton"}:
        where = "from where this build for other GPUs came: those builds are not planned here"
        return "install-package", f"install {what} {where}"
    return "install-package", f"install {what} with the tool that keeps the packages of this environment"


def _gpus(demand: Demand, machine: Machine) -> tuple[str, str]:
    """Say it of the variable where the machine has as many."""
    total = machine.snapshot.known("gpu.count")
    here = min(total, MOST_GPUS) if isinstance(total, int) else 0
    if any(admits(demand.specifier, str(count)) for count in range(1, here + 1)):
        words = f"set CUDA_VISIBLE_DEVICES such that programs see gpus {demand.written}; {here} can be shown"
        return "set-env", words
    return "change-machine", f"use a machine, or ask the batch system for one, with gpus {demand.written}"


def _shared_memory(written: str, machine: Machine) -> tuple[str, str]:
    if _inside(machine):
        words = (
            "start a new container with more shared memory (`docker run --shm-size`, or `--ipc=host`; in Kubernetes an "
            "emptyDir of medium Memory at /dev/shm)"
        )
        return "start-container-with", f"{words}: {written} is demanded"
    return "set-limit", f"make /dev/shm larger (`mount -o remount,size=... /dev/shm`): {written} is demanded"


def _share(key: str, written: str, machine: Machine) -> tuple[str, str]:
    """Say it of the control group where that is what bounds it, else of the machine."""
    what, option = OF_HOST[key]
    if machine.is_known("cgroup.memory_bytes" if key == "memory" else "cgroup.cpus"):
        words = f"give the process more {what} ({option} of the container, the limits of the pod or of the batch job)"
        return "start-container-with", f"{words}: {written} is demanded"
    return "change-machine", f"use a machine with {what} {written}"


def _inside(machine: Machine) -> bool:
    return machine.told("host.kind") == "container"
