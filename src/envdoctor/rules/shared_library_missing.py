"""A library that torch, or a package compiled for it, needs is nowhere the loader would look.

## What it means
`import torch` fails with "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory", or
"OSError" with the same words, for whichever library it is (libcudart.so.12, libcusparseLt.so.0, libcupti.so.12...).
Where it is an extension that needs it, torch itself works and the import of the extension fails.

## Why it happens
One of the nvidia-* packages was removed or half installed, or a wheel was installed with `--no-deps`. An extension that
was compiled for another CUDA major needs that one's libraries: libcudart.so.12 beside a torch for CUDA 13, which brings
libcudart.so.13. One that was compiled for a torch with CUDA needs libtorch_cuda.so and libc10_cuda.so, which a CPU
build of torch does not have.

## How to be sure
`python -c "import torch"` names the first missing library; for an extension `python -c "import torch, NAME"`.
`readelf -d` on the object lists what it needs.

## How to fix
For torch: install what it requires and is gone, or the same build again; `envdoctor plan` names the command. For an
extension: install its build for this torch and this CUDA, or compile it again with `--no-build-isolation` beside a
toolkit of torch's CUDA. A link from one major's library to the other's name does not help: their functions differ.

## Sources
The NEEDED entries of the installed shared objects, looked up as ld.so(8) describes and in the folders of the nvidia-*
packages, which torch loads itself; flash-attention issues 631 and 208.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.library_rows import WARNS_ONLY, by_package, going_on, missing, when_loaded
from envdoctor.rules.missing_libGL import is_of_the_desktop
from envdoctor.rules.partner_fit import OF_TORCH, PARTNERS
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.severity_table import ALWAYS
from envdoctor.rules.smoke_examples import not_imported, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.rules.library_rows import Missing

NAMED_BY_CUDA = r"lib(?:cublas|cublasLt|cudart|cupti|nvJitLink|nvrtc|nvrtc-builtins)\.so\.(\d{1,2})(?:\.\d{1,2})?"
"""Libraries whose soname begins with the CUDA major; those of cuFFT, cuSPARSE and others count for themselves."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Say which package needs what, one finding a package.

    A partner that misses a library of torch itself was built for another torch: its own rule says so. Libraries of
    the desktop are told by missing-libGL.
    """
    rows = [row for row in missing(machine) if not is_of_the_desktop(row) and not _is_of_another_torch(row)]
    for package, found in by_package(rows):
        of = "" if found[0].object.startswith(f"{package}/") else f" of {package}"
        row, why = _with_reason(machine, found)
        libraries = {one.library for one in found}
        others = f" and {len(libraries) - 1} more" if len(libraries) > 1 else ""
        without = going_on(package, rows)
        if without:
            why = f"{why or '.'} {without}"
        elif not why:
            fails = f"`import {package}` fails" if package in ("torch", *PARTNERS) else "it does not load"
            why = f", so {fails if row.role == 'entry' else 'that part of it does not load'}."
        yield RULE.finding(
            machine,
            package,
            f"{row.object}{of} needs {row.library}{others}, which is in none of the folders the loader searches{why}",
            "libraries.missing", f"{package}.version", "torch.version", "torch.cuda",
            when=WARNS_ONLY if without else when_loaded(found, ALWAYS),
            confidence=Confidence.PROVED,
        )  # fmt: skip


def _is_of_another_torch(row: Missing) -> bool:
    return row.package in PARTNERS and row.library.startswith(OF_TORCH)


def _with_reason(machine: Machine, rows: list[Missing]) -> tuple[Missing, str]:
    """Return the row that tells most, and the reason that its library gives away; none where it gives none."""
    if rows[0].package == "torch" or not machine.is_known("torch.version"):
        return rows[0], ""
    cuda = machine.told("torch.cuda")
    here = f"built with CUDA {cuda}" if cuda else "built without CUDA"
    for row in rows:
        named = re.fullmatch(NAMED_BY_CUDA, row.library)
        if named and (cuda is None or cuda.partition(".")[0] != named[1]):
            return row, (
                f". It is of CUDA {named[1]}, and torch here is {here}: {row.package} was built for another CUDA."
            )
        if row.library.startswith(OF_TORCH):
            return row, (
                f". It is of torch, and torch {machine.told('torch.version')}, {here}, does not have it: {row.package} "
                "was built for another build of torch."
            )
    return rows[0], ""


FLASH = "flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so"


def _without(library: str, package: str = "flash-attn", thing: str = FLASH, role: str = "entry") -> Value:
    return {"object": thing, "library": library, "package": package, "role": role}


CUDA_13: dict[str, Value] = {"torch": "2.14.1+cu130", "driver": "580.95.05 13.0"}

RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=("libraries.missing", "torch.version", "torch.cuda"),
    fires=(
        Example(
            "the CUDA runtime was removed",
            {"libraries.missing": [{"object": "torch/lib/libtorch_cuda.so", "library": "libcudart.so.12"}]},
            says="libcudart.so.12",
        ),
        Example(
            "an extension for CUDA 12 beside a torch for CUDA 13",
            {**CUDA_13, "libraries.missing": [_without("libcusparse.so.11"), _without("libcudart.so.12")]},
            says="It is of CUDA 12, and torch here is built with CUDA 13.0: flash-attn was built for another CUDA",
        ),
        Example(
            "an extension for a torch with CUDA beside one without",
            {
                "torch": "2.9.1+cpu", "gpus": None, "driver": None,
                "libraries.missing": [_without("libc10_cuda.so")],
            },
            says="torch 2.9.1+cpu, built without CUDA, does not have it",
        ),
        Example(
            "xformers for CUDA 12, which goes on without what it compiled",
            {**CUDA_13, "libraries.missing": [_without("libcudart.so.12", "xformers", "xformers/_C.so")]},
            severity=Severity.WARNING,
            says="`import xformers` warns and goes on",
        ),
        Example(
            "a library of the system",
            {"libraries.missing": [_without("libopenblas.so.0", "custom-ops", "custom_ops.so")]},
            says="it does not load",
        ),
        Example(
            "a part that is loaded when it is used",
            {"libraries.missing": [_without("libmkl_rt.so.2", "fbgemm-gpu", "fbgemm_gpu/tools.so", "optional")]},
            severity=Severity.NOTE,
            says="that part of it",
        ),
        Example(
            "the loader says so",
            smoked(not_imported("libcudnn.so.9: cannot open shared object file: No such file or directory")),
            says="the loader finds that library nowhere",
        ),
    ),
    quiet=(
        Example("every library is found", {"libraries.missing": []}),
        Example("no torch to look at", {"libraries.missing": None, "torch": None}),
        Example(
            "the libraries that bitsandbytes has for other CUDA releases",
            {
                "libraries.missing": [
                    _without(
                        "libcudart.so.11.0", "bitsandbytes", "bitsandbytes/libbitsandbytes_cuda118.so", "variant"
                    ),
                ],
            },
        ),
    ),
)  # fmt: skip
