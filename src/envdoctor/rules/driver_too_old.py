"""The NVIDIA driver is older than the CUDA runtime of the installed torch needs.

## What it means
torch brings its own CUDA runtime, but not the driver. The driver of this machine does not run that CUDA
major version: `torch.cuda.is_available()` is False, often with "The NVIDIA driver on your system is too
old".

## Why it happens
`pip install torch` takes the newest build, and its CUDA moves on (CUDA 13 since torch 2.11), while drivers
on servers stay. Within one CUDA major a newer runtime runs on an older driver (minor-version
compatibility), so CUDA 12.8 on driver 535 is fine; across majors it is not.

## How to be sure
`nvidia-smi` prints the driver version; `python -c "import torch; print(torch.version.cuda)"` the CUDA
runtime of the wheel. Floors on Linux: CUDA 11 needs 450.80.02, CUDA 12 needs 525.60.13, CUDA 13 needs
580.65.06. A CUDA toolkit in /usr/local has no part in this.

## How to fix
Install the build of the same torch for an older CUDA, or, where the GPU is supported by it, a newer driver.
`envdoctor plan` names both.

## Sources
NVIDIA CUDA Compatibility guide, minor-version compatibility; CUDA Toolkit release notes, table of toolkit
driver versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import driver_runs, need_of
from envdoctor.model.machine import Undecidable
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the driver with the floor of the wheel's CUDA."""
    torch = machine.torch
    if torch is None or torch.cuda is None or torch.provenance == "jetson" or not machine.visible_gpus:
        return
    if not machine.is_known("driver.cuda_version") and machine.text("driver.version") is None:
        return
    need = need_of(machine, matrix, gpus=())
    runs = driver_runs(matrix, torch.cuda, need)
    if runs is None:
        raise Undecidable(f"the matrix holds no driver floor for CUDA {torch.cuda}")
    if runs:
        return
    floor = matrix.driver_floor(torch.cuda, need.driver_os)
    wanted = f"driver {floor} or newer" if floor else "a driver for that CUDA or a newer one"
    api = f" (CUDA {need.api})" if need.api else ""
    yield RULE.finding(
        machine,
        "driver",
        f"torch {torch.text} brings the CUDA {torch.cuda} runtime, which needs {wanted}. "
        f"This is driver {need.driver or 'of unknown version'}{api}, so torch cannot use the GPU.",
        "driver.version", "driver.cuda_version", "torch.version", "torch.cuda",
    )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.RUNTIME,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "host.os", "host.kind",
        "host.platform", "host.libc", "python.tag", "driver.version", "driver.cuda_version", "gpu.count",
        "gpu.visible", "gpu.N.name", "gpu.N.compute_capability",
    ),
    fires=(
        Example("driver 470 under CUDA 12.4", {"torch": "2.5.1+cu124", "driver": "470.256.02 11.4"}, says="525.60.13"),
        Example("the driver just below the floor", {"driver": "525.60.11 11.8"}, says="525.60.13"),
        Example("driver 570 under CUDA 13", {"torch": "2.14.0+cu130", "driver": "570.124.06 12.8"}, says="580.65.06"),
    ),
    quiet=(
        Example("the oldest driver that runs CUDA 12", {"driver": "525.60.13 12.0"}),
        Example("CUDA 12.8 on driver 535: minor-version compatibility", {"driver": "535.104.05 12.2"}),
        Example("CUDA 11.8 on a driver of 2026", {"torch": "2.7.1+cu118", "driver": "595.58.03 13.2"}),
        Example(
            "forward-compat libraries answer for CUDA 13",
            {"torch": "2.14.0+cu130", "driver": "535.104.05 13.0", "torch.provenance": "ngc"},
        ),
        Example("no driver at all is another defect", {"driver": None, "gpus": None, "nvml.status": None}),
    ),
)  # fmt: skip
