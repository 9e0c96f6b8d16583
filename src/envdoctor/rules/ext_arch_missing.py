"""A package beside torch holds no kernels for a GPU that torch itself serves.

## What it means
torch runs on the GPU, and the compiled part of another package (torchvision, xformers, flash-attn, bitsandbytes, vllm,
a project's own extension) was built for other architectures: its first kernel ends with "CUDA error: no kernel image is
available for execution on the device", far from the import that chose the package.

## Why it happens
Packages choose their own architectures, and begin later than torch or end earlier: vllm's wheels begin at 7.0 or 7.5
where torch for CUDA 12.6 still has Pascal, those of flash-attn at 8.0. An extension that was compiled on another
machine holds what that machine had, or what TORCH_CUDA_ARCH_LIST named there.

## How to be sure
`cuobjdump --list-elf FILE.so` lists the machine code of an object, `cuobjdump --list-ptx FILE.so` the PTX that a
driver can compile for newer GPUs. An entry sm_XY serves GPUs of the same major version X with a minor of Y or more,
sm_90a its own GPUs alone, sm_100f those of its family.

Objects of which one is chosen at run time (bitsandbytes) count together. An object for the special features of one
architecture alone (sm_90a) beside generic ones is in order; so is one that belongs to a single feature. Of torchaudio
and torchcodec, which have kernels of their own for a few functions, it is a note.

## How to fix
Install a build of the package that has the architecture, or compile it for this GPU:
`TORCH_CUDA_ARCH_LIST="7.5" pip install --no-build-isolation --no-binary PACKAGE PACKAGE` with the GPU's own number.
Where the package has no code for such a GPU at all, do without it: torch's own kernels work.

## Sources
The fat binaries in the sections `.nv_fatbin` and `__nv_relfatbin` of the package's objects, read as cuobjdump does;
NVIDIA CUDA Programming Guide, binary and PTX compatibility; vllm-project/vllm#19542.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from envdoctor.matrix.device_code import DeviceCode, read_code
from envdoctor.matrix.serving import capability_of
from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import Undecidable
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, passed, smoked
from envdoctor.rules.wheel_kernels import NEEDS, disputed_on, dotted, kernels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Capability, Gpu, Machine

    GpuOf: TypeAlias = tuple[Gpu, Capability]

FACT = "extensions.kernels"

COUNTED = frozenset({"entry", "variant"})
"""Roles of the objects that a package cannot do without; of variants one is enough."""

FOR_FEW_FUNCTIONS = frozenset({"torchaudio", "torchcodec"})
"""Packages with kernels of their own for a few functions (alignment and the RNN-T loss; decoding on the GPU), of which
all else runs by torch's kernels or on the CPU: what they lack is a note."""

MOST_NAMED = 3


class CompiledPart(NamedTuple):
    """An object with device code; `shown` is its path below the folder of packages."""

    package: str
    version: str
    shown: str
    role: str
    code: DeviceCode


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find the packages that do not run on a GPU which torch serves, and those of which one object does not."""
    torch = machine.torch
    if torch is None or torch.cuda is None or not machine.looked_at(FACT):
        return
    packages: dict[str, list[CompiledPart]] = {}
    for part in map(_part, machine.rows(FACT)):
        if part.role in COUNTED and part.code.best:
            packages.setdefault(part.package, []).append(part)
    gpus = _served_by_torch(machine, matrix) if packages else []
    for parts in packages.values():
        lacking = _without(gpus, parts, torch.cuda)
        if lacking and parts[0].package not in FOR_FEW_FUNCTIONS:
            when = "another visible GPU is served" if len(lacking) < len(gpus) else "no visible GPU is served"
            yield _finding(machine, parts, lacking, when)
            continue
        # Code for the special features of one architecture stands beside generic code on purpose.
        generic = [part for part in parts if part.role == "entry" and not part.code.is_special]
        for some in [parts] if lacking else [[part] for part in generic]:
            lacking = _without(gpus, some, torch.cuda)
            if lacking:
                yield _finding(machine, some, lacking, "a part of it")
                break


def _part(row: dict[str, Value]) -> CompiledPart:
    """Read a row; raises `Undecidable` for one of another shape."""
    texts = [row.get(name) for name in ("package", "version", "object", "role")]
    package, version, shown, role = (one if isinstance(one, str) else None for one in texts)
    if package is None or version is None or shown is None or role is None:
        raise Undecidable(f"{FACT} holds a row without its names in this snapshot", FACT)
    return CompiledPart(package, version, shown, role, read_code(row, FACT))


def _served_by_torch(machine: Machine, matrix: Matrix) -> list[GpuOf]:
    """The visible GPUs, without those that torch has no kernels for either: of these its own findings speak."""
    try:
        seen = kernels(machine, matrix)
    except Undecidable:
        seen = None  # what torch holds is not known; what the package lacks is
    unserved = {gpu.index for gpu, _ in seen.unserved} if seen else set()
    return [(gpu, capability_of(gpu, matrix)) for gpu in machine.visible_gpus if gpu.index not in unserved]


def _without(gpus: list[GpuOf], parts: list[CompiledPart], cuda: str) -> list[GpuOf]:
    """The GPUs on which nothing of the parts runs."""
    return [one for one in gpus if not any(_may_run(part.code, one[1], cuda) for part in parts)]


def _may_run(code: DeviceCode, capability: Capability, cuda: str) -> bool:
    """Whether some of it runs on a GPU, or may: nobody knows of which CUDA its PTX is, and so which driver takes it."""
    return bool(code.shares_for(capability)) or disputed_on(code, cuda, capability)


def _finding(machine: Machine, parts: list[CompiledPart], gpus: list[GpuOf], when: str) -> Finding:
    package = f"{parts[0].package} {parts[0].version}"
    named = dict.fromkeys(f"{gpu.label} (compute capability {dotted(capability)})" for gpu, capability in gpus)
    held = DeviceCode(
        {one: share for part in parts for one, share in part.code.sass.items()},
        {one: share for part in parts for one, share in part.code.ptx.items()},
    )
    holds = f"{_some(part.shown for part in parts)} {'holds' if len(parts) == 1 else 'hold'} {held.listed}"
    told = f"holds no kernels for {_some(named)}: {holds}."
    message = (
        f"A part of {package} {told} What it is for fails there; the rest of the package runs."
        if when == "a part of it"
        else f"{package} {told} Its kernels fail there with `no kernel image is available`, whatever torch holds."
    )
    return RULE.finding(
        machine,
        parts[0].package,
        message,
        FACT,
        *(f"gpu.{gpu.index}.{what}" for gpu, _ in gpus[:MOST_NAMED] for what in ("name", "compute_capability")),
        when=when,
        confidence=Confidence.PROVED,
    )


def _some(names: Iterable[str]) -> str:
    """Name the first few, each cut to a length a line can hold."""
    told = [name[:90] for name in names]
    if len(told) > MOST_NAMED:
        told = [*told[:MOST_NAMED], f"{len(told) - MOST_NAMED} more"]
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))


def _row(package: str, version: str, shown: str, sass: str, ptx: str = "", role: str = "entry") -> Value:
    return {
        "package": package, "version": version, "object": shown, "role": role, "modules": 20,
        "sass": dict.fromkeys(sass.split(), 1.0), "ptx": dict.fromkeys(ptx.split(), 1.0),
    }  # fmt: skip


def _torch(sass: str) -> Value:
    return {"files": ["torch/lib/libtorch_cuda.so"], "modules": 475, "sass": dict.fromkeys(sass.split(), 1.0),
            "ptx": {}, "flags": None}  # fmt: skip


PASCAL = "NVIDIA GeForce GTX 1080 Ti 6.1"
VLLM = _row("vllm", "0.9.1", "vllm/_C.abi3.so", "70 75 80 86 89 90")
CU126: dict[str, Value] = {"torch": "2.7.0+cu126", "torch.provenance": "pytorch-index"}
BITSANDBYTES = [
    _row("bitsandbytes", "0.50.2", f"bitsandbytes/libbitsandbytes_cuda{cuda}.so", sass, ptx, "variant")
    for cuda, sass, ptx in (
        ("118", "60 70 75 80 86 89 90", "90"), ("128", "70 75 80 86 89 90 100 120", "120"),
        ("132", "75 80 86 89 90 100 120", "120"),
    )
]  # fmt: skip

RULE = Rule(
    judge,
    stage=Stage.KERNELS,
    needs=(*NEEDS, FACT),
    fires=(
        Example(
            "a GTX 1080 Ti, which torch for CUDA 12.6 serves, under vLLM",
            {**CU126, "gpus": [PASCAL], FACT: [VLLM]},
            says="vllm/_C.abi3.so holds sm_70 sm_75 sm_80 sm_86 sm_89 sm_90.",
        ),
        Example(
            "the same GPU beside an A100",
            {**CU126, "gpus": ["NVIDIA A100-SXM4-80GB 8.0", PASCAL], FACT: [VLLM]},
            severity=Severity.WARNING,
            says="for NVIDIA GeForce GTX 1080 Ti (compute capability 6.1)",
        ),
        Example(
            "an extension that was compiled for an A100 alone, on a T4",
            {
                "gpus": ["Tesla T4 7.5"], "torch.kernels": _torch("70 75 80 86 90 100 120"),
                FACT: [_row("my-ops", "0.1", "my_ops/_C.cpython-311-x86_64-linux-gnu.so", "80")],
            },
            says="my-ops 0.1 holds no kernels",
        ),
        Example(
            "an extension for Hopper's special features alone, on an A100",
            {FACT: [_row("deep-ops", "1.0", "deep_ops.cpython-311-x86_64-linux-gnu.so", "90a")]},
            says="sm_90a",
        ),
        Example(
            "one of two modules of a package compiled for the A100 alone, on a T4",
            {
                "gpus": ["Tesla T4 7.5"],
                FACT: [
                    _row("my-ops", "0.1", "my_ops/_C.cpython-311-x86_64-linux-gnu.so", "75 80"),
                    _row("my-ops", "0.1", "my_ops/_fused.cpython-311-x86_64-linux-gnu.so", "80"),
                ],
            },
            severity=Severity.NOTE,
            says="my_ops/_fused.cpython-311-x86_64-linux-gnu.so holds sm_80.",
        ),
        Example(
            "the few functions of torchaudio that have kernels of their own, on a V100",
            {
                **CU126, "gpus": ["Tesla V100-SXM2-32GB 7.0"],
                FACT: [_row("torchaudio", "2.11.0", "torchaudio/lib/libtorchaudio.abi3.so", "75 80 86 90", "120")],
            },
            severity=Severity.NOTE,
            says="A part of torchaudio 2.11.0",
        ),
        Example(
            "torch runs, and an operator of torchvision does not",
            {
                "torchvision": "0.24.1+cu128", "torchvision.requires": ["torch==2.9.1"],
                **smoked(passed("elementwise"), failed("nms", "CUDA error: no kernel image is available")),
            },
            says="The kernel test nms failed on",
        ),
    ),
    quiet=(
        Example(
            "vLLM on an RTX 4090, with a module for the special features of others",
            {
                "gpus": ["NVIDIA GeForce RTX 4090 8.9"],
                FACT: [
                    _row("vllm", "0.33.0", "vllm/_C_stable_libtorch.abi3.so", "75 80 86 90 100 120", "80"),
                    _row("vllm", "0.33.0", "vllm/_flashmla_C.abi3.so", "90a 100a"),
                ],
            },
        ),
        Example("alternatives of which one serves", {"gpus": ["Tesla V100-SXM2-32GB 7.0"], "torch": "2.10.0+cu128",
                                                     FACT: BITSANDBYTES}),
        Example(
            "an H200 under xformers, which brings PTX for 8.0 beside code for 9.0a",
            {"gpus": ["NVIDIA H200 9.0"], FACT: [_row("xformers", "0.0.35", "xformers/_C.so", "75 80 90a", "80")]},
        ),
        Example(
            "a B200 under it, by PTX",
            {"gpus": ["NVIDIA B200 10.0"], "driver": "580.95.05 13.0",
             FACT: [_row("xformers", "0.0.35", "xformers/_C.so", "75 80 90a", "80")]},
        ),
        Example(
            "a feature that only new GPUs have",
            {FACT: [_row("torchao", "0.18.0", "torchao/_C_mxfp8.so", "100", "120", "optional")]},
        ),
        Example(
            "a GPU that is hidden",
            {**CU126, "gpus": ["NVIDIA A100-SXM4-80GB 8.0", PASCAL], "gpu.visible": [0], FACT: [VLLM]},
        ),
        Example("a package without device code", {FACT: [_row("torchvision", "0.24.1", "torchvision/_C.so", "")]}),
    ),
)  # fmt: skip
