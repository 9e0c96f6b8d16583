"""torch runs on the GPU, triton does not compile for it: torch.compile fails there.

## What it means
Everything but `torch.compile` works. That fails with "Found NVIDIA GeForce GTX 1080 Ti which is too old to be
supported by the triton GPU compiler, which is used as the backend. Triton only supports devices of CUDA Capability
>= 7.0". Projects that compile their model by themselves fail in the same way.

## Why it happens
triton, behind the default backend of torch.compile, generates code for Volta (compute capability 7.0) and newer.
torch's own kernels reach back further, so Pascal and Maxwell run without it.

## How to be sure
`nvidia-smi --query-gpu=name,compute_cap --format=csv` prints the compute capability.

## How to fix
Nothing has to be mended. Where a program compiles by itself, set `TORCHDYNAMO_DISABLE=1`, or its own switch for it
(`nnUNet_compile=f` for nnU-Net), or use `torch.compile(backend="cudagraphs")`.

## Sources
`GPUTooOldForTriton` in torch/_inductor/exc.py and the check in torch/_inductor/scheduler.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.versions import older
from envdoctor.model.finding import Severity
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Wheel
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Capability, Machine

FIRST_WITH_COMPILE = "2.0"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find the visible GPUs that torch serves and triton does not.

    Where torch serves none, its own rules say so, and triton is no matter.
    """
    triton = machine.text("triton.version")
    torch = machine.torch
    if triton is None or torch is None or torch.cuda is None or not torch.official:
        return
    if older(torch.release, FIRST_WITH_COMPILE):
        return
    lowest = matrix.triton_gpus.capability
    wheel = matrix.wheel(torch.release, torch.channel or "", machine.platform)
    for gpu in machine.visible_gpus:
        if gpu.capability is None or gpu.capability >= lowest or not _serves(wheel, gpu.capability):
            continue
        yield RULE.finding(
            machine,
            gpu.subject,
            f"{gpu.label} has compute capability {gpu.capability[0]}.{gpu.capability[1]}, and triton {triton} compiles "
            f"for {lowest[0]}.{lowest[1]} and newer: torch runs on this GPU, torch.compile does not.",
            f"gpu.{gpu.index}.name", f"gpu.{gpu.index}.compute_capability", "triton.version", "torch.version",
        )  # fmt: skip


def _serves(wheel: Wheel | None, capability: Capability) -> bool:
    return wheel is not None and wheel.sass is not None and bool(kernels_for(wheel.sass, wheel.ptx or (), capability))


PASCAL: dict[str, Value] = {"torch": "2.6.0+cu126", "gpus": ["NVIDIA GeForce GTX 1080 Ti 6.1"]}
TOO_OLD = "Found NVIDIA GeForce GTX 1080 Ti which is too old to be supported by the triton GPU compiler"

RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=(
        "triton.version", "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance",
        "host.platform", "gpu.count", "gpu.visible", "gpu.N.name", "gpu.N.compute_capability",
    ),
    fires=(
        Example("a Pascal GPU with triton", {**PASCAL, "triton.version": "3.2.0"}, severity=Severity.NOTE, says="6.1"),
        Example(
            "torch.compile was tried",
            {**PASCAL, "triton.version": "3.2.0", **smoked(failed("compile", TOO_OLD, exception="GPUTooOldForTriton"))},
            says="The kernel test compile failed on",
        ),
    ),
    quiet=(
        Example(
            "Volta, the oldest that triton serves",
            {"torch": "2.6.0+cu126", "gpus": ["Tesla V100-SXM2-16GB 7.0"], "triton.version": "3.2.0"},
        ),
        Example("a Pascal GPU without triton", PASCAL),
        Example("a Pascal GPU that is hidden", {**PASCAL, "triton.version": "3.2.0", "gpu.visible": []}),
        Example("a torch before torch.compile", {**PASCAL, "torch": "1.13.1+cu117", "triton.version": "1.0"}),
    ),
)  # fmt: skip
