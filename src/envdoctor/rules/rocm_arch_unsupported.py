"""The ROCm build of torch carries no BLAS kernels for an AMD GPU of this machine.

## What it means
`torch.cuda.is_available()` is True, and the first matrix multiplication ends the program with "rocBLAS error: Cannot
read .../torch/lib/rocblas/library/TensileLibrary.dat: Illegal seek for GPU arch : gfx1103", or with "HIP error:
invalid device function" or "device kernel image is invalid".

## Why it happens
Each ROCm release is built for a list of architectures, and the wheels for another list that mostly has the large
discrete cards. Integrated GPUs (gfx1035, gfx1103), smaller cards of a family (gfx1031, gfx1032) and cards that a newer
ROCm dropped (gfx900, gfx906) are left out. There is no code that a driver could translate, as PTX is.

## How to be sure
`rocminfo | grep gfx` names the GPUs;
`ls .../site-packages/torch/lib/rocblas/library | grep -o 'gfx[0-9a-f]*' | sort -u` names what this torch carries, and
`python -c "import torch; print(torch.cuda.get_arch_list())"` its other kernels.

## How to fix
Install a build whose list has the GPU: another ROCm channel of the same release (`envdoctor plan` knows CUDA only; the
channels are `rocmX.Y` of the PyTorch index), or AMD's own wheels for that architecture. Where a close relative is in
the list, `HSA_OVERRIDE_GFX_VERSION=10.3.0` makes a gfx1031 or gfx1032 pass for a gfx1030, `11.0.0` a gfx1101 or gfx1102
for a gfx1100: unsupported by AMD, often works, and hangs some machines (a gfx1103 among them). An integrated GPU beside
a served card is hidden by `HIP_VISIBLE_DEVICES=0`, with the number that `rocminfo` gives the card.

## Sources
pytorch/pytorch issue 179865 (gfx900 and the list of a rocm7.2 wheel), ROCm/rocBLAS issue 1352, ROCm/TheRock issue 1184
(gfx1103 and the override), issue 5543 (an integrated GPU beside a card); the kernel's amdkfd topology for the names;
LLVM's "User Guide for AMDGPU Backend" for which processors are integrated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

OVERRIDE = "env.HSA_OVERRIDE_GFX_VERSION"
CHOOSING = (("env.ROCR_VISIBLE_DEVICES",), ("env.HIP_VISIBLE_DEVICES", "env.CUDA_VISIBLE_DEVICES"))
"""What chooses GPUs, one after the other; of the second pair the first that is set counts."""

INTEGRATED = frozenset(
    {
        *("gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1103"),
        *("gfx1150", "gfx1151", "gfx1152", "gfx1153"),
    }
)
"""Processors that LLVM's table calls an APU: a machine may have one beside its card without meaning to use it."""

MOST_NAMED = 12
"""Architectures written out in a message."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Compare the GPUs that ROCm programs see with what torch carries."""
    torch = machine.torch
    if torch is None or torch.hip is None:
        return
    carried = [name for name in machine.items("torch.rocm_archs") if isinstance(name, str)]
    gpus = [name for name in machine.items("amd.gpus") if isinstance(name, str)]
    if not carried or not gpus or machine.told(OVERRIDE):
        return
    visible = _visible(machine, gpus)
    served = {name for name in gpus if is_served(name, carried)}
    if visible is None:  # chosen by a name that no fact holds
        visible = [*enumerate(gpus)] if not served else []
    some = any(name in served for _, name in visible)
    listed = ", ".join(carried[:MOST_NAMED]) + (" and more" if len(carried) > MOST_NAMED else "")
    said: set[str] = set()
    for index, name in visible:
        if name in served or (not some and name in said):
            continue
        said.add(name)
        when = "no GPU is served"
        if some:
            when = "an integrated GPU beside a served one" if name in INTEGRATED else "another GPU is served"
        yield RULE.finding(
            machine,
            f"gpu:{index}",
            f"torch {torch.text} has no BLAS kernels for the AMD GPU {index} ({name}), only for {listed}, so a matrix "
            "multiplication on it ends the program.",
            "amd.gpus", "torch.rocm_archs", "torch.version", OVERRIDE,
            when=when,
        )  # fmt: skip


def is_served(gpu: str, carried: list[str]) -> bool:
    """Whether a list of targets serves an architecture, by its name or a generic one: gfx10-3-generic."""
    generic = (name.removesuffix("-generic").replace("-", "") for name in carried if name.endswith("-generic"))
    return gpu in carried or any(gpu.startswith(family) for family in generic)


def _visible(machine: Machine, gpus: list[str]) -> list[tuple[int, str]] | None:
    """The GPUs that a ROCm program sees, with their number among all; None where the choice is not by number."""
    visible = [*enumerate(gpus)]
    for names in CHOOSING:
        choice = next((said for name in names if (said := machine.told(name)) is not None), None)
        if choice is None:
            continue
        numbers = [word.strip() for word in choice.split(",")]
        if not all(re.fullmatch(r"-?\d{1,4}", word) for word in numbers if word):
            return None
        wanted = [int(word) for word in numbers if word]
        # What follows a number that no GPU has is not seen.
        wanted = wanted[: next((at for at, number in enumerate(wanted) if not 0 <= number < len(visible)), len(wanted))]
        visible = [visible[number] for number in wanted]
    return visible


WHEEL: list[Value] = ["gfx908", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1101", "gfx1102", "gfx1200", "gfx1201"]
AMD: dict[str, Value] = {
    "torch": "2.9.1+rocm6.4",
    "torch.provenance": "rocm",
    "torch.rocm_archs": WHEEL,
    "amd.gpus": ["gfx1100"],
    "driver": None,
    "gpus": None,
    "nvml.status": None,
    "cuda.init": None,
    "device.nodes": None,
    "pci.nvidia": [],
    "cuda.library": None,
    "cuda.library_version": None,
    OVERRIDE: None,
    "env.ROCR_VISIBLE_DEVICES": None,
    "env.HIP_VISIBLE_DEVICES": None,
}

RULE = Rule(
    judge,
    stage=Stage.KERNELS,
    needs=(
        "torch.version",
        "torch.cuda",
        "torch.hip",
        "torch.channel",
        "torch.provenance",
        "torch.rocm_archs",
        "amd.gpus",
        OVERRIDE,
        "env.ROCR_VISIBLE_DEVICES",
        "env.HIP_VISIBLE_DEVICES",
        "env.CUDA_VISIBLE_DEVICES",
    ),
    fires=(
        Example("a laptop's Radeon 780M alone", {**AMD, "amd.gpus": ["gfx1103"]}, says="gfx1103"),
        Example("two cards that ROCm 7 dropped", {**AMD, "amd.gpus": ["gfx900", "gfx900"]}, says="gfx900"),
        Example(
            "an older card beside a served one",
            {**AMD, "amd.gpus": ["gfx1100", "gfx906"]},
            severity=Severity.WARNING,
            says="AMD GPU 1 (gfx906)",
        ),
        Example(
            "the graphics of the processor beside a card",
            {**AMD, "amd.gpus": ["gfx1100", "gfx1036"]},
            severity=Severity.NOTE,
            says="gfx1036",
        ),
        Example(
            "the card is hidden, the processor's graphics are left",
            {**AMD, "amd.gpus": ["gfx1100", "gfx1036"], "env.HIP_VISIBLE_DEVICES": "1"},
            says="AMD GPU 1 (gfx1036)",
        ),
        Example(
            "a matrix product says so",
            {
                **AMD,
                "amd.gpus": ["gfx1103"],
                **smoked(failed("matmul-fp32", "HIP error: invalid device function"), gpus=()),
            },
            says="BLAS",
        ),
    ),
    quiet=(
        Example("a card in the list", AMD),
        Example("an Instinct in the list", {**AMD, "amd.gpus": ["gfx942"] * 8}),
        Example("an override is set", {**AMD, "amd.gpus": ["gfx1032"], OVERRIDE: "10.3.0"}),
        Example(
            "a generic target serves the family",
            {**AMD, "amd.gpus": ["gfx1103"], "torch.rocm_archs": ["gfx11-generic"]},
        ),
        Example(
            "the processor's graphics are hidden",
            {**AMD, "amd.gpus": ["gfx1036", "gfx1100"], "env.HIP_VISIBLE_DEVICES": "1"},
        ),
        Example(
            "chosen by UUID while a card is served",
            {**AMD, "amd.gpus": ["gfx906", "gfx1100"], "env.ROCR_VISIBLE_DEVICES": "GPU-1234567890abcdef"},
        ),
        Example("no GPU is meant to be used", {**AMD, "amd.gpus": ["gfx1103"], "env.HIP_VISIBLE_DEVICES": "-1"}),
        Example("a build that takes its kernels from ROCm", {**AMD, "amd.gpus": ["gfx1103"], "torch.rocm_archs": None}),
        Example("a ROCm build where no AMD GPU is", {**AMD, "amd.gpus": None}),
        Example("a CUDA build beside an AMD GPU", {"amd.gpus": ["gfx1103"]}),
    ),
)
