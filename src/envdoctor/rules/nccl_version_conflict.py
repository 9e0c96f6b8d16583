"""The NCCL that would be loaded is not the one that torch brought.

## What it means
NCCL carries what GPUs send one another. torch for CUDA needs its library, libnccl.so.2, from the moment it is imported,
on one GPU too: "ImportError: libtorch_cuda.so: undefined symbol: ncclCommRegister" means that an older NCCL was taken.
A newer one works, as NCCL keeps its old functions; clusters choose one on purpose for their network.

## Why it happens
LD_LIBRARY_PATH or LD_PRELOAD names a folder with another NCCL (of a toolkit, of MS-AMP or MSCCL, of a module), the
loader finds the system's first, or another package replaced nvidia-nccl by a release of its own.

## How to be sure
`python -c "import torch; print(torch.cuda.nccl.version())"`, and where that fails
`LD_DEBUG=libs python -c "import torch" 2>&1 | grep libnccl`, which shows the file.

## How to fix
Take the named folder out of LD_LIBRARY_PATH, or the file out of LD_PRELOAD. Where it is the environment's own that is
too old, install the release that torch pins: `python -m pip install nvidia-nccl-cu12==VERSION`.

## Sources
ld.so(8); pytorch#119932, pytorch#119072, NVIDIA/nccl#1180, vllm#4195; the symbol tables of the files that are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.library_rows import NCCL, shadowed
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.shadowing import (
    LACKS,
    VARIABLE,
    asked_in_vain,
    circumstance,
    consequence,
    example,
    lacking,
    weight,
)
from envdoctor.rules.smoke_examples import not_imported, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

LIBRARY = "libnccl.so.2"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Judge the NCCL that stands for the environment's own; else the symbols that are asked of the latter in vain.

    That a package is not the release which torch pins is told by cuda-package-pin-broken.
    """
    torch = machine.torch
    if torch is None or torch.cuda is None:
        return
    row = max((row for row in shadowed(machine) if row.library.startswith(NCCL)), key=weight, default=None)
    if row is not None:
        yield RULE.finding(
            machine,
            "nccl",
            f"{row.taken}: {consequence(row)}.",
            "libraries.shadowed", "nccl.version", "env.LD_LIBRARY_PATH", "torch.version",
            when=circumstance(row),
            confidence=Confidence.PROVED if row.lacks else Confidence.INFERRED,
        )  # fmt: skip
        return
    asks = asked_in_vain(machine, "nccl", NCCL)
    if asks is not None:
        yield RULE.finding(
            machine,
            "nccl",
            f"{lacking(asks, 'NCCL', machine.told('nccl.version'))}.",
            "libraries.undefined", "nccl.version", "nvidia.packages", "torch.version",
            when=LACKS,
            confidence=Confidence.PROVED,
        )  # fmt: skip


def _nccl(how: str, version: str | None, **more: Value) -> dict[str, Value]:
    return example(
        how, LIBRARY, version=version, needed_by="torch/lib/libtorch_cuda.so", instead_of_package="nvidia-nccl-cu12",
        instead_of_version="2.27.5", **more,
    )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "libraries.shadowed",
        "libraries.undefined", "nccl.version",
    ),
    fires=(
        Example(
            "an old one in LD_PRELOAD",
            _nccl("LD_PRELOAD", "2.17.1", lacks=["ncclCommRegister"], lacks_count=4),
            says="ncclCommRegister and 3 more",
        ),
        Example(
            "the environment's own, which another package replaced",
            {
                "nccl.version": "2.18.1",
                "libraries.undefined": [
                    {"object": "torch/lib/libtorch_cuda.so", "package": "torch", "role": "entry", "count": 1,
                     "symbols": [{"name": "ncclCommRegister", "shown": "ncclCommRegister"}], "provider": "nccl",
                     "library": LIBRARY}
                ],
            },
            says="(2.18.1) does not have",
        ),
        Example("an older one of the system", _nccl("ld.so.cache", "2.21.5"), severity=Severity.WARNING, says="older"),
        Example(
            "the newer one of a cluster", _nccl(VARIABLE, "2.28.3", older=False), severity=Severity.NOTE, says="2.28.3"
        ),
        Example(
            "the loader says so",
            smoked(not_imported("libtorch_cuda.so: undefined symbol: ncclCommRegister")),
            says="the NCCL that was loaded lacks",
        ),
    ),
    quiet=(
        Example("the environment's own", {"nccl.version": "2.27.5"}),
        Example(
            "an optional part of an extension that asks for more than there is",
            {
                "libraries.undefined": [
                    {"object": "fast/comm.so", "package": "fast", "role": "variant", "count": 1, "provider": "nccl",
                     "symbols": [{"name": "ncclMemAlloc", "shown": "ncclMemAlloc"}], "library": LIBRARY}
                ],
            },
        ),
        Example("a torch without CUDA", {"torch": "2.9.1+cpu", "gpus": None, "driver": None}),
    ),
)  # fmt: skip
