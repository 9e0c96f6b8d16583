"""A GPU has fallen off the bus: the driver lists it and cannot reach it.

## What it means
NVML answers "GPU is lost", and `nvidia-smi` "Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.
Reboot the system to recover this GPU". Programs that use this GPU fail or hang, and new ones may not start at all.

## Why it happens
A hardware or power fault, overheating, or a PCIe error (Xid 79 in the kernel log).

## How to be sure
`dmesg | grep -i xid` on the host: "NVRM: Xid (PCI:0000:02:00): 79, GPU has fallen off the bus." `nvidia-smi -L` lists
the others.

## How to fix
Reboot the machine. If the GPU is lost again, its power, seating, cooling or the card itself is at fault.
No package can mend it. The other GPUs can be used meanwhile through CUDA_VISIBLE_DEVICES.

## Sources
NVML API reference, NVML_ERROR_GPU_IS_LOST (15).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence
from envdoctor.model.machine import MOST_GPUS
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

LOST = 15  # NVML_ERROR_GPU_IS_LOST


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """NVML says so itself, of one GPU or of all."""
    if machine.is_known("nvml.status") and machine.number("nvml.status") == LOST:
        yield RULE.finding(
            machine,
            "driver",
            "The driver lost a GPU: NVML does not start and says that the GPU has fallen off the bus.",
            "nvml.status",
            confidence=Confidence.PROVED,
        )
        return
    for index in range(min(machine.number("gpu.count") or 0, MOST_GPUS)):
        name = f"gpu.{index}.status"
        if machine.is_known(name) and machine.number(name) == LOST:
            yield RULE.finding(
                machine,
                f"gpu:{index}",
                f"GPU {index} is lost: the driver lists it and cannot reach it any more.",
                name,
                confidence=Confidence.PROVED,
            )


RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=("nvml.status", "gpu.count", "gpu.N.status"),
    explains=("driver-query-failed",),
    fires=(
        Example(
            "one of two GPUs is lost",
            {"gpus": ["NVIDIA A100 8.0", "NVIDIA A100 8.0"], "gpu.1.status": 15},
            says="1",
        ),
        Example("NVML does not start for it", {"nvml.status": 15, "gpus": None}, says="bus"),
        Example(
            "it is lost while kernels run",
            smoked(failed("sort", "NVML error: GPU is lost")),
            says="cannot reach that GPU any more",
        ),
    ),
    quiet=(Example("every GPU answers", {"gpus": ["NVIDIA A100 8.0", "NVIDIA A100 8.0"]}),),
)
