"""The NVIDIA driver is older than the GPU: no CUDA program can use that GPU.

## What it means
The first driver branch that supports this GPU is newer than the installed one. No choice of torch helps.

## Why it happens
A new card was put into a machine, or a cloud image with an old driver was started on new hardware.
Blackwell (GeForce RTX 50, RTX PRO Blackwell, B200) needs driver branch 570 or newer.

## How to be sure
`nvidia-smi` prints the driver version, or "No devices were found". `dmesg | grep NVRM` then says "The NVIDIA GPU
0000:01:00.0 (PCI ID: 10de:2b85) installed in this system is not supported by the NVIDIA 550.144.03 driver release".

## How to fix
Install a newer driver, where the driver lives: on the host of a container, in Windows for WSL2. Blackwell
also needs the open kernel modules. Then choose the torch build: `envdoctor plan` names it.

## Sources
CUDA Toolkit 12.8 release notes: the first toolkit with sm_100 and sm_120, shipped with driver R570; for the kernel's
line, NVIDIA/open-gpu-kernel-modules issue 393.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import capability_of, dotted
from envdoctor.model.finding import Severity
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.wheel_kernels import dotted as cc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the driver branch with the lowest one of each visible GPU."""
    if not machine.visible_gpus:
        return
    if not machine.is_known("driver.version") and machine.is_known("cuda.init") and machine.number("cuda.init") == 0:
        return  # CUDA starts and enumerates them: the driver supports them, whatever its version
    version = dotted(machine, "driver.version")
    if version is None:
        return
    unsupported = []
    for gpu in machine.visible_gpus:
        capability = capability_of(gpu, matrix)
        lowest = matrix.gpu_driver_floor(capability)
        if lowest is not None and matrix.driver_branch(version) < lowest.branch:
            unsupported.append((gpu, capability, lowest))
    alone = len(unsupported) == len(machine.visible_gpus)
    for gpu, capability, lowest in unsupported:
        yield RULE.finding(
            machine,
            gpu.subject,
            f"{gpu.label} (compute capability {cc(capability)}) is supported from driver branch {lowest.branch} on. "
            f"This is driver {version}, so no CUDA program can use that GPU, whichever torch is installed.",
            f"gpu.{gpu.index}.name", f"gpu.{gpu.index}.compute_capability", "driver.version",
            when="no visible GPU is served" if alone else "another visible GPU is served",
        )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.SUPPORT,
    needs=("driver.version", "cuda.init", "gpu.count", "gpu.visible", "gpu.N.name", "gpu.N.compute_capability"),
    fires=(
        Example(
            "RTX 5090 on driver 535",
            {"gpus": ["NVIDIA GeForce RTX 5090 12.0"], "driver": "535.104.05 12.2"},
            says="570",
        ),
        Example(
            "B200 beside an A100 on driver 565",
            {"gpus": ["NVIDIA B200 10.0", "NVIDIA A100-SXM4-80GB 8.0"], "driver": "565.57.01 12.7"},
            severity=Severity.WARNING,
            says="570",
        ),
    ),
    quiet=(
        Example(
            "RTX 5090 on the first driver that knows it",
            {"gpus": ["NVIDIA GeForce RTX 5090 12.0"], "driver": "570.86.10 12.8"},
        ),
        Example("A100 on driver 535", {}),
    ),
)
