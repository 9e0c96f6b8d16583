"""The GPU is older than every architecture the torch wheel holds kernels for.

## What it means
The wheel holds machine code for newer GPUs only. `torch.cuda.is_available()` may still be True; the first kernel fails
with "CUDA error: no kernel image is available for execution on the device". torch warns of it at the start: "Found GPU0
... which is of compute capability (CC) 6.1" since 2.11, "PyTorch no longer supports this GPU because it is too old"
in old releases.

Where the wheel has kernels and its cuDNN has none (9.11 and later serve compute capability 7.5 and newer), torch works
up to the first convolution, which ends with a cuDNN error that does not name the cause. That is a warning.

## Why it happens
PyTorch drops old architectures to keep wheels small: Maxwell and Pascal left the default wheel with 2.8,
Volta with 2.11, and all three left PyTorch with 2.15. The cu126 channel kept them until 2.14.
CUDA drops them as well, so this holds for whoever built torch: CUDA 13 compiles for 7.5 and newer, 12 for 5.0 and
newer.

## How to be sure
`python -c "import torch; print(torch.cuda.get_arch_list())"` against the compute capability of the GPU. An
entry sm_XY serves GPUs of the same major version X with a minor of Y or more. envdoctor reads the machine code in
torch's own files, whoever built them; where none could be read, the matrix knows the published wheels.

## How to fix
Install the build of a channel that still holds the kernels; `envdoctor plan` names it. A newer driver does
not help: it brings no kernels.
For cuDNN alone, `torch.backends.cudnn.enabled = False` does without it, slower.

## Sources
The fat binaries in torch's libraries and the architecture flags compiled into them; pytorch#157517, pytorch#172352,
pytorch#190385; cuDNN 9.11 release notes and pytorch#162574.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked
from envdoctor.rules.wheel_kernels import NEEDS, dotted, kernels, reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find the visible GPUs below the lowest architecture of the wheel."""
    beyond = reach(machine, matrix)
    if beyond is not None and beyond.too_old:
        for gpu, capability, last in beyond.too_old:
            yield RULE.finding(
                machine,
                gpu.subject,
                f"torch {beyond.torch.text} is built with CUDA {beyond.torch.cuda}, which compiles nothing for "
                f"{gpu.label} (compute capability {dotted(capability)}); CUDA {last.partition('.')[0]} was the last "
                "that did. Every kernel on that GPU fails, and a newer driver does not change that.",
                f"gpu.{gpu.index}.name", f"gpu.{gpu.index}.compute_capability", "torch.version", "torch.cuda",
                when="another visible GPU is served" if beyond.others else "no visible GPU is served",
            )  # fmt: skip
        return
    seen = kernels(machine, matrix)
    if seen is None or not seen.code.best:
        return
    for gpu, capability in seen.unserved:
        if capability < seen.lowest:
            yield RULE.finding(
                machine,
                gpu.subject,
                f"{seen.lacks(gpu, capability)} {seen.fails(capability)}, and a newer driver does not change that.",
                *seen.facts(gpu),
                when="another visible GPU is served" if seen.served else "no visible GPU is served",
                confidence=seen.confidence(gpu),
            )
    for gpu, capability in seen.without_cudnn:
        yield RULE.finding(
            machine,
            gpu.subject,
            f"The cuDNN {seen.cudnn} of torch {seen.torch.text} dropped {gpu.label} (compute capability "
            f"{dotted(capability)}): convolutions fail on it.",
            *seen.facts(gpu),
            when="cuDNN alone dropped it",
        )
    seen.decide()


RULE = Rule(
    judge,
    stage=Stage.KERNELS,
    needs=NEEDS,
    explains=("ext-arch-missing",),
    fires=(
        Example(
            "V100 under the default build of 2.14",
            {"torch": "2.14.0+cu130", "driver": "580.95.05 13.0", "gpus": ["Tesla V100-SXM2-32GB 7.0"]},
            says="sm_75",
        ),
        Example("GTX 1080 under cu128", {"gpus": ["NVIDIA GeForce GTX 1080 6.1"]}, says="6.1"),
        Example(
            "a GTX 1080 beside an A100",
            {"gpus": ["NVIDIA A100-SXM4-80GB 8.0", "NVIDIA GeForce GTX 1080 6.1"]},
            severity=Severity.WARNING,
        ),
        Example(
            "V100 under a nightly for CUDA 13",
            {"torch": "2.16.0.dev20261101+cu130", "torch.provenance": "nightly", "driver": "580.95.05 13.0",
             "gpus": ["Tesla V100-SXM2-32GB 7.0"]},
            says="CUDA 12 was the last",
        ),
        Example(
            "V100 under a torch that was compiled here for newer GPUs",
            {
                "torch": "2.11.0a0+git1f3c5ab", "torch.provenance": "source", "torch.cuda": "12.8",
                "torch.channel": None, "gpus": ["Tesla V100-SXM2-32GB 7.0"], "driver": "575.57.08 12.9",
                "torch.kernels": {"files": ["torch/lib/libtorch_cuda.so"], "modules": 475, "flags": None,
                                  "sass": {"80": 1.0, "90": 1.0}, "ptx": {}},
            },
            says="its own files hold sm_80 sm_90.",
        ),
        Example(
            "cuDNN says so",
            smoked(failed("convolution", "cuDNN version 91200 is not compatible with devices with SM < 7.5.")),
            says="no kernels for so old a GPU",
        ),
    ),
    quiet=(
        Example("V100 under a vendor's build with CUDA 12", {
            "torch": "2.9.0a0+50eac811a6.nv25.09", "torch.provenance": "ngc", "torch.cuda": "12.9",
            "gpus": ["Tesla V100-SXM2-32GB 7.0"], "driver": "575.57.08 12.9",
        }),
        Example(
            "V100 under cu126 of the same torch",
            {"torch": "2.14.0+cu126", "driver": "580.95.05 13.0", "gpus": ["Tesla V100-SXM2-32GB 7.0"],
             "torch.provenance": "pytorch-index"},
        ),
        Example("V100 under cu128 of 2.10, the last with sm_70", {"torch": "2.10.0+cu128", "gpus": ["Tesla V100 7.0"]}),
        Example("GTX 1080 served by sm_60 under cu126", {"torch": "2.9.1+cu126", "gpus": ["GeForce GTX 1080 6.1"]}),
        Example("a build whose kernels the matrix does not know", {"torch.provenance": "source",
                                                                   "gpus": ["Tesla V100 7.0"]}),
    ),
)  # fmt: skip
