"""The NVIDIA driver is there, and does not answer.

## What it means
NVML, a GPU or CUDA refused with an error that names no cause, hung, or ended the program that asked. Refusals whose
cause is known have rules of their own (a mismatch, a lost GPU, the Fabric Manager, a stale state, compat libraries).

## Why it happens
In containers: the GPU devices were taken away after the start, for example by `systemctl daemon-reload` ("Failed to
initialize NVML: Unknown Error"). "Insufficient Permissions": the user may not open /dev/nvidiactl. Elsewhere: a GPU
that fell into an error state, a hung driver, or a driver installed without its compute part (Debian's libcuda1,
nvidia-driver-cuda) or without any library. A virtual GPU has no CUDA without its licence, nor in profiles for graphics
alone. On machines with many GPUs and without persistence mode the driver may take longer than the time allowed.

A single GPU that answers "Insufficient Permissions" beside others is no defect: batch systems such as Slurm give a job
some GPUs of a machine and withhold the rest by its control group.

## How to be sure
Run `nvidia-smi`, and `dmesg | grep -i -e nvrm -e xid`; `ls -l /dev/nvidia*` shows who may open the devices, and
`ldconfig -p | grep -e libcuda -e libnvidia-ml` whether the libraries are there. In a virtual machine
`nvidia-smi -q | grep -i licen` shows the licence. For a slow driver, `envdoctor check --timeout 60`.

## How to fix
Restart the container, or reboot the machine; `nvidia-smi -pm 1` keeps the driver initialised. Where libcuda is
missing, install the driver's compute part (`apt install libcuda1`, `dnf install nvidia-driver-cuda`). A virtual GPU is
licensed by whoever runs its host.

## Sources
NVML API reference, nvmlReturn_t and nvmlDeviceGetCount_v2 (it counts GPUs that a process may not use); CUDA driver
API, CUresult; nvidia-container-toolkit#48; NVIDIA vGPU software, client licensing user guide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Unknown
from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import MOST_GPUS
from envdoctor.rules.cuda_start import NEEDS as START
from envdoctor.rules.cuda_start import NO_DEVICE, NO_PERMISSION, OWN_DRIVER, cause, withheld
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

NAMED_ELSEWHERE = frozenset({0, 9, 12, 15, 18})
"""No error, driver not loaded, library not found, GPU lost, version mismatch: other rules speak of these."""

NVML_WORDS = {
    4: "insufficient permissions",
    8: "its power cables are not attached",
    10: "the kernel found a problem with its interrupts",
    16: "it has to be reset",
    17: "the operating system blocks it",
    999: "an unknown error",
}
"""What NVML's numbers mean (NVML API reference, nvmlReturn_t)."""

REFUSALS = {
    2: "out of memory, as under a limit of the address space: `ulimit -v`",
    3: "the driver is being unloaded",
    100: "no device",
    101: "an invalid device",
    304: "a call of the operating system failed, mostly on a device file",
    802: "the system is not ready yet",
    805: "the MPS server cannot be reached",
    999: "an unknown error",
}
"""What cuInit's numbers mean (CUDA driver API, CUresult)."""

WORKS, FAILS = "CUDA works", "CUDA does not start"

LICENCE = (
    " A virtual GPU has CUDA under its licence alone, and in profiles for compute (C or Q at the end of its name)."
)
"""NVIDIA vGPU software, client licensing user guide: without a licence CUDA is switched off."""

UNSEEN_BY_NVML = frozenset({"jetson"})
"""Kinds of host whose NVML is partial or none, so that its refusal says nothing where CUDA works."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Ask each way to the driver in turn; the first that does not answer speaks for the rest."""
    cuda_works = machine.is_known("cuda.init") and machine.number("cuda.init") == 0
    when = WORKS if cuda_works else FAILS
    trouble = machine.text("driver.trouble")
    if trouble is not None:
        # A hang alone is a warning: a driver that is merely slow to start looks the same.
        hangs = "did not answer" in trouble
        yield _said(
            machine,
            f"The NVIDIA driver could not be asked: {trouble}. What it would have told is not known.",
            "driver.trouble", "nvml.status", "cuda.init",
            when="NVML does not answer in time" if hangs else when,
        )  # fmt: skip
        return
    status = machine.number("nvml.status")
    if cuda_works and machine.told("host.kind") in UNSEEN_BY_NVML:
        return
    if status is not None and status not in NAMED_ELSEWHERE:
        effect = "CUDA itself starts" if cuda_works else "CUDA does not start either"
        yield _said(
            machine,
            f"NVML, the driver's management library, refused with error {status}{_words(status)}; {effect}.",
            "nvml.status", "cuda.init", "driver.version",
            when=when,
        )  # fmt: skip
        return
    if machine.is_known("gpu.count"):
        yield from _gpus(machine, when)
        yield from _cuda(machine, matrix)
    elif status == 0 and isinstance(machine.snapshot["gpu.count"], Unknown) and machine.number("cuda.init"):
        yield _said(
            machine,
            "NVML starts and does not list the GPUs, and CUDA does not start: cuInit refuses with error "
            f"{machine.number('cuda.init')}.",
            "nvml.status", "cuda.init", "driver.version",
            when=FAILS,
        )  # fmt: skip
    else:
        yield from _module_alone(machine)


def _gpus(machine: Machine, when: str) -> Iterator[Finding]:
    """Single GPUs that refuse, and a loaded driver that lists none of those on the bus."""
    count = min(machine.number("gpu.count") or 0, MOST_GPUS)
    for index in range(count):
        name = f"gpu.{index}.status"
        refusal = machine.number(name) if machine.is_known(name) else None
        if refusal is not None and refusal not in (NO_PERMISSION, *NAMED_ELSEWHERE):
            message = f"GPU {index} refused the driver's questions with NVML error {refusal}{_words(refusal)}."
            yield _said(machine, message, name, subject=f"gpu:{index}", when=when)
    if count or machine.number("nvml.status") != 0 or machine.text("host.kind") not in OWN_DRIVER:
        return
    cards = machine.items("pci.nvidia") if machine.is_known("pci.nvidia") else []
    held = [card for card in cards if isinstance(card, dict) and card.get("driver") == "nvidia"]
    nodes = machine.items("device.nodes") if machine.is_known("device.nodes") else []
    if held and any(re.fullmatch(r"nvidia\d+", str(node)) for node in nodes):  # else a batch system withholds it
        yield _said(
            machine,
            f"The NVIDIA driver {machine.text('driver.version') or ''} is loaded and lists no GPU, although the bus "
            f"holds one (PCI {held[0].get('address')}, device {held[0].get('device')}): it may be too old or too new "
            "for that GPU.",
            "gpu.count", "pci.nvidia", "driver.version",
            when=FAILS,
        )  # fmt: skip


def _cuda(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """CUDA that does not start on GPUs which NVML lists, for no reason that another rule knows."""
    count = min(machine.number("gpu.count") or 0, MOST_GPUS)
    if not count:
        return
    init = machine.number("cuda.init")
    if init is None:
        yield from _no_libcuda(machine)
    if not init or cause(machine, matrix) is not None:
        return
    instances = any(machine.is_known(f"gpu.{index}.mig") for index in range(count))
    if init == NO_DEVICE and (instances or machine.is_known("env.CUDA_VISIBLE_DEVICES")):
        return  # hidden by a setting, or cut into MIG instances of which none is there
    if init == NO_DEVICE and all(withheld(machine, index) for index in range(count)):
        return  # every GPU is another job's
    virtual = init == NO_DEVICE and machine.told("host.kind") == "vm-vgpu"
    if virtual and not machine.wishes.require_gpu and (machine.torch is None or machine.torch.cuda is None):
        return  # a virtual GPU for graphics, and nothing that needs more
    library = machine.told("cuda.library")
    yield _said(
        machine,
        f"The driver lists its GPUs, and CUDA does not start: cuInit of {library or 'libcuda'} refuses with error "
        f"{init}{f' ({REFUSALS[init]})' if init in REFUSALS else ''}.{LICENCE if virtual else ''}",
        "cuda.init", "gpu.count", "driver.version", "cuda.library",
        when=FAILS,
    )  # fmt: skip


def _module_alone(machine: Machine) -> Iterator[Finding]:
    """The kernel module serves a card, and neither NVML nor libcuda is anywhere: a driver without its libraries."""
    if machine.told("driver.version.proc") is None or machine.text("host.kind") not in OWN_DRIVER:
        return
    torch = machine.torch
    if torch is None or torch.cuda is None or not torch.official:
        return  # another builder's may look for them in places of its own
    names = ("nvml.status", "cuda.init", "driver.library_version")
    if any(not isinstance(machine.snapshot[name], Absent) for name in names):
        return
    yield _said(
        machine,
        f"The kernel module of NVIDIA driver {machine.told('driver.version.proc')} is loaded, and the loader finds "
        "neither libcuda.so.1 nor libnvidia-ml.so.1, without which no CUDA program starts: the driver's libraries are "
        "not installed.",
        "driver.version.proc", "cuda.init", "nvml.status", "host.kind",
        when=FAILS,
    )  # fmt: skip


def _no_libcuda(machine: Machine) -> Iterator[Finding]:
    """A driver without its compute part, where something needs it; `no-gpu-in-container` speaks of containers."""
    if machine.told("host.kind") == "container":
        return
    torch = machine.torch
    if machine.number("nvml.status") != 0 or torch is None or torch.cuda is None:
        return
    yield _said(
        machine,
        "The driver lists its GPUs, and the loader finds no libcuda.so.1, without which no CUDA program starts: the "
        "compute part of the driver is not installed.",
        "cuda.init", "gpu.count", "driver.version", "host.kind",
        when=FAILS,
    )  # fmt: skip


def _words(code: int) -> str:
    return f" ({NVML_WORDS[code]})" if code in NVML_WORDS else ""


def _said(machine: Machine, message: str, *facts: str, when: str, subject: str = "driver") -> Finding:
    return RULE.finding(machine, subject, message, *facts, when=when, confidence=Confidence.PROVED)


RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=(
        *START, "pci.nvidia", "gpu.N.mig", "driver.library_version", "torch.version", "torch.cuda", "torch.hip",
        "torch.channel", "torch.provenance",
    ),
    fires=(
        Example("Unknown Error, in NVML and in CUDA", {"nvml.status": 999, "cuda.init": 999, "gpus": None}, says="999"),
        Example("NVML refuses and CUDA works", {"nvml.status": 999}, severity=Severity.WARNING),
        Example(
            "NVML hangs",
            {"driver.trouble": "NVML did not answer within 10 s", "gpus": None},
            severity=Severity.WARNING,
            says="10 s",
        ),
        Example("CUDA does not start on GPUs that NVML lists", {"cuda.init": 304}, says="cuInit"),
        Example(
            "a driver installed without its compute part",
            {"cuda.init": None, "cuda.library": None},
            says="no libcuda.so.1",
        ),
        Example(
            "the kernel module without its libraries",
            {
                "nvml.status": None, "cuda.init": None, "gpus": None, "driver": "580.95.05", "cuda.library": None,
                "driver.version.proc": "580.95.05", "driver.library_version": None,
            },
            says="libraries are not installed",
        ),
        Example("a card the loaded driver does not list", {"gpus": [], "cuda.init": 100}, says="0x20b2"),
    ),
    quiet=(
        Example("a driver that answers", {}),
        Example("no driver to ask", {"nvml.status": None, "cuda.init": None, "gpus": None, "driver": None}),
        Example(
            "every GPU hidden on purpose: CUDA finds none",
            {"cuda.init": 100, "gpu.visible": [], "env.CUDA_VISIBLE_DEVICES": ""},
        ),
        Example("no libcuda, and nothing that needs it", {"cuda.init": None, "torch": None, "cuda.library": None}),
        Example(
            "a Jetson whose NVML refuses while CUDA works",
            {
                "nvml.status": 999, "host.kind": "jetson", "host.platform": "linux-aarch64-jetson",
                "driver": "540.4.0 12.6", "torch": None, "gpus": ["Orin 8.7"],
            },
        ),
        Example(
            "a batch system gave the other GPU to another job",
            {"gpus": ["NVIDIA A100-SXM4-80GB 8.0"] * 2, "gpu.1.status": 4, "gpu.visible": [0]},
        ),
        Example(
            "a job without any of the GPUs",
            {"gpus": [], "cuda.init": 100, "device.nodes": ["nvidiactl"], "torch": "2.9.1+cpu"},
        ),
        Example("a mismatch, which has its own name", {"nvml.status": 18, "cuda.init": 803, "gpus": None}),
    ),
)  # fmt: skip
