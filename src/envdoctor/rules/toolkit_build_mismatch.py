"""Extensions would be compiled with a CUDA toolkit, or for GPUs, that do not fit torch or this machine.

## What it means
torch itself runs: its wheel brings its own CUDA libraries and never asks for a toolkit. A package that compiles CUDA
code against it at installation (flash-attn, apex, detectron2, pytorch3d, a project's own `CUDAExtension`) stops with
`RuntimeError: The detected CUDA version (11.8) mismatches the version that was used to compile PyTorch (12.8).`
Another minor version of the same major is fine: torch logs a warning and goes on.

The same holds for the variable TORCH_CUDA_ARCH_LIST, the GPU architectures that torch has such code compiled for. Where
it names one that the toolkit's nvcc does not know, compilation ends with "nvcc fatal : Unsupported gpu architecture
'compute_120'"; where it leaves out every GPU of this machine, the extension is built and its first kernel fails.

## Why it happens
torch takes the toolkit from `CUDA_HOME`, then `CUDA_PATH`, then the `nvcc` that PATH finds first, then
`/usr/local/cuda`. A cluster's module, a base image such as `nvidia/cuda:11.8.0-devel`, or Debian's package
`nvidia-cuda-toolkit` put one there that is older or newer than the wheel `pip install torch` chose. The variable comes
with an image, or with a script that was written for another GPU.

## How to be sure
`python -c "import torch.utils.cpp_extension as c, torch; print(c.CUDA_HOME, torch.version.cuda)"` names the toolkit
torch would take and its own CUDA; `$CUDA_HOME/bin/nvcc --version` names the toolkit's, in the line `release 12.8`,
`$CUDA_HOME/bin/nvcc --list-gpu-arch` what it compiles for.

## How to fix
Nothing, unless something has to be compiled. Then install the toolkit of torch's major version beside the other and
name it: `export CUDA_HOME=/usr/local/cuda-12.8`, `module load cuda/12.8`, or in conda
`conda install -c nvidia cuda-toolkit=12.8`. Or take the torch build that the toolkit fits:
`envdoctor plan` lists the channels. A prebuilt wheel of the extension needs no toolkit at all. Unset
TORCH_CUDA_ARCH_LIST, and torch names the GPUs that it sees.

## Sources
`_find_cuda_home`, `_check_cuda_version` and `_get_cuda_arch_flags` in torch/utils/cpp_extension.py of torch 2.14.1; the
error as reported in pytorch issue 73047 and in icip-cas/AutoAlign issue 25; the first and last toolkits of each GPU
generation in the matrix.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.device_code import Architecture, DeviceCode
from envdoctor.matrix.serving import capability_of
from envdoctor.matrix.versions import minor
from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Capability, Machine

LIST = "env.TORCH_CUDA_ARCH_LIST"

CHOSEN = frozenset({"CUDA_HOME", "CUDA_PATH", "nvcc on PATH"})
"""Ways on which somebody put the toolkit in use; one that lies in the usual folder may be left over."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare toolkit and targets with torch and the GPUs, where a compiler for each half stands ready."""
    torch = machine.torch
    if torch is None or torch.cuda is None:
        return
    because = machine.text("toolkit.home_because")
    # A wrapper around nvcc belongs to no toolkit, so that no file tells the version; that is nothing to speak of.
    told = because in CHOSEN and machine.is_known("toolkit.home_version")
    version = machine.text("toolkit.home_version") if told else None
    if version is None or not _can_compile(machine):
        return
    toolkit = f"the toolkit in {machine.text('toolkit.home')} ({because}) is CUDA {version}"
    facts = ("torch.cuda", "toolkit.home", "toolkit.home_version", "toolkit.home_because", "compiler.path")
    if version.partition(".")[0] != torch.cuda.partition(".")[0]:
        yield RULE.finding(
            machine,
            "torch",
            f"torch {torch.text} is built with CUDA {torch.cuda}, and {toolkit}. torch runs; extensions that are "
            "compiled here are refused with `The detected CUDA version mismatches the version that was used to compile "
            "PyTorch`.",
            *facts,
            confidence=Confidence.PROVED,
        )
        return
    targets = _targets(machine.told(LIST))
    if targets is None:
        return
    unknown = [one for one in targets.sass if not _compiles(matrix, version, one.capability)]
    gpus = machine.visible_gpus
    if unknown:
        yield RULE.finding(
            machine,
            "torch",
            f"TORCH_CUDA_ARCH_LIST names {_dotted(unknown[0].capability)}, and {toolkit}, which does not compile for "
            "it. torch runs; extensions that are compiled here end with `nvcc fatal : Unsupported gpu architecture`.",
            LIST, *facts,
        )  # fmt: skip
    elif gpus and not any(targets.shares_for(capability_of(gpu, matrix)) for gpu in gpus):
        yield RULE.finding(
            machine,
            "torch",
            f"TORCH_CUDA_ARCH_LIST names no target that serves {gpus[0].label} (compute capability "
            f"{_dotted(capability_of(gpus[0], matrix))}){' or another visible GPU' if gpus[1:] else ''}, only "
            f"{targets.listed}. torch runs; the kernels of extensions that are compiled here fail on this machine.",
            LIST, f"gpu.{gpus[0].index}.name", f"gpu.{gpus[0].index}.compute_capability", "toolkit.home",
            "compiler.path",
        )  # fmt: skip


def _targets(text: str | None) -> DeviceCode | None:
    """Read "8.0;9.0a+PTX"; None where it is empty or names a generation, whose members differ by release of torch."""
    words = re.split(r"[ ;]+", text.strip(" ;")) if text else []
    matches = [re.fullmatch(r"([0-9]{1,2})\.([0-9])([af]?)(\+PTX)?", word) for word in words]
    named = [(Architecture((int(one[1]), int(one[2])), one[3]), bool(one[4])) for one in matches if one]
    if not named or len(named) < len(matches):
        return None
    return DeviceCode({one: 1.0 for one, _ in named}, {one: 1.0 for one, has_ptx in named if has_ptx})


def _compiles(matrix: Matrix, toolkit: str, capability: Capability) -> bool:
    """Whether a toolkit compiles for a capability, as far as anybody knows."""
    first, last = matrix.first_toolkit(capability), matrix.last_toolkit(capability)
    if first is not None and minor(toolkit) < minor(first):
        return False
    return last is None or minor(toolkit)[0] <= minor(last)[0]


def _dotted(capability: Capability) -> str:
    return f"{capability[0]}.{capability[1]}"


def _can_compile(machine: Machine) -> bool:
    """Whether nvcc of that toolkit and a C++ compiler are there: an image made to run only has neither."""
    if machine.text("compiler.path") is None:
        return False
    if machine.text("toolkit.nvcc") is not None:
        return True
    home = machine.text("toolkit.home")
    installed = [entry for entry in machine.items("toolkit.installed") if isinstance(entry, dict)]
    return any(entry.get("path") == home and entry.get("nvcc") is True for entry in installed)


OLD: dict[str, Value] = {
    "toolkit.home": "/usr/local/cuda-11.8",
    "toolkit.home_version": "11.8.0",
    "toolkit.home_because": "CUDA_HOME",
    "toolkit.installed": [{"path": "/usr/local/cuda-11.8", "version": "11.8.0", "nvcc": True}],
    "compiler.path": "/usr/bin/c++",
}

FITTING: dict[str, Value] = {
    **OLD,
    "toolkit.home": "/usr/local/cuda-12.4",
    "toolkit.home_version": "12.4.1",
    "toolkit.installed": [{"path": "/usr/local/cuda-12.4", "version": "12.4.1", "nvcc": True}],
}

RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "toolkit.home",
        "toolkit.home_version", "toolkit.home_because", "toolkit.installed", "toolkit.nvcc", "compiler.path", LIST,
        "gpu.count", "gpu.visible", "gpu.N.name", "gpu.N.compute_capability",
    ),
    fires=(
        Example("CUDA_HOME names CUDA 11.8 beside a cu128 wheel", {**OLD}, severity=Severity.NOTE, says="CUDA 11.8.0"),
        Example(
            "nvcc of Debian's toolkit beside a cu130 wheel",
            {"torch": "2.14.0+cu130", "driver": "580.95.05 13.0", **OLD, "toolkit.home": "/usr",
             "toolkit.home_version": "12.4", "toolkit.home_because": "nvcc on PATH", "toolkit.nvcc": "/usr/bin/nvcc"},
            severity=Severity.NOTE,
            says="(nvcc on PATH) is CUDA 12.4",
        ),
        Example(
            "targets with one that came with a newer toolkit",
            {**FITTING, LIST: "8.0 9.0 12.0+PTX"},
            severity=Severity.NOTE,
            says="names 12.0, and the toolkit in /usr/local/cuda-12.4",
        ),
        Example(
            "the targets of another machine",
            {**FITTING, LIST: "8.6;9.0a"},
            severity=Severity.NOTE,
            says="only sm_86 sm_90a.",
        ),
    ),
    quiet=(
        Example("another minor version of the same major", {**OLD, "toolkit.home_version": "12.0.0"}),
        Example("no C++ compiler", {**OLD, "compiler.path": None}),
        Example("a toolkit without its compiler", {**OLD, "toolkit.installed": []}),
        Example("an old toolkit that nothing names", {**OLD, "toolkit.home_because": "/usr/local/cuda"}),
        Example("targets with this machine's GPU", {**FITTING, LIST: "7.5;8.0;9.0+PTX"}),
        Example("targets with PTX that its driver compiles", {**FITTING, LIST: "7.5+PTX"}),
        Example("targets by the names of generations", {**FITTING, LIST: "Hopper"}),
        Example("targets of others where nothing can be compiled", {LIST: "9.0"}),
        Example("a machine without a toolkit", {"compiler.path": "/usr/bin/c++"}),
        Example("a build without CUDA", {**OLD, "torch": "2.13.0+cpu", "gpus": None, "driver": None}),
    ),
)  # fmt: skip
