"""LD_LIBRARY_PATH or LD_PRELOAD puts another CUDA library in the place of the one that torch brought.

## What it means
torch was built and tested with the CUDA libraries that are installed with it, and one of them is not what would be
loaded. An older one may lack a function: "libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version
libnvJitLink.so.12", "undefined symbol: cublasSetWorkspace_v2". Where it lacks none, calls may still fail. A newer one
of the same CUDA major mostly works.

## Why it happens
Installation guides of CUDA, modules of a cluster and base images put `/usr/local/cuda/lib64` on LD_LIBRARY_PATH. The
wheels of torch need nothing of it: they state where their libraries lie. But only a DT_RPATH comes before the
variable; what a library states as DT_RUNPATH comes after it. torch's own libraries have the first since the end of
2022, and cuSPARSE and cuDNN for CUDA 12 the second, so that what these load in turn is taken from the variable.

## How to be sure
`LD_DEBUG=libs python -c "import torch" 2>&1 | grep "calling init.*nvJitLink"` shows the file that is loaded;
`env -u LD_LIBRARY_PATH python -c "import torch"` works where this is the cause.

## How to fix
Take the folder out of LD_LIBRARY_PATH, in the shell's start files, the module or the image that sets it; for one shell
`export LD_LIBRARY_PATH=` with the rest of the entries does so. nvcc does not need it. Where another program does, set
the variable for that program alone.

## Sources
ld.so(8), the order of the search; pytorch#111469, pytorch#134929, pytorch#103578, infiniflow/ragflow#4466;
pytorch/builder#1150, for DT_RPATH in the wheels; the headers and symbols of the files that are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.library_rows import CUDNN, shadowed
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.shadowing import VARIABLE, circumstance, consequence, example, weight
from envdoctor.rules.smoke_examples import not_imported, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.rules.library_rows import Shadowed

OF_CUDA = ("libcu", "libnv")
"""How the libraries of CUDA begin, besides those of cuDNN and NCCL, which have rules of their own."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Yield one finding a folder, about the library out of it that matters most."""
    if machine.text("torch.cuda") is None:
        return
    folders: dict[str, list[Shadowed]] = {}
    for row in shadowed(machine):
        if row.by_variable and row.library.startswith(OF_CUDA) and not row.library.startswith(CUDNN):
            folders.setdefault(row.place, []).append(row)
    for rows in folders.values():
        worst = max(rows, key=weight)
        others = f" {len(rows)} libraries are taken from there." if len(rows) > 1 else ""
        yield RULE.finding(
            machine,
            worst.library,
            f"{worst.taken}: {consequence(worst)}.{others}",
            "libraries.shadowed", f"env.{worst.how}", "torch.cuda",
            when=circumstance(worst),
            confidence=Confidence.PROVED if worst.lacks else Confidence.INFERRED,
        )  # fmt: skip


NO_SYMBOL = "libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12"

RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=("torch.cuda", "libraries.shadowed", "env.LD_LIBRARY_PATH"),
    fires=(
        Example(
            "the libnvJitLink of an older toolkit",
            example(VARIABLE, lacks=["__nvJitLinkComplete_12_8"], lacks_count=6),
            says="by LD_LIBRARY_PATH from /usr/local/cuda/lib64",
        ),
        Example("an older one that lacks nothing", example(VARIABLE), severity=Severity.WARNING, says="it is older"),
        Example(
            "one that tells no version",
            example(VARIABLE, version=None, older=None),
            severity=Severity.WARNING,
            says="cannot be told",
        ),
        Example(
            "a newer one",
            example(VARIABLE, version="12.9.86", older=False),
            severity=Severity.NOTE,
            says="it is not older",
        ),
        Example(
            "another patch release of the same CUDA",
            example(VARIABLE, version="12.8.61"),
            severity=Severity.NOTE,
            says="12.8.61",
        ),
        Example(
            "the loader says so",
            {"env.LD_LIBRARY_PATH": "/usr/local/cuda/lib64", **smoked(not_imported(NO_SYMBOL))},
            says="lacks what another one needs of it",
        ),
    ),
    quiet=(
        Example("the same build elsewhere, or none", {"env.LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}),
        Example("one that the loader found without a variable", example("ld.so.cache", version="12.9.86", older=False)),
        Example("the C++ library of another program", example(VARIABLE, library="libstdc++.so.6")),
        Example(
            "a torch without CUDA",
            {**example(VARIABLE), "torch": "2.9.1+cpu", "gpus": None, "driver": None},
        ),
    ),
)  # fmt: skip
