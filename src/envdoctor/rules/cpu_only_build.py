"""torch was installed without CUDA on a machine with a working NVIDIA GPU.

## What it means
`torch.version.cuda` is None, so torch never uses the GPU: `torch.cuda.is_available()` is False without a word, and
`.cuda()` or `.to("cuda")` raises "AssertionError: Torch not compiled with CUDA enabled".

## Why it happens
The default wheels for Windows (and, before 2.11, for Linux on ARM) are CPU builds; a requirements file or Dockerfile
named the cpu index; conda resolved a cpu variant, because no build for the wanted `cudatoolkit` exists or `cpuonly` was
asked for (`conda list pytorch` shows it in the build: py3.8_cpu_0). Once a CPU build is installed, `pip install torch`
changes nothing: the requirement is satisfied.

Where a policy says that torch computes on the CPU (`device = "cpu"`, `channel = "cpu"`, the profile cpu) such a build
is what was asked for, and this is a note.

## How to be sure
`python -c "import torch; print(torch.__version__, torch.version.cuda)"` prints `+cpu` or None.

## How to fix
Install a CUDA build by its full version, local part included, so that pip replaces the CPU build, such as
`python -m pip install --index-url https://download.pytorch.org/whl/cu126 torch==2.14.0+cu126`, and with it its
partners. `envdoctor plan` names what fits this machine.

## Sources
`torch/version.py` of the installed wheel; `_lazy_init` in torch/cuda/__init__.py for the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import need_of, obstacle
from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import ON_WINDOWS, Example, Rule, Stage
from envdoctor.rules.severity_table import ALWAYS
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Gpu, Machine

NEEDS = (
    "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "host.os", "host.kind",
    "host.platform", "host.libc", "python.tag", "driver.version", "driver.cuda_version", "cuda.init",
    "gpu.count", "gpu.visible", "gpu.N.name", "gpu.N.compute_capability", "host.wsl", "cuda.compat",
    "cuda.library_version",
)  # fmt: skip
"""The facts that `judge` may read."""

OTHER_ACCELERATOR = frozenset({"rocm", "xpu", "mps"})


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find a build without CUDA beside a usable GPU that some published wheel serves."""
    torch = machine.torch
    if torch is None or torch.cuda is not None or torch.hip is not None or torch.provenance in OTHER_ACCELERATOR:
        return
    if not machine.visible_gpus or machine.number("cuda.init") != 0:
        return
    gpu = next((one for one in machine.visible_gpus if _some_wheel_serves(machine, matrix, one)), None)
    if gpu is None:
        return
    yield RULE.finding(
        machine,
        "torch",
        f"torch {torch.text} was built without CUDA, while this machine has a usable {gpu.label}. "
        "torch runs on the CPU alone.",
        "torch.version", "torch.cuda", f"gpu.{gpu.index}.name", "driver.version",
        when="a policy says CPU" if machine.wishes.cpu else ALWAYS,
        confidence=Confidence.PROVED,
    )  # fmt: skip


def _some_wheel_serves(machine: Machine, matrix: Matrix, gpu: Gpu) -> bool:
    need = need_of(machine, matrix, (gpu,))
    return any(
        obstacle(matrix, release, wheel, need) is None
        for release in matrix.releases
        for wheel in matrix.wheels(release.version)
        if wheel.platform == need.platform and wheel.cuda is not None
    )


RULE = Rule(
    judge,
    stage=Stage.KERNELS,
    needs=NEEDS,
    fires=(
        Example("the cpu wheel on an H200", {"torch": "2.13.0+cpu", "gpus": ["NVIDIA H200 9.0"]}, says="2.13.0"),
        Example(
            "the default wheel for Windows",
            {
                **ON_WINDOWS, "torch": "2.9.1+cpu",
            },
            says="without CUDA",
        ),
        Example(
            "the default wheel for Linux on ARM before 2.11",
            {
                "torch": "2.9.1+cpu", "host.platform": "linux-aarch64", "host.kind": "sbsa",
                "cpu.architecture": "aarch64", "cpu.flags": ["asimd", "asimddp"], "python.machine": "aarch64",
                "torch.wheel_tags": ["cp311-cp311-manylinux_2_28_aarch64"], "gpus": ["NVIDIA GH200 480GB 9.0"],
                "driver": "580.95.05 13.0",
            },
            says="GH200",
        ),
        Example(
            "the cpu variant of conda",
            {
                "torch": "1.12.1", "torch.provenance": "conda-pytorch", "torch.installer": "conda",
                "python.environment": "conda", "gpus": ["NVIDIA GeForce RTX 3060 Laptop GPU 8.6"],
                "packages.conda": {
                    "pytorch": {"version": "1.12.1", "build": "py3.11_cpu_0", "channel": "pytorch"},
                    "cudatoolkit": {"version": "11.3.1", "build": "h59b6b97_2", "channel": "defaults"},
                },
            },
            says="RTX 3060",
        ),
        Example(
            "where a policy says that torch computes on the CPU",
            {"torch": "2.13.0+cpu", "gpus": ["NVIDIA H200 9.0"]},
            severity=Severity.NOTE,
            says="without CUDA",
            wish_cpu=True,
        ),
        Example(
            "a test of the GPU says so",
            {"torch": "2.13.0+cpu",
             **smoked(failed("start", "Torch not compiled with CUDA enabled", exception="AssertionError"))},
            says="Torch not compiled with CUDA enabled",
        ),
    ),
    quiet=(
        Example("the cpu wheel where no GPU is", {"torch": "2.13.0+cpu", "gpus": None, "driver": None}),
        Example("the cpu wheel beside a GPU that is hidden", {"torch": "2.13.0+cpu", "gpu.visible": []}),
        Example("beside a GPU that no wheel serves", {"torch": "2.13.0+cpu", "gpus": ["GeForce 210 1.2"]}),
        Example(
            "a Mac, whose wheels have no CUDA",
            {
                "torch": "2.9.1", "host.os": "macos", "host.platform": "macos-arm64", "host.kind": "macos",
                "host.libc": None, "gpus": None, "driver": None, "nvml.status": None, "cuda.init": None,
                "pci.nvidia": None, "torch.wheel_tags": ["cp311-none-macosx_11_0_arm64"],
                "host.version": "macos 14.5", "cpu.architecture": "arm64", "python.machine": "arm64",
                "cpu.flags": None, "amd.gpus": None, "device.nodes": None,
            },
        ),
        Example("a build for Intel GPUs", {"torch": "2.9.1+xpu", "torch.provenance": "xpu"}),
        Example("a ROCm build", {"torch": "2.9.1+rocm6.4", "torch.provenance": "rocm"}),
    ),
)  # fmt: skip
