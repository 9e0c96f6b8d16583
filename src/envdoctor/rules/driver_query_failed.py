"""The NVIDIA driver is there, and does not answer.

## What it means
NVML or a GPU refused with an error that names no cause, hung, or ended the program that asked.

## Why it happens
In containers: the GPU devices were taken away after the start, for example by `systemctl daemon-reload`
("Unknown Error"). Elsewhere: a GPU that fell into an error state, or a hung driver. On machines with many
GPUs and without persistence mode the driver may take longer than the time allowed.

## How to be sure
Run `nvidia-smi`, and `dmesg | grep -i -e nvrm -e xid`. For a slow driver, `envdoctor check --timeout 60`.

## How to fix
Restart the container, or reboot the machine; `nvidia-smi -pm 1` keeps the driver initialised.

## Sources
NVML API reference, nvmlReturn_t; nvidia-container-toolkit#48.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import MOST_GPUS
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

NAMED_ELSEWHERE = frozenset({0, 9, 12, 15, 18})
"""No error, driver not loaded, library not found, GPU lost, version mismatch: other rules speak of these."""

REFUSALS = {
    802: "the system is not ready yet; on machines with NVSwitch the fabric manager is not running",
    803: "libcuda and the kernel module are of different driver versions",
    804: "this GPU does not support the forward-compat libcuda that is loaded",
    999: "an unknown error; the driver is mostly in a bad state after suspend or an upgrade",
}
"""What cuInit's numbers mean (CUDA driver API, CUresult)."""

WORKS, FAILS = "CUDA works", "CUDA does not start"

NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE: also what CUDA says where CUDA_VISIBLE_DEVICES hides every GPU


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
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
    if status is not None and status not in NAMED_ELSEWHERE:
        effect = "CUDA itself starts" if cuda_works else "CUDA does not start either"
        yield _said(
            machine,
            f"NVML, the driver's management library, refused with error {status}; {effect}.",
            "nvml.status", "cuda.init", "driver.version",
            when=when,
        )  # fmt: skip
        return
    if machine.is_known("gpu.count"):
        yield from _gpus(machine, when)
        yield from _cuda(machine)


def _gpus(machine: Machine, when: str) -> Iterator[Finding]:
    """Single GPUs that refuse, and a loaded driver that lists none of those on the bus."""
    count = min(machine.number("gpu.count") or 0, MOST_GPUS)
    for index in range(count):
        name = f"gpu.{index}.status"
        refusal = machine.number(name) if machine.is_known(name) else None
        if refusal is not None and refusal not in NAMED_ELSEWHERE:
            message = f"GPU {index} refused the driver's questions with NVML error {refusal}."
            yield _said(machine, message, name, subject=f"gpu:{index}", when=when)
    if count or machine.number("nvml.status") != 0 or machine.text("host.kind") != "bare":
        return
    cards = machine.items("pci.nvidia") if machine.is_known("pci.nvidia") else []
    held = [card for card in cards if isinstance(card, dict) and card.get("driver") == "nvidia"]
    if held:
        yield _said(
            machine,
            f"The NVIDIA driver {machine.text('driver.version') or ''} is loaded and lists no GPU, although the bus "
            f"holds one (PCI {held[0].get('address')}, device {held[0].get('device')}): it may be too old or too new "
            "for that GPU.",
            "gpu.count", "pci.nvidia", "driver.version",
            when=FAILS,
        )  # fmt: skip


def _cuda(machine: Machine) -> Iterator[Finding]:
    """CUDA that does not start on GPUs which NVML lists."""
    init = machine.number("cuda.init") if machine.is_known("cuda.init") else None
    count = min(machine.number("gpu.count") or 0, MOST_GPUS)
    if not init or not count:
        return
    instances = any(machine.is_known(f"gpu.{index}.mig") for index in range(count))
    if init == NO_DEVICE and (instances or machine.is_known("env.CUDA_VISIBLE_DEVICES")):
        return  # hidden by a setting, or cut into MIG instances of which none is there
    yield _said(
        machine,
        f"The driver lists its GPUs, and CUDA does not start: cuInit of libcuda refuses with error {init}"
        f"{f' ({REFUSALS[init]})' if init in REFUSALS else ''}.",
        "cuda.init", "gpu.count", "driver.version",
        when=FAILS,
    )  # fmt: skip


def _said(machine: Machine, message: str, *facts: str, when: str, subject: str = "driver") -> Finding:
    return RULE.finding(machine, subject, message, *facts, when=when, confidence=Confidence.PROVED)


RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=(
        "cuda.init", "driver.trouble", "nvml.status", "gpu.count", "gpu.N.status", "host.kind", "pci.nvidia",
        "driver.version", "env.CUDA_VISIBLE_DEVICES", "gpu.N.mig",
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
        Example("CUDA does not start on GPUs that NVML lists", {"cuda.init": 999}, says="cuInit"),
        Example("a card the loaded driver does not list", {"gpus": [], "cuda.init": 100}, says="0x20b2"),
    ),
    quiet=(
        Example("a driver that answers", {}),
        Example("no driver to ask", {"nvml.status": None, "cuda.init": None, "gpus": None, "driver": None}),
        Example(
            "every GPU hidden on purpose: CUDA finds none",
            {"cuda.init": 100, "gpu.visible": [], "env.CUDA_VISIBLE_DEVICES": ""},
        ),
        Example("a mismatch, which has its own name", {"nvml.status": 18, "cuda.init": 803, "gpus": None}),
    ),
)  # fmt: skip
