"""A compiled extension needs a function that nothing it is loaded with defines.

## What it means
Its import fails with "ImportError: ...so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationESs". The name after it
is a C++ function, with its arguments, that the module was compiled to call; the libraries that are here define none of
that name. Some packages catch the error and go on without what they compiled ("xFormers can't load C++/CUDA
extensions").

## Why it happens
torch promises no stable C++ interface: a release changes the arguments of its functions, and with them their names.
A module is bound to the release it was compiled against. It happens when torch is upgraded or downgraded and its
extensions stay, when a wheel for another torch was chosen (`cu12torch2.5` in its name), and when pip built the
extension in isolation against a newer torch than the one installed.

The other way to it is the C++11 ABI: std::string exists in two layouts, and names that carry one differ: those
that end in `Ss` are of the old, those with `NSt7__cxx1112basic_string` of the new. torch's own wheels for Linux on
x86-64 had the old one up to 2.5, both in 2.6 (the new one with CUDA 12.6), and have the new one since 2.7; conda-forge
has the new one throughout.

## How to be sure
`python -c "import torch, flash_attn"` (with the package's name) shows the symbol, `c++filt` makes it readable, and
`nm -D --defined-only torch/lib/*.so | grep NAME` shows that no library of torch has it.

## How to fix
Install the build of the extension for this torch, or compile it again: `python -m pip install --no-build-isolation
--no-cache-dir --force-reinstall --no-deps NAME`. Where only the string differs, take the wheel with the other
`cxx11abi` in its name. Else install the torch that the extension was built for.

## Sources
The symbol tables of the installed objects and of what they would be loaded with; flash-attention issues
853, 919 and 1644; pytorch#152790 and pytorch#123649 (the ABI of the wheels); vllm#5501; xformers#874; the manual of
libstdc++, "Dual ABI".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.library_rows import (
    CUDNN,
    NCCL,
    WARNS_ONLY,
    by_package,
    going_on,
    shadowed,
    some,
    undefined,
    when_loaded,
)
from envdoctor.rules.partner_fit import PARTNERS
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.shadowing import example
from envdoctor.rules.smoke_examples import not_imported, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine
    from envdoctor.rules.library_rows import Undefined


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Yield one finding a package, and one a library of the environment that another one stands for.

    What a library that was put in the place of another lacks is told by the rule about that library, and that a
    partner of torch was built for another torch by the partner's own.
    """
    torch = machine.torch
    if torch is None:
        return
    others = shadowed(machine)
    told = {row.library for row in others if row.lacks}
    rows = [row for row in undefined(machine) if row.library not in told and not _is_told_elsewhere(machine, row)]
    for package, found in by_package(rows):
        objects = f" {len(found)} of its objects do not load." if len(found) > 1 else ""
        without = going_on(package, rows)
        yield RULE.finding(
            machine,
            package,
            f"{found[0].says(torch.text)}{objects}{f' {without}' if without else ''}",
            "libraries.undefined", "torch.version",
            when=WARNS_ONLY if without else when_loaded(found, "it does not load"),
            confidence=Confidence.PROVED,
        )  # fmt: skip
    for row in others:
        if row.lacks and not row.by_variable and not row.library.startswith((CUDNN, NCCL)):
            yield RULE.finding(
                machine,
                row.library,
                f"{row.taken}, and it has no {some(row.lacks, row.lacks_count)}: what needs that does not load.",
                "libraries.shadowed", "torch.version",
                when="it does not load",
                confidence=Confidence.PROVED,
            )  # fmt: skip


def _is_told_elsewhere(machine: Machine, row: Undefined) -> bool:
    if row.package in PARTNERS and row.role == "entry" and row.provider == "torch":
        return machine.is_known(f"{row.package}.version")
    return row.is_asked_of("nccl", NCCL) or row.is_asked_of("cudnn", CUDNN)


FLASH = "flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so"


def _lacking(thing: str = FLASH, package: str = "flash-attn", role: str = "entry", **more: Value) -> Value:
    return {
        "object": thing, "package": package, "version": "2.7.4", "role": role, "count": 3, "provider": "torch",
        "symbols": [{"name": "_ZN3c104cuda9SetDeviceEi", "shown": "c10::cuda::SetDevice(int)"}],
        "library": None, "string_abi": None, "built_for": None, "source_of_built_for": None, **more,
    }  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.LIBRARIES,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "libraries.undefined",
        "libraries.shadowed", "torchvision.version", "torchaudio.version", "env.LD_LIBRARY_PATH",
    ),
    fires=(
        Example(
            "flash-attn for another torch",
            {"libraries.undefined": [_lacking(built_for="torch 2.5.1", source_of_built_for="METADATA")]},
            says="c10::cuda::SetDevice(int) and 2 more, which torch 2.9.1+cu128 does not define: it was built for "
            "torch 2.5.1 (METADATA says so)",
        ),
        Example(
            "one that was compiled with the old std::string",
            {"libraries.undefined": [_lacking("custom_ops.so", "custom-ops", string_abi="old")]},
            says="the old std::string",
        ),
        Example(
            "two objects of one package, and an optional one",
            {
                "libraries.undefined": [
                    _lacking("vllm/_C.abi3.so", "vllm"), _lacking("vllm/_moe_C.abi3.so", "vllm"),
                    _lacking("vllm/_flashmla_C.abi3.so", "vllm", "optional"),
                ],
            },
            says="2 of its objects",
        ),
        Example(
            "xformers, which goes on without what it compiled",
            {"libraries.undefined": [_lacking("xformers/_C.so", "xformers")]},
            severity=Severity.WARNING,
            says="`import xformers` warns and goes on",
        ),
        Example(
            "xformers, whose FlashAttention does not load either",
            {
                "libraries.undefined": [
                    _lacking("xformers/_C.so", "xformers"),
                    _lacking("xformers/flash_attn_3/_C.so", "xformers", "optional"),
                ],
            },
            severity=Severity.ERROR,
            says="xformers/_C.so",
        ),
        Example(
            "a codec of torchvision",
            {"libraries.undefined": [_lacking("torchvision/image.so", "torchvision", "optional")]},
            severity=Severity.NOTE,
            says="image.so",
        ),
        Example(
            "a library of the system for which no variable is the reason",
            example("ld.so.cache", lacks=["__nvJitLinkComplete_12_8"], lacks_count=4),
            says="by ld.so.cache",
        ),
        Example(
            "the loader says so of torch itself",
            smoked(not_imported("libtorch_python.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationESs")),
            says="nothing that was loaded defines that symbol",
        ),
    ),
    quiet=(
        Example("everything binds", {"libraries.undefined": []}),
        Example(
            "a variant that is not the one of this torch",
            {"libraries.undefined": [_lacking("natten/libnatten_torch28.so", "natten", "variant")]},
        ),
        Example("a newer library of the system", example("ld.so.cache", version="12.9.86", older=False)),
        Example("no torch", {"torch": None, "libraries.undefined": None}),
    ),
)  # fmt: skip
