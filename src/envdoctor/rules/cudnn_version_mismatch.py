"""The cuDNN that would be loaded does not fit the torch that is installed.

## What it means
torch refuses a cuDNN of another major release, or of an older minor one, than it was compiled with: "RuntimeError:
cuDNN version incompatibility: PyTorch was compiled against (9, 10, 2) but found runtime version (9, 1, 0)". And cuDNN
refuses to work with parts of another release of itself: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH, at the first
convolution.

## Why it happens
nvidia-cudnn was downgraded for another package. A build that takes cuDNN from the system was made elsewhere. Or the
library that torch loads is its own, and one of the parts that cuDNN loads when they are used is not in the package
(libcudnn_engines_tensor_ir.so.9 of nvidia-cudnn-cu13 9.20) and found in the system, or looked for there first, as
cuDNN 8 did.

## How to be sure
`LD_DEBUG=libs python -c "import torch; torch.nn.Conv2d(1, 1, 3).cuda()(torch.ones(1, 1, 8, 8).cuda())" 2>&1 | grep
"calling init.*cudnn"` lists the files that are loaded; two folders are one too many.

## How to fix
Install the release that torch pins: `python -m pip install nvidia-cudnn-cu12==VERSION`. Where a part of the system's is
taken, remove the system's cuDNN or bring it to the same release.

## In a file
A text that names a cuDNN of another major release than the one this torch comes with: cuDNN 8 ended with torch 2.3.

## Sources
torch/backends/cudnn/__init__.py, `_init`; NVIDIA cuDNN, "Compatibility"; pytorch#119989, pytorch#188892 and
pytorch#185512; METADATA of the installed torch, and the matrix for the cuDNN of its wheels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.cudnn_releases import NEEDS, compiled_with, first_library, libraries, refused, two_releases
from envdoctor.rules.library_rows import CUDNN, loaded, shadowed
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.shadowing import asked_in_vain, consequence, example, lacking
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

BROKEN, UNKNOWN = "older, or of two releases", "of unknown version"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the parts with one another, then the whole with what torch was compiled with.

    Where LD_LIBRARY_PATH or LD_PRELOAD put another one there, cudnn-shadowed-by-ld-library-path says so.
    """
    torch = machine.torch
    if torch is None or torch.cuda is None or not machine.looked_at("libraries.loaded"):
        return
    others = [row for row in shadowed(machine) if row.library.startswith(CUDNN)]
    if any(row.by_variable for row in others):
        return
    loaded(machine)  # where that is not known, nothing is
    found = libraries(machine, others)
    mixed = two_releases(found)
    if mixed:
        own, part = mixed
        yield RULE.finding(
            machine,
            "cudnn",
            f"{own.library} of cuDNN {own.version} would be loaded from {own.file}, and {part.library} of "
            f"{part.version} from {part.file} (by {part.how}): cuDNN refuses to work with parts of two releases.",
            "libraries.loaded", "libraries.shadowed", "cudnn.version", "torch.version",
            when=BROKEN,
            confidence=Confidence.PROVED,
        )  # fmt: skip
        return
    first = first_library(found)
    version = (first.version if first else None) or machine.told("cudnn.version")
    compiled = compiled_with(machine, matrix, torch)
    if refused(version, compiled):
        where = f" from {first.file}" if first else ""
        yield RULE.finding(
            machine,
            "cudnn",
            f"torch {torch.text} was compiled with cuDNN {compiled}, and would load {version}{where}: it refuses one "
            "of another major or an older minor release.",
            "libraries.loaded", "cudnn.version", "torch.version", "torch.requires",
            when=BROKEN,
            confidence=Confidence.PROVED,
        )  # fmt: skip
        return
    asks = asked_in_vain(machine, "cudnn", CUDNN)
    if asks is not None:
        yield RULE.finding(
            machine,
            "cudnn",
            f"{lacking(asks, 'cuDNN', version)}.",
            "libraries.undefined", "cudnn.version", "nvidia.packages", "torch.version",
            when=BROKEN,
            confidence=Confidence.PROVED,
        )  # fmt: skip
        return
    row = next((row for row in others if row.lacks or row.is_older is not False), None)
    if row is not None and refused(row.version, compiled) is None:
        yield RULE.finding(
            machine,
            "cudnn",
            f"{row.taken}: {consequence(row)}.",
            "libraries.shadowed", "cudnn.version", "torch.version",
            when=BROKEN if row.lacks or row.is_older else UNKNOWN,
        )  # fmt: skip


def _loads(version: str | None, *parts: tuple[str, str], how: str = "ld.so.cache") -> dict[str, Value]:
    """A cuDNN of the system, or one of the environment with parts of the system; each part with its version."""
    folder, own = "/usr/lib/x86_64-linux-gnu", "/home/me/venv/lib/python3.11/site-packages/nvidia/cudnn/lib"
    first = own if how == "DT_RPATH" else folder
    rows: list[Value] = [
        {"library": "libcudnn.so.9", "file": f"{first}/libcudnn.so.9", "how": how, "version": version,
         "needed_by": "torch/lib/libtorch_cuda.so", "package": None},
    ]  # fmt: skip
    for library, told in parts:
        rows.append(
            {"library": library, "file": f"{folder}/{library}", "how": "ld.so.cache", "version": told,
             "needed_by": "nvidia/cudnn/lib/libcudnn.so.9", "package": None}
        )  # fmt: skip
    return {
        "cudnn.version": version,
        "torch.requires": ['nvidia-cudnn-cu12==9.10.2.21; platform_system == "Linux"'],
        "libraries.loaded": rows,
    }


def _instead(version: str | None, **more: Value) -> dict[str, Value]:
    return example(
        "ld.so.cache", "libcudnn.so.9", version=version, instead_of_package="torch", instead_of_version=None,
        needed_by="torch/lib/libtorch_cuda.so", **more,
    )  # fmt: skip


TENSOR_IR = "libcudnn_engines_tensor_ir.so.9"

RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=(*NEEDS, "libraries.undefined"),
    fires=(
        Example("an older one of the system", _loads("9.1.1"), says="would load 9.1.1"),
        Example(
            "a part that the package lacks and the system has",
            _loads("9.10.2.21", ("libcudnn_graph.so.9", "9.10.2"), (TENSOR_IR, "9.9.0"), how="DT_RPATH"),
            says=TENSOR_IR,
        ),
        Example(
            "a package without a function that torch asks of it",
            {
                "cudnn.version": "9.10.2.21",
                "libraries.undefined": [
                    {"object": "torch/lib/libtorch_cuda.so", "package": "torch", "role": "entry", "count": 1,
                     "symbols": [{"name": "cudnnGraphLaunch", "shown": "cudnnGraphLaunch"}], "provider": "cudnn",
                     "library": "libcudnn.so.9"}
                ],
            },
            says="needs cudnnGraphLaunch, which the cuDNN that is loaded (9.10.2.21) does not have",
        ),
        Example(
            "one without a version in the place of torch's own",
            _instead(None, older=None),
            severity=Severity.WARNING,
            says="cannot be told",
        ),
        Example(
            "a downgraded package, where the matrix alone knows what torch was compiled with",
            {**_loads("9.1.0.70", how="DT_RPATH"), "torch.requires": None},
            says="compiled with cuDNN 9.10.2.21",
        ),
        Example(
            "a convolution says so",
            smoked(
                failed(
                    "convolution",
                    "cuDNN version incompatibility: PyTorch was compiled  against (9, 10, 2) but found runtime version "
                    "(9, 1, 0).",
                )
            ),
            says="against (9, 10, 2)",
        ),
    ),
    quiet=(
        Example("the system's of the same release", _loads("9.10.2", ("libcudnn_graph.so.9", "9.10.2"))),
        Example(
            "file names that tell less than the package",
            _loads("9.10.2.21", ("libcudnn_graph.so.9", "9"), how="DT_RPATH"),
        ),
        Example("a newer one", _loads("9.14.0.64", ("libcudnn_graph.so.9", "9.14.0"))),
        Example(
            "a build of NGC with the cuDNN it was made with",
            {
                **_loads("9.7.0"), "torch": "2.6.0a0+ecf3bae40a.nv25.01", "torch.cuda": "12.8",
                "torch.provenance": "ngc", "torch.requires": ["filelock"],
            },
        ),
        Example("a torch without CUDA", {**_loads("9.1.1"), "torch": "2.9.1+cpu", "gpus": None, "driver": None}),
    ),
)  # fmt: skip
