"""What must hold of drivers, toolkits, cuDNN and GPUs, and of builds beside them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from envdoctor.matrix import fit, gpu_names
from envdoctor.matrix.laws_of_builds import all_wheels
from envdoctor.matrix.reading import CPU
from envdoctor.matrix.speed import plain
from envdoctor.matrix.versions import minor, older

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envdoctor.matrix.matrix import Matrix

KINDS = ("consumer", "workstation", "datacenter", "jetson")
MAXWELL = (5, 0)
FASTER = (
    *(("fp32", fast) for fast in ("tf32", "fp16", "bf16", "fp8", "int8")),
    *(("tf32", fast) for fast in ("fp16", "bf16", "fp8", "int8")),
    *((slow, fast) for slow in ("fp16", "bf16") for fast in ("fp8", "int8")),
    ("fp16", "bf16"),
    ("bf16", "fp16"),
)
"""Number types of which the second is as fast as the first or faster on every tensor core."""


def every_cuda_build_has_a_driver_floor(matrix: Matrix) -> Iterator[str]:
    """For each CUDA channel a lowest driver is known, on Linux and on Windows."""
    for channel in sorted({wheel.channel for wheel in all_wheels(matrix)} - {CPU}):
        cuda = f"{channel[2:-1]}.{channel[-1]}"
        for os in ("linux", "windows"):
            if matrix.driver_floor(cuda, os) is None:
                yield f"{channel}: none for {os}"


def drivers_ascend(matrix: Matrix) -> Iterator[str]:
    """A newer CUDA never asks for an older driver, and a newer branch never provides an older CUDA."""
    for one, other in pairwise(matrix.cuda_floors):
        if one.major >= other.major or not older(one.linux, other.linux) or not older(one.windows, other.windows):
            yield f"driver_floors.{other.major} does not exceed driver_floors.{one.major}"
    for kit, next_kit in pairwise(matrix.toolkits):
        if not older(kit.version, next_kit.version) or older(next_kit.linux, kit.linux):
            yield f"toolkits.{next_kit.version} does not exceed toolkits.{kit.version}"
    for branch, next_branch in pairwise(matrix.driver_branches):
        if branch.branch >= next_branch.branch or older(next_branch.cuda, branch.cuda):
            yield f"driver_branches.{next_branch.branch} does not exceed driver_branches.{branch.branch}"


def toolkit_driver_provides_its_cuda(matrix: Matrix) -> Iterator[str]:
    """The driver inside a toolkit belongs to the branch that provides that toolkit's CUDA version."""
    for toolkit in matrix.toolkits:
        cuda = matrix.driver_cuda(toolkit.linux)
        if cuda is None or minor(cuda) != minor(toolkit.version):
            yield f"toolkit {toolkit.version} ships {toolkit.linux}, which provides CUDA {cuda}"


def cudnn_only_drops(matrix: Matrix) -> Iterator[str]:
    """Rows on cuDNN ascend and their lowest capability never falls; a wheel's cuDNN serves its kernels.

    Kepler is let off: torch 2.4 to 2.7 shipped sm_37 beside a cuDNN 9 that starts at 5.0.
    """
    for row in matrix.cudnn_support:
        if not row.capabilities:
            yield f"the row from {row.since} names no compute capability"
            return
    for one, other in pairwise(matrix.cudnn_support):
        if not older(one.since, other.since) or min(other.capabilities) < min(one.capabilities):
            yield f"the row from {other.since} does not follow the row from {one.since}"
    for wheel in all_wheels(matrix):
        for capability in wheel.sass or ():
            if capability >= MAXWELL and matrix.cudnn_serves(wheel.cudnn, capability) is False:
                yield f"torch {wheel.torch} {wheel.channel} {wheel.platform}: {capability} with {wheel.cudnn}"


def gpu_names_are_certain(matrix: Matrix) -> Iterator[str]:
    """Each GPU name stands once and finds itself; names that differ only in silent words agree in capability."""
    seen = set()
    for model in matrix.gpus:
        if model.name in seen:
            yield f"{model.name!r} stands twice"
        seen.add(model.name)
        if model.kind not in KINDS:
            yield f"{model.name!r}: {model.kind!r} is none of {', '.join(KINDS)}"
        if gpu_names.find(model.name, matrix.gpus) != model:
            same = [
                repr(one.name)
                for one in matrix.gpus
                if one.name != model.name and gpu_names.words(one.name) == gpu_names.words(model.name)
            ]
            yield f"{model.name!r} does not find itself" + (f"; {', '.join(same)} is the same name" if same else "")


def boards_are_told_apart(matrix: Matrix) -> Iterator[str]:
    """A row of [[peaks]] is of a GPU of [[gpus]], one row each, and no name stands in two rows.

    A name that [[gpus]] knows as well has the compute capability of the row's GPU.
    """
    models = {model.name: model for model in matrix.gpus}
    seen: set[str] = set()
    for peak in matrix.peaks:
        model = models.get(peak.gpu)
        if model is None:
            yield f"peaks: {peak.gpu!r} is not among [[gpus]]"
        if not peak.names:
            yield f"peaks: {peak.gpu!r} has no name"
        for name in (f"[[gpus]] {peak.gpu}", *dict.fromkeys(map(plain, peak.names))):
            if name in seen:
                yield f"peaks: {name!r} stands twice"
            seen.add(name)
            known = gpu_names.find(name, matrix.gpus)
            if known and model and known.capability != model.capability:
                yield f"peaks: {name!r} is {known.capability}, {peak.gpu!r} {model.capability}"


def fewer_bits_are_never_slower(matrix: Matrix) -> Iterator[str]:
    """Peak figures rise from fp32 over tf32 to the types of 16 and of 8 bits; memory moves at all."""
    for peak in matrix.peaks:
        if peak.memory <= 0:
            yield f"peaks: {peak.gpu}: memory_gb_per_s is {peak.memory}"
        for slow, fast in FASTER:
            if slow in peak.tflops and fast in peak.tflops and peak.tflops[fast] < peak.tflops[slow]:
                yield f"peaks: {peak.gpu}: {fast} is below {slow}"


def tegra_is_what_fit_assumes(matrix: Matrix) -> Iterator[str]:
    """[tegra] and `fit.TEGRA` name the same parts."""
    if matrix.tegra != fit.TEGRA:
        yield f"[tegra] has {sorted(matrix.tegra)}, the code {sorted(fit.TEGRA)}"


def generations_are_disjoint(matrix: Matrix) -> Iterator[str]:
    """A compute capability belongs to one generation row, and no branch ends before it begins."""
    seen = set()
    for row in matrix.generations:
        for capability in row.capabilities:
            if capability in seen:
                yield f"{capability} stands twice"
            seen.add(capability)
        if row.lowest_branch and row.last_branch and row.lowest_branch.branch > row.last_branch:
            yield f"{row.name}: ends at {row.last_branch} before it begins at {row.lowest_branch.driver}"


LAWS: tuple[Callable[[Matrix], Iterator[str]], ...] = (
    every_cuda_build_has_a_driver_floor,
    drivers_ascend,
    toolkit_driver_provides_its_cuda,
    cudnn_only_drops,
    gpu_names_are_certain,
    boards_are_told_apart,
    fewer_bits_are_never_slower,
    tegra_is_what_fit_assumes,
    generations_are_disjoint,
)
