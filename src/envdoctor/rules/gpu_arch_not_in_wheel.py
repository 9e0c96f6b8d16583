"""The torch wheel holds no kernels for this GPU, which is newer than the wheel or not covered by it.

## What it means
No machine code in the wheel runs on the GPU, and no PTX in it can be compiled for it by this driver. torch warns:
"NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation"; the first
kernel fails with "CUDA error: no kernel image is available for execution on the device".

## Why it happens
The GPU came after the torch release, or the wheel is of a channel that leaves it out: Blackwell (10.x and
12.x) is in cu128 and later channels, from torch 2.7 on, and never in cu126 or cu118.

## How to be sure
`python -c "import torch; print(torch.cuda.get_arch_list())"`. An entry sm_XY serves GPUs of the same major version X
with a minor of Y or more, so sm_86 serves an RTX 4090 (8.9) and that machine is healthy. An entry compute_XY is PTX:
it serves every newer GPU, provided the driver is as new as the wheel's CUDA. Where only PTX serves and the CUDA of
the wheel is older than the GPU, torch's own kernels run and those of cuBLAS and cuDNN do not: a warning.

envdoctor reads the same in the files: the machine code and the PTX that torch's libraries hold, whoever built them.
What a few modules hold for the features of one GPU (sm_90a, sm_103f) does not count, since everything else would fail
on that GPU; where some modules have code for a GPU and many have none, nothing is said. Where no file could be read,
the matrix knows the published wheels. Of other builds (conda's, a vendor's, a nightly) one thing is certain all the
same: what is built with CUDA 12.4 holds no machine code for a GPU that came with CUDA 12.8. That is a warning too.

On Jetson boards it is otherwise. With CUDA 12 (JetPack 6) an Orin (8.7) refuses code for 8.0, which the wheels for Arm
servers hold, and torch leaves it out of that rule. With CUDA 13 (JetPack 7.2) such code was reported to run, under a
warning of torch's. No source vouches for it, so that this is a warning here too: run your model once and see.

## How to fix
Install a build that holds the kernels; `envdoctor plan` names it, and for a Jetson board the place that has one.

## Sources
CUDA C++ Programming Guide, binary and PTX compatibility, architecture- and family-specific targets; the fat binaries in
torch's libraries (`cuobjdump --list-elf` shows them); the architecture flags compiled into the wheels;
torch/cuda/__init__.py, DEVICE_REQUIREMENT; jax-ml/jax#40492 and pytorch#145560 (an Orin with CUDA 12);
nvidia-holoscan/holohub#1687 and conda-forge/pytorch-cpu-feedstock#527 (with CUDA 13).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked
from envdoctor.rules.wheel_kernels import NEEDS, dotted, kernels, reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find the visible GPUs that nothing in the wheel serves, though it serves older ones."""
    beyond = reach(machine, matrix)
    if beyond is not None and beyond.too_new:
        for gpu, capability, first in beyond.too_new:
            yield RULE.finding(
                machine,
                gpu.subject,
                f"torch {beyond.torch.text} is built with CUDA {beyond.torch.cuda}, and {gpu.label} (compute "
                f"capability {dotted(capability)}) needs CUDA {first}: neither torch nor its cuBLAS and cuDNN can "
                "hold machine code for that GPU. Kernels fail on it, or the driver compiles them from PTX.",
                f"gpu.{gpu.index}.name", f"gpu.{gpu.index}.compute_capability", "torch.version", "torch.cuda",
                when="its CUDA came before the GPU",
            )  # fmt: skip
        return
    seen = kernels(machine, matrix)
    if seen is None or not seen.code.best:
        return
    for gpu, capability in seen.unserved:
        if capability >= seen.lowest:
            ptx = any(one.compiles_for(capability) for one in seen.made_for.ptx)
            why = (
                "The PTX it holds is of a newer CUDA than this driver can compile."
                if ptx
                else f"{seen.fails(capability)}."
            )
            yield RULE.finding(
                machine,
                gpu.subject,
                f"{seen.lacks(gpu, capability)} {why}",
                *seen.facts(gpu),
                when="another visible GPU is served" if seen.served else "no visible GPU is served",
                confidence=Confidence.INFERRED if ptx else seen.confidence(gpu),
            )
    for gpu, capability in seen.disputed:
        yield RULE.finding(
            machine,
            gpu.subject,
            f"torch {seen.torch.text} holds no machine code made for {gpu.label} (compute capability "
            f"{dotted(capability)}), only for {seen.made_for.listed}. With CUDA 12 such code fails on Jetson "
            "boards; with CUDA 13 it was reported to run, under a warning of torch, and no source vouches for it.",
            *seen.facts(gpu),
            when="reported to run, by no source vouched for",
        )
    for gpu, capability in seen.by_old_ptx:
        yield RULE.finding(
            machine,
            gpu.subject,
            f"torch {seen.torch.text} holds no machine code for {gpu.label} (compute capability "
            f"{dotted(capability)}), only PTX, and its CUDA is older than that GPU: cuBLAS and cuDNN have no "
            "kernels for it.",
            *seen.facts(gpu),
            when="served by PTX of an older CUDA",
        )
    seen.decide()


BLACKWELL: dict[str, Value] = {"gpus": ["NVIDIA GeForce RTX 5090 12.0"], "driver": "570.124.06 12.8"}
ORIN: dict[str, Value] = {"gpus": ["Orin 8.7"], "host.platform": "linux-aarch64-jetson", "host.kind": "jetson"}
CONDA: dict[str, Value] = {
    "torch": "2.5.1",
    "torch.cuda": "12.4",
    "torch.channel": "cu124",
    "torch.provenance": "conda-pytorch",
    "torch.installer": "conda",
    "python.environment": "conda",
}
NGC: dict[str, Value] = {
    "torch": "2.9.0a0+50eac811a6.nv25.09", "torch.provenance": "ngc", "torch.cuda": "12.8", "torch.channel": None,
}  # fmt: skip


def _file(sass: str, *, some: dict[str, float] | None = None, flags: Value = None) -> Value:
    """What is read of a torch: architectures that all modules hold, and `some` with another share."""
    return {
        "files": ["torch/lib/libtorch_cuda.so"], "modules": 475 if sass else 0, "flags": flags,
        "sass": {**dict.fromkeys(sass.split(), 1.0), **(some or {})}, "ptx": {},
    }  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.KERNELS,
    needs=NEEDS,
    explains=("ext-arch-missing",),
    fires=(
        Example("RTX 5090 under cu124", {**BLACKWELL, "torch": "2.5.1+cu124"}, says="sm_90"),
        Example("RTX 5090 under cu126 of a torch whose cu128 has it", {**BLACKWELL, "torch": "2.9.1+cu126"}),
        Example(
            "an RTX 5090 beside an A100",
            {**BLACKWELL, "torch": "2.6.0+cu124",
             "gpus": ["NVIDIA GeForce RTX 5090 12.0", "NVIDIA A100-SXM4-80GB 8.0"]},
            severity=Severity.WARNING,
        ),
        Example(
            "RTX 5090 under a vendor's build without code for it",
            {**BLACKWELL, **NGC, "torch.kernels": _file("80 86 90 100")},
            says="its own files hold sm_80 sm_86 sm_90 sm_100.",
        ),
        Example(
            "B200 under a torch compiled here for the H100, a few modules of which are for the B200 as well",
            {
                **BLACKWELL, **NGC, "gpus": ["NVIDIA B200 10.0"], "torch.provenance": "source",
                "torch.kernels": _file("90", some={"90a": 0.01, "100a": 0.12}),
            },
            says="its own files hold sm_90. All but 12.0% of its modules fail",
        ),
        Example(
            "a nightly that the matrix does not know, whose libraries state its targets",
            {
                **BLACKWELL, "torch": "2.16.0.dev20261101+cu126", "torch.provenance": "nightly",
                "torch.kernels": _file("", flags=["sm_50", "sm_80", "sm_90"]),
            },
            says="state that it was built for sm_50 sm_80 sm_90.",
        ),
        Example(
            "a Jetson AGX Orin under the CUDA 12 wheel for Arm servers",
            {**ORIN, "torch": "2.11.0+cu126", "driver": "540.4.0 12.6"},
            severity=Severity.ERROR,
        ),
        Example(
            "a Jetson AGX Orin under the CUDA 13 wheel for Arm servers",
            {**ORIN, "torch": "2.11.0+cu130", "driver": "595.58.03 13.2"},
            severity=Severity.WARNING,
            says="reported to run",
        ),
        Example(
            "RTX 5090 under the last torch of conda's pytorch channel",
            {**BLACKWELL, **CONDA},
            severity=Severity.WARNING,
            says="needs CUDA 12.8",
        ),
        Example(
            "the first kernels say so, whatever the files hold",
            smoked(*(failed(name, "CUDA error: no kernel image is available for execution on the device")
                     for name in ("start", "elementwise"))),
            says="2 kernel tests (start, elementwise) failed on NVIDIA A100-SXM4-80GB (cuda:0)",
        ),
    ),
    quiet=(
        Example("RTX 4090 under it, served by what CUDA 12.4 compiles for", {
            **CONDA, "gpus": ["NVIDIA GeForce RTX 4090 8.9"], "driver": "570.124.06 12.8",
        }),
        Example("RTX 4090 under a build with CUDA 11.0, which knew 8.0", {
            **CONDA, "torch": "1.8.0", "torch.cuda": "11.0", "torch.channel": "cu110",
            "gpus": ["NVIDIA GeForce RTX 4090 8.9"],
        }),
        Example("RTX 5090 under the first default build that has it", {**BLACKWELL, "torch": "2.8.0+cu128"}),
        Example(
            "RTX 4090 (8.9) served by sm_86",
            {"gpus": ["NVIDIA GeForce RTX 4090 8.9"], "driver": "570.124.06 12.8"},
        ),
        Example("B300 (10.3) served by sm_100", {"gpus": ["NVIDIA B300 10.3"], "driver": "595.58.03 13.2",
                                                 "torch": "2.15.0+cu132"}),
        Example("a torch newer than the matrix", {**BLACKWELL, "torch": "9.9.0+cu128"}),
        Example("a vendor's build with code for it", {**BLACKWELL, **NGC, "torch.kernels": _file("80 90 120")}),
        Example(
            "a Jetson AGX Orin under a build made for it",
            {**ORIN, "torch": "2.8.0", "torch.cuda": "12.6", "torch.provenance": "jetson", "driver": "540.4.0 12.6",
             "torch.kernels": _file("87")},
        ),
        Example(
            "GB10 (12.1) served by code for the family of 12.0",
            {**NGC, "gpus": ["NVIDIA GB10 12.1"], "driver": "580.95.05 13.0", "torch.kernels": _file("80 90 120f")},
        ),
    ),
)  # fmt: skip
