"""The NVIDIA driver is older than the CUDA runtime of the installed torch needs.

## What it means
torch brings its own CUDA runtime, but not the driver. The driver of this machine does not run that CUDA
major version: `torch.cuda.is_available()` is False, often with "The NVIDIA driver on your system is too
old (found version 11040)". That number is the newest CUDA of the driver, here 11.4, not the driver's version.

## Why it happens
`pip install torch` takes the newest build, and its CUDA moves on (CUDA 13 since torch 2.11), while drivers
on servers stay. Within one CUDA major a newer runtime runs on an older driver (minor-version
compatibility), so CUDA 12.8 on driver 535 is fine; across majors it is not. Images of CUDA 12 and 13 may carry the
libcuda of a newer driver in /usr/local/cuda/compat (forward compatibility, data-centre GPUs alone): it bridges the
gap where the loader takes it, and does nothing where it merely lies there.

## How to be sure
`nvidia-smi` prints the driver version; `python -c "import torch; print(torch.version.cuda)"` the CUDA
runtime of the wheel. Floors on Linux: CUDA 11 needs 450.80.02, CUDA 12 needs 525.60.13, CUDA 13 needs
580.65.06. A CUDA toolkit in /usr/local has no part in this. `ldconfig -p | grep libcuda.so.1` and LD_LIBRARY_PATH
tell which libcuda is in use.

## How to fix
Install the build of the same torch for an older CUDA, or, where the GPU is supported by it, a newer driver.
`envdoctor plan` names both.

## Sources
NVIDIA CUDA Compatibility guide, minor-version compatibility; CUDA Toolkit release notes, table of toolkit
driver versions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.serving import driver_runs, need_of
from envdoctor.matrix.versions import minor
from envdoctor.model.fact import Unknown
from envdoctor.model.machine import Undecidable
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

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
    if isinstance(machine.snapshot.facts.get("cuda.compat"), Unknown):
        # Only here the doubt matters: a forward-compat libcuda would run what the driver alone does not.
        machine.value("cuda.compat")
    floor = matrix.driver_floor(torch.cuda, need.driver_os)
    wanted = f"driver {floor} or newer" if floor else "a driver for that CUDA or a newer one"
    api = f" (CUDA {need.api})" if need.api else ""
    at_hand = _compat_at_hand(machine, matrix, torch.cuda)
    yield RULE.finding(
        machine,
        "driver",
        f"torch {torch.text} brings the CUDA {torch.cuda} runtime, which needs {wanted}. "
        f"This is driver {need.driver or 'of unknown version'}{api}, so torch cannot use the GPU."
        f"{at_hand}",
        "driver.version", "driver.cuda_version", "torch.version", "torch.cuda",
        *(("cuda.library", "cuda.compat_folders") if at_hand else ()),
    )  # fmt: skip


def _compat_at_hand(machine: Machine, matrix: Matrix, cuda: str) -> str:
    """Name forward-compat libraries that would do and that the loader does not take."""
    if machine.is_known("cuda.compat") or not machine.is_known("cuda.compat_folders"):
        return ""
    for one in machine.items("cuda.compat_folders"):
        folder, version = (one.get("folder"), one.get("version")) if isinstance(one, dict) else (None, None)
        if isinstance(folder, str) and isinstance(version, str) and re.fullmatch(r"\d{3}(\.\d+){1,2}", version):
            api = matrix.driver_cuda(version)
            if api is not None and minor(api) >= minor(cuda):
                return f" The forward-compat libraries in {folder} (of driver {version}) are not in use."
    return ""


RULE = Rule(
    judge,
    stage=Stage.RUNTIME,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "host.os", "host.kind",
        "host.platform", "host.libc", "python.tag", "driver.version", "driver.cuda_version", "gpu.count",
        "gpu.visible", "gpu.N.name", "gpu.N.compute_capability", "host.wsl", "cuda.compat", "cuda.library_version",
        "cuda.compat_folders", "torch.kernels", "cudnn.version",
    ),
    fires=(
        Example("driver 470 under CUDA 12.4", {"torch": "2.5.1+cu124", "driver": "470.256.02 11.4"}, says="525.60.13"),
        Example("the driver just below the floor", {"driver": "525.60.11 11.8"}, says="525.60.13"),
        Example(
            "an image whose forward-compat libraries lie there unused",
            {
                "torch": "2.14.0+cu130", "driver": "535.104.05 12.2", "host.kind": "container",
                "cuda.compat_folders": [{"folder": "/usr/local/cuda-13.0/compat", "version": "580.65.06"}],
            },
            says="not in use",
        ),
        Example("driver 570 under CUDA 13", {"torch": "2.14.0+cu130", "driver": "570.124.06 12.8"}, says="580.65.06"),
        Example(
            "PTX that it cannot compile",
            smoked(failed("sparse", "CUDA error: the provided PTX was compiled with an unsupported toolchain.")),
            says="unsupported toolchain",
        ),
    ),
    quiet=(
        Example("the oldest driver that runs CUDA 12", {"driver": "525.60.13 12.0"}),
        Example("CUDA 12.8 on driver 535: minor-version compatibility", {"driver": "535.104.05 12.2"}),
        Example("CUDA 11.8 on a driver of 2026", {"torch": "2.7.1+cu118", "driver": "595.58.03 13.2"}),
        Example(
            "forward-compat libraries answer for CUDA 13",
            {
                "torch": "2.14.0+cu130", "driver": "535.104.05 13.0", "torch.provenance": "ngc",
                "cuda.compat": "/usr/local/cuda-13.0/compat", "cuda.library_version": "580.65.06",
            },
        ),
        Example(
            "they are in effect, and libcuda itself was not asked",
            {
                "torch": "2.14.0+cu130", "driver": "535.104.05 12.2", "cuda.compat": "/usr/local/cuda-13.0/compat",
                "cuda.library_version": "580.65.06",
            },
        ),
        Example("no driver at all is another defect", {"driver": None, "gpus": None, "nvml.status": None}),
    ),
)  # fmt: skip
