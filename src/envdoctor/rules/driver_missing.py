"""An NVIDIA GPU is in the machine, and no NVIDIA driver is loaded for it.

## What it means
The hardware is on the PCI bus, but no program can reach it: torch says "Found no NVIDIA driver on your system" and runs
on the CPU, and `nvidia-smi`, where it is installed, "NVIDIA-SMI has failed because it couldn't communicate with the
NVIDIA driver".

## Why it happens
The driver was never installed; its module was not built for a new kernel (DKMS) or is refused by Secure
Boot; the card is bound to `nouveau`. In a container: the host has no driver, or the GPU was not passed in.

## How to be sure
`lspci -k -d 10de:` shows the card and the kernel driver in use; `cat /proc/driver/nvidia/version` fails. `dkms status`
shows for which kernels the module was built (`uname -r` is the one that runs), `mokutil --sb-state` whether Secure
Boot is on; `dmesg | grep -i -e nvidia -e nouveau` why it is not loaded ("Key was rejected by service": Secure Boot).

## How to fix
Install the NVIDIA driver of the distribution, or mend its module build, then load it or reboot. A CUDA
toolkit is not needed, and reinstalling torch changes nothing.

## Sources
sysfs PCI bus; NVML API reference, NVML_ERROR_DRIVER_NOT_LOADED (9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.cuda_start import OWN_DRIVER
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

NOT_LOADED = 9  # NVML_ERROR_DRIVER_NOT_LOADED
PASSED_ON = frozenset({"vfio-pci", "nvgrace_gpu_vfio_pci", "nvgrace-gpu-vfio-pci", "xen-pciback", "pci-stub"})
"""Kernel drivers that hold a card for a virtual machine: that it has no NVIDIA driver here is intended."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find hardware without a driver; bare hosts only, unless a GPU was asked for."""
    if machine.text("host.os") != "linux" or machine.text("host.kind") in ("wsl2", "jetson"):
        return
    if machine.is_known("host.wsl") or machine.is_known("host.l4t"):
        return  # a container on one of these: their driver is told of in other places
    if machine.number("nvml.status") not in (None, NOT_LOADED) or machine.text("driver.version") is not None:
        return
    if machine.is_known("cuda.init") and machine.number("cuda.init") == 0:
        return
    when = "on a bare host" if machine.text("host.kind") in OWN_DRIVER else "where nobody asked for a GPU"
    if machine.wishes.require_gpu:
        when = "a GPU was asked for"
    elif when != "on a bare host" and not machine.is_known("pci.nvidia"):
        return  # a container that shows no bus: what it would tell is a note at most
    cards = [card for card in machine.items("pci.nvidia") if isinstance(card, dict)]
    holders = [str(card["driver"]) if card.get("driver") else None for card in cards]
    cards = [card for card, holder in zip(cards, holders, strict=True) if holder not in PASSED_ON]
    if not cards:
        return
    bound = next((holder for holder in holders if holder and holder not in PASSED_ON), None)
    holder = f" It is bound to the kernel driver {bound}." if bound else ""
    library = machine.told("driver.library_version")
    if library and not bound:
        holder = (
            f" Libraries of driver {library} are installed: its kernel module is not loaded, was not built or signed "
            "for this kernel, or does not support this card."
        )
    yield RULE.finding(
        machine,
        "driver",
        f"An NVIDIA GPU (PCI {cards[0].get('address')}) is in this machine and no NVIDIA driver is loaded, so no "
        f"program can use it.{holder}",
        "pci.nvidia", "driver.version", "nvml.status", "device.nodes",
        when=when,
        confidence=Confidence.PROVED,
    )  # fmt: skip


NO_DRIVER: dict[str, Value] = {
    "driver": None,
    "gpus": None,
    "nvml.status": None,
    "cuda.init": None,
    "device.nodes": None,
}
CARD: dict[str, Value] = {"address": "0000:01:00.0", "device": "0x2684", "class": "0x030000", "driver": None}

RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=(
        "host.os",
        "host.wsl",
        "host.l4t",
        "host.kind",
        "nvml.status",
        "cuda.init",
        "driver.version",
        "pci.nvidia",
        "driver.library_version",
    ),
    explains=("no-nvidia-gpu", "driver-query-failed"),
    fires=(
        Example("a card and no driver", {**NO_DRIVER, "pci.nvidia": [CARD]}, says="0000:01:00.0"),
        Example(
            "an Arm server and no driver",
            {**NO_DRIVER, "pci.nvidia": [CARD], "host.kind": "sbsa", "host.platform": "linux-aarch64"},
        ),
        Example("nouveau holds the card", {**NO_DRIVER, "pci.nvidia": [{**CARD, "driver": "nouveau"}]}, says="nouveau"),
        Example(
            "in a container where nobody asked for a GPU",
            {**NO_DRIVER, "pci.nvidia": [CARD], "host.kind": "container"},
            severity=Severity.NOTE,
        ),
    ),
    quiet=(
        Example("no card", {**NO_DRIVER, "pci.nvidia": []}),
        Example(
            "the card is held for a virtual machine", {**NO_DRIVER, "pci.nvidia": [{**CARD, "driver": "vfio-pci"}]}
        ),
        Example("a card with its driver", {}),
    ),
)
