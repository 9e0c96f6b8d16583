"""A Dockerfile compiles CUDA code in an image that has no CUDA compiler.

## What it means
The build stops in the step that compiles: "nvcc: not found", "CUDA_HOME environment variable is not set", or
"FileNotFoundError: /usr/local/cuda/bin/nvcc". The stage starts from `pytorch/pytorch:...-runtime` or from an
`nvidia/cuda` image named base or runtime: these hold the libraries of CUDA and neither nvcc nor headers.

## Why it happens
Some packages are sources that are compiled while they are installed: flash-attn, apex, mamba-ssm, causal-conv1d,
anything that is built with FORCE_CUDA=1 or TORCH_CUDA_ARCH_LIST. Where a ready wheel fits, pip takes that; where none
does, it compiles. What only runs CUDA, torch above all, needs no compiler: a runtime image is right for it.

## How to be sure
`docker run --rm IMAGE which nvcc` prints nothing in an image that has none.

## How to fix
Compile in a stage that starts from the same image with `-devel` in place of `-runtime` or `-base`, and copy what came
out of it (the environment, or wheels from `pip wheel`) into the stage that is shipped. Or install a ready wheel.

## Sources
The Dockerfiles of `pytorch/pytorch` and of NVIDIA's container-images/cuda (base, runtime, devel); flash-attention's
README and setup.py, "Installation"; torch/utils/cpp_extension.py (CUDA_HOME).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.rule import Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Yield nothing: a machine runs what was built; files are judged in `rules/declared`."""
    return iter(())


RULE = Rule(judge, stage=Stage.SETTING, needs=(), fires=(), quiet=())
