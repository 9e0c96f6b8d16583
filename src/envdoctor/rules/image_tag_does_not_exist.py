"""A container image is named by a tag that its publisher does not have.

## What it means
A build or a start ends at once: "failed to resolve source metadata for docker.io/nvidia/cuda:12.1-devel-ubuntu22.04:
not found", or "manifest unknown". A Dockerfile, a compose file, a workflow or an article names an image of
`pytorch/pytorch`, of `nvidia/cuda` or of `nvcr.io/nvidia/pytorch` under a tag that was never published, or that was
deleted since (a note).

## Why it happens
Tags look as if they could be put together at will. Those of `pytorch/pytorch` exist for the two or three CUDA versions
that a release was built for, with one cuDNN: `cudnn8` up to torch 2.3.1, `cudnn9` from 2.4.0 on. Those of `nvidia/cuda`
carry all three numbers of a CUDA release since 11.2 (`12.1.1-devel-ubuntu22.04`), never `latest`; cuDNN is called
`cudnn8` up to CUDA 12.2, `cudnn9` with 12.3.2 and `cudnn` from 12.4.1 on, and some releases (12.2.0, 12.3.0, 12.4.0,
12.5.0) come without it. NVIDIA deletes tags six months after a newer update of the same CUDA or the end of its driver:
all of CUDA 10 is gone. NGC's tags are a year, a month and `-py3`.

## How to be sure
`docker manifest inspect IMAGE:TAG` asks the registry without pulling anything. The tags of `nvidia/cuda` are listed in
`doc/supported-tags.md` and `doc/unsupported-tags.md` of NVIDIA's repository container-images/cuda.

## How to fix
Take the tag that the finding names: the same release and kind, with the CUDA next to the one that was written. A base
image with a newer CUDA needs a newer driver; its CUDA need not be that of a wheel that is installed in it.

## Sources
pytorch/test-infra `generate_docker_release_matrix.py` and the releases of PyTorch; NVIDIA container-images/cuda,
`doc/` and `dist/`; its support policy; NVIDIA/nvidia-docker issues 1454 (latest), 1735, 1768 and 1790 (deleted tags);
pytorch pull request 125632 (12.4.0 without cuDNN); NGC catalog, PyTorch.
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
    """Yield nothing: no machine runs an image that does not exist; files are judged in `rules/declared`."""
    return iter(())


RULE = Rule(judge, stage=Stage.SETTING, needs=(), fires=(), quiet=())
