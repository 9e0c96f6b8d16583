"""CUDA does not start although the driver answers: its memory module is missing or in a stale state.

## What it means
`nvidia-smi` works and every version agrees, yet cuInit answers 999, and torch says "CUDA unknown error - this may
be due to an incorrectly set up environment". CUDA needs one thing more than nvidia-smi does: the kernel module
nvidia_uvm and its device file.

## Why it happens
A laptop or desktop was suspended while a CUDA program ran, and nvidia_uvm did not survive it. Or the module is not
loaded, or `/dev/nvidia-uvm` was not made or not passed into the container. Less often, a driver upgraded in place
without a restart of what used it. Changing CUDA_VISIBLE_DEVICES, which torch's message names, is rarely the cause.

## How to be sure
`ls -l /dev/nvidia-uvm` and `lsmod | grep nvidia_uvm`; `dmesg | grep -i -e nvrm -e uvm` after a failing start.
`fuser -v /dev/nvidia-uvm` lists the programs that hold it.

## How to fix
Missing: `nvidia-modprobe -u -c 0`, in a container start it with `--gpus all` (or the CDI device) again.
Stale: end the programs that use the GPU, then `sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm`; where the module
stays in use, reboot. Against the next suspend: the driver option `NVreg_PreserveVideoMemoryAllocations=1` with the
nvidia-suspend services. No package has to be changed.

## Sources
CUDA driver API, CUDA_ERROR_UNKNOWN (999); pytorch issues 43281, 49081 and 88639; NVIDIA driver README, "Power
management".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.cuda_start import NEEDS, STALE, cause
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

UVM = "nvidia-uvm"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find the refusal 999 behind a driver that answers in one voice."""
    if cause(machine, matrix) != STALE:
        return
    why = "its state in the kernel (the module nvidia_uvm) is stale, mostly after a suspend or an upgrade"
    if _uvm_is_missing(machine):
        container = machine.told("host.kind") == "container"
        why = f"the device file /dev/{UVM} is missing" + (
            ": it was not passed into the container" if container else ": the kernel module nvidia_uvm is not loaded"
        )
    yield RULE.finding(
        machine,
        "driver",
        "The NVIDIA driver answers and its versions agree, but CUDA does not start: cuInit refuses with error 999 "
        f"(unknown error); {why}.",
        "cuda.init", "nvml.status", "driver.version", "device.nodes",
    )  # fmt: skip


def _uvm_is_missing(machine: Machine) -> bool:
    """Whether the device files of the driver are there without that of nvidia_uvm."""
    nodes = machine.items("device.nodes") if machine.is_known("device.nodes") else []
    return "nvidiactl" in nodes and UVM not in nodes


RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=NEEDS,
    explains=("driver-query-failed", "no-nvidia-gpu"),
    fires=(
        Example(
            "after a suspend", {"cuda.init": 999, "device.nodes": ["nvidia0", "nvidia-uvm", "nvidiactl"]}, says="stale"
        ),
        Example(
            "nvidia_uvm is not loaded", {"cuda.init": 999, "device.nodes": ["nvidia0", "nvidiactl"]}, says="not loaded"
        ),
        Example(
            "not passed in",
            {"cuda.init": 999, "host.kind": "container", "device.nodes": ["nvidia0", "nvidiactl"]},
            says="into the container",
        ),
        Example(
            "it does not start for torch alone",
            smoked(failed("start", "CUDA unknown error - this may be due to an incorrectly set up environment")),
            says="nvidia_uvm is in a stale state",
        ),
    ),
    quiet=(
        Example("CUDA starts", {"device.nodes": ["nvidia0", "nvidia-uvm", "nvidiactl"]}),
        Example("a container that lost its devices", {"nvml.status": 999, "cuda.init": 999, "gpus": None}),
        Example("a GPU that refuses by itself", {"cuda.init": 999, "gpu.0.status": 999}),
    ),
)
