"""A library that torch needs directly is nowhere the loader would look.

## What it means
`import torch` fails with "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory", or
"OSError" with the same words, for whichever library it is (libcudart.so.12, libcusparseLt.so.0, libcupti.so.12...).

## Why it happens
One of the nvidia-* packages was removed or half installed, a wheel was installed with `--no-deps`, or a
package built for another CUDA major was put beside torch (libcudart.so.12 in a CUDA 13 environment).

## How to be sure
`python -c "import torch"` names the first missing library. `readelf -d` on the object lists what it needs.

## How to fix
Reinstall the same build together with the libraries it pins; `envdoctor plan` names the command.

## Sources
The NEEDED entries of the installed shared objects, looked up as ld.so(8) describes and in the folders of
the nvidia-* packages, which torch loads itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence
from envdoctor.rules.partner_fit import OF_TORCH
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Say which package needs what, one finding a package.

    A partner that misses a library of torch itself was built for another torch: its own rule says so.
    """
    missing: dict[str, dict[str, str]] = {}
    for row in machine.items("libraries.missing"):
        if isinstance(row, dict):
            thing, library = str(row.get("object")), str(row.get("library"))
            package = thing.partition("/")[0]
            if package == "torch" or not library.startswith(OF_TORCH):
                missing.setdefault(package, {}).setdefault(library, thing)
    for package, libraries in missing.items():
        first, thing = next(iter(libraries.items()))
        others = f" and {len(libraries) - 1} more" if len(libraries) > 1 else ""
        yield RULE.finding(
            machine,
            package,
            f"{thing} needs {first}{others}, which is in none of the folders the loader searches, so "
            f"`import {package}` fails.",
            "libraries.missing", f"{package}.version",
            confidence=Confidence.PROVED,
        )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=("libraries.missing",),
    fires=(
        Example(
            "the CUDA runtime was removed",
            {"libraries.missing": [{"object": "torch/lib/libtorch_cuda.so", "library": "libcudart.so.12"}]},
            says="libcudart.so.12",
        ),
    ),
    quiet=(
        Example("every library is found", {"libraries.missing": []}),
        Example("no torch to look at", {"libraries.missing": None, "torch": None}),
    ),
)
