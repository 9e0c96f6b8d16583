"""LD_LIBRARY_PATH or LD_PRELOAD puts another cuDNN in the place of the one that torch brought.

## What it means
cuDNN holds the convolutions, and torch asks for its release when it is first used. One that is older than the one torch
was compiled with is refused: "RuntimeError: cuDNN version incompatibility: PyTorch was compiled against (8, 3, 2) but
found runtime version (8, 0, 3)". cuDNN itself is one library that loads several parts (libcudnn_graph, libcudnn_ops,
libcudnn_cnn...); where some parts are the environment's and others of another release, be it another patch, the first
convolution ends with CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH. A whole one that is newer works.

## Why it happens
A cuDNN was unpacked into the folder of a CUDA toolkit, or a module of the cluster is loaded, and LD_LIBRARY_PATH names
that folder. torch's wheels state where their own lies, by DT_RPATH, which comes before the variable; torch 1.12 for
CUDA 11.3, and the libraries of cuDNN for CUDA 12 (9.1 to 9.12), state it by DT_RUNPATH, which comes after it.

## How to be sure
`LD_DEBUG=libs python -c "import torch; print(torch.backends.cudnn.version())" 2>&1 | grep "calling init.*cudnn"` shows
which files are loaded; the same under `env -u LD_LIBRARY_PATH`, which of them the environment would take.

## How to fix
Take the named folder out of LD_LIBRARY_PATH. torch's wheels need no cuDNN beside their own. Where another program needs
the folder, set the variable for that program alone.

## Sources
torch/backends/cudnn/__init__.py, `_init`, for what torch refuses; NVIDIA cuDNN, "Compatibility": a newer minor release
serves what was built with an older one, and patch releases serve one another; pytorch#80637, pytorch#119989,
pytorch#188892; ld.so(8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.cudnn_releases import NEEDS, compiled_with, first_library, libraries, refused, two_releases
from envdoctor.rules.library_rows import CUDNN, shadowed, some
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.shadowing import VARIABLE, example
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine, TorchBuild
    from envdoctor.rules.library_rows import Shadowed

BROKEN, UNKNOWN, WHOLE = "older, or of two releases", "of unknown version", "whole, and not older"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Judge all that is taken of another cuDNN in one finding, as they are parts of one thing."""
    torch = machine.torch
    if torch is None or torch.cuda is None:
        return
    rows = [row for row in shadowed(machine) if row.library.startswith(CUDNN)]
    named = [row for row in rows if row.by_variable]
    if not named:
        return
    # The libraries beside the one that a variable names are found from there, by what its own header states.
    row, when, why = _worst(machine, matrix, torch, named, rows)
    others = f" {len(rows)} of its libraries are not the environment's." if len(rows) > 1 else ""
    yield RULE.finding(
        machine,
        "cudnn",
        f"{row.taken}: {why}.{others}",
        "libraries.shadowed", "cudnn.version", "env.LD_LIBRARY_PATH", "torch.version",
        when=when,
        confidence=Confidence.INFERRED if when == UNKNOWN else Confidence.PROVED,
    )  # fmt: skip


def _worst(
    machine: Machine, matrix: Matrix, torch: TorchBuild, named: list[Shadowed], rows: list[Shadowed]
) -> tuple[Shadowed, str, str]:
    """Return the row to name, the circumstance and the reason."""
    found = libraries(machine, [*rows])
    mixed = two_releases(found)
    if mixed:
        own, part = mixed
        row = next((row for row in named if row in mixed), named[0])
        told = f"{own.library} {own.version} and {part.library} {part.version}"
        return row, BROKEN, f"{told} are of two releases, and cuDNN refuses to work with such parts"
    for row in named:
        if row.lacks:
            return row, BROKEN, f"it has no {some(row.lacks, row.lacks_count)}, and what needs that does not load"
    first = first_library(found)
    compiled = compiled_with(machine, matrix, torch)
    too_old = refused(first.version if first else None, compiled)
    if too_old:
        return named[0], BROKEN, f"torch {torch.text} was compiled with cuDNN {compiled} and refuses an older one"
    for row in named:
        if row.is_older and too_old is None:
            return row, BROKEN, "torch refuses a cuDNN that is older than the one it was compiled with"
    for row in named:
        if row.is_older is None:
            return row, UNKNOWN, "its release cannot be told, and torch refuses one older than it was compiled with"
    return named[0], WHOLE, "it is whole and not older, and serves torch as well"


def _cudnn(version: str | None, *parts: str, **more: Value) -> dict[str, Value]:
    rows: list[Value] = []
    for part in parts or ("", "_graph", "_ops"):
        told = example(
            VARIABLE, f"libcudnn{part}.so.9", version=version, instead_of_package="nvidia-cudnn-cu12",
            instead_of_version="9.10.2.21", needed_by="nvidia/cudnn/lib/libcudnn.so.9", **more,
        )  # fmt: skip
        found = told["libraries.shadowed"]
        rows += found if isinstance(found, list) else []
    return {
        "torch.requires": ['nvidia-cudnn-cu12==9.10.2.21; platform_system == "Linux"'],
        "env.LD_LIBRARY_PATH": "/usr/local/cuda/lib64",
        "libraries.shadowed": rows,
    }


OWN_OPS: dict[str, Value] = {
    "libraries.loaded": [
        {"library": "libcudnn_ops.so.9", "file": "/home/me/venv/lib/python3.11/site-packages/nvidia/cudnn/lib",
         "how": "DT_RPATH", "version": "9.10.2.21"}
    ]
}  # fmt: skip

RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=NEEDS,
    fires=(
        Example("an older one", _cudnn("9.1.0"), says="compiled with cuDNN 9.10.2.21 and refuses an older one"),
        Example("parts of a newer one", {**_cudnn("9.12.0", "_graph", older=False), **OWN_OPS}, says="of two releases"),
        Example(
            "one that tells no version", _cudnn(None, older=None), severity=Severity.WARNING, says="cannot be told"
        ),
        Example(
            "all parts of a newer one, which the environment's libcudnn.so.9 loads",
            _cudnn("9.12.0", "_graph", "_ops", older=False),
            severity=Severity.NOTE,
            says="whole",
        ),
        Example("a whole newer one", _cudnn("9.12.0", older=False), severity=Severity.NOTE, says="whole"),
        Example("another patch release", _cudnn("9.10.1"), severity=Severity.NOTE, says="9.10.1"),
        Example(
            "a convolution says so",
            {**_cudnn("9.1.0"), **smoked(failed("convolution", "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"))},
            says="CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH",
        ),
    ),
    quiet=(
        Example("a folder whose cuDNN the loader does not take", {"env.LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}),
        Example("another library of that folder", example(VARIABLE, version="12.9.86", older=False)),
        Example("a torch without CUDA", {**_cudnn("9.1.0"), "torch": "2.9.1+cpu", "gpus": None, "driver": None}),
    ),
)  # fmt: skip
