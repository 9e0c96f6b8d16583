"""The CUDA toolkit that extensions would be compiled with is of another major version than torch's CUDA.

## What it means
torch itself runs: its wheel brings its own CUDA libraries and never asks for a toolkit. A package that compiles CUDA
code against it at installation (flash-attn, apex, detectron2, pytorch3d, a project's own `CUDAExtension`) stops with
`RuntimeError: The detected CUDA version (11.8) mismatches the version that was used to compile PyTorch (12.8).`
Another minor version of the same major is fine: torch logs a warning and goes on.

## Why it happens
torch takes the toolkit from `CUDA_HOME`, then `CUDA_PATH`, then the `nvcc` that PATH finds first, then
`/usr/local/cuda`. A cluster's module, a base image such as `nvidia/cuda:11.8.0-devel`, or Debian's package
`nvidia-cuda-toolkit` put one there that is older or newer than the wheel `pip install torch` chose.

## How to be sure
`python -c "import torch.utils.cpp_extension as c, torch; print(c.CUDA_HOME, torch.version.cuda)"` names the toolkit
torch would take and its own CUDA; `$CUDA_HOME/bin/nvcc --version` names the toolkit's, in the line `release 12.8`.

## How to fix
Nothing, unless something has to be compiled. Then install the toolkit of torch's major version beside the other and
name it: `export CUDA_HOME=/usr/local/cuda-12.8`, `module load cuda/12.8`, or in conda
`conda install -c nvidia cuda-toolkit=12.8`. Or take the torch build that the toolkit fits:
`envdoctor plan` lists the channels. A prebuilt wheel of the extension needs no toolkit at all.

## Sources
`_find_cuda_home` and `_check_cuda_version` in torch/utils/cpp_extension.py of torch 2.14.1; the error as reported in
pytorch issue 73047 and in icip-cas/AutoAlign issue 25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

CHOSEN = frozenset({"CUDA_HOME", "CUDA_PATH", "nvcc on PATH"})
"""Ways on which somebody put the toolkit in use; one that lies in the usual folder may be left over."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Compare the majors where a toolkit with its compiler and a C++ compiler stand ready."""
    torch = machine.torch
    if torch is None or torch.cuda is None:
        return
    because = machine.text("toolkit.home_because")
    # A wrapper around nvcc belongs to no toolkit, so that no file tells the version; that is nothing to speak of.
    told = because in CHOSEN and machine.is_known("toolkit.home_version")
    version = machine.text("toolkit.home_version") if told else None
    if version is None or version.partition(".")[0] == torch.cuda.partition(".")[0]:
        return
    if not _can_compile(machine):
        return
    yield RULE.finding(
        machine,
        "torch",
        f"torch {torch.text} is built with CUDA {torch.cuda}, and the toolkit in {machine.text('toolkit.home')} "
        f"({because}) is CUDA {version}. torch runs; extensions that are compiled here are refused with "
        "`The detected CUDA version mismatches the version that was used to compile PyTorch`.",
        "torch.cuda", "toolkit.home", "toolkit.home_version", "toolkit.home_because", "compiler.path",
        confidence=Confidence.PROVED,
    )  # fmt: skip


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

RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=(
        "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "toolkit.home",
        "toolkit.home_version", "toolkit.home_because", "toolkit.installed", "toolkit.nvcc", "compiler.path",
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
    ),
    quiet=(
        Example("another minor version of the same major", {**OLD, "toolkit.home_version": "12.0.0"}),
        Example("no C++ compiler", {**OLD, "compiler.path": None}),
        Example("a toolkit without its compiler", {**OLD, "toolkit.installed": []}),
        Example("an old toolkit that nothing names", {**OLD, "toolkit.home_because": "/usr/local/cuda"}),
        Example("a machine without a toolkit", {"compiler.path": "/usr/bin/c++"}),
        Example("a build without CUDA", {**OLD, "torch": "2.13.0+cpu", "gpus": None, "driver": None}),
    ),
)  # fmt: skip
