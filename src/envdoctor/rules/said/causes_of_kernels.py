"""Which defect it was where a build holds no kernels for a GPU."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.said import questions
from envdoctor.rules.said.cause import OF_EXTENSION, Cause, frame, likely

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine


def missing_kernels(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Whose kernels are missing: torch's, for a newer or an older GPU, or those of what is built for torch."""
    if questions.is_rocm(machine):
        return Cause("rocm-arch-unsupported")
    age = questions.age_of_gpus(machine, matrix)
    if age is not None:
        return Cause("gpu-arch-dropped" if age == "older" else "gpu-arch-not-in-wheel")
    if re.search(r"Value 'sm_\d{2,3}[af]?' is not defined", text):
        return _unknown_to_ptxas(machine)
    served = questions.serves_every_gpu(machine, matrix) or questions.compiled_for_others(machine, matrix)
    if served or OF_EXTENSION.search(_source(text)):
        return likely("ext-arch-missing")
    cuda, torch = questions.version(machine, "torch.cuda"), questions.version(machine, "torch.version")
    found = questions.capabilities(machine, matrix)
    if not found and questions.is_of_old_series(machine):
        return likely("gpu-arch-dropped")
    if found and cuda is None:
        return likely("gpu-arch-dropped" if _is_old(found[0], torch) else "gpu-arch-not-in-wheel")
    # Builds with CUDA 12.8 hold all GPUs up to today's and no longer the oldest; before it was the other way round.
    return likely("gpu-arch-dropped" if cuda is not None and cuda >= (12, 8) else "gpu-arch-not-in-wheel")


def _unknown_to_ptxas(machine: Machine) -> Cause:
    """A ptxas that is older than the GPU: triton's own, where torch is of a CUDA that holds all of today's GPUs."""
    cuda = questions.version(machine, "torch.cuda")
    return likely("ext-arch-missing" if cuda is not None and cuda >= (12, 8) else "gpu-arch-not-in-wheel")


def _is_old(capability: tuple[int, int], torch: tuple[int, int] | None) -> bool:
    """Whether a GPU is rather below than above what a torch of unknown CUDA was built for."""
    if torch is None:
        return capability < (7, 5)
    return capability < ((3, 7) if torch < (1, 11) else (5, 0) if torch < (2, 8) else (7, 5))


def _source(text: str) -> str:
    """Return the file in which a text was raised, or the CUDA source that the text itself names."""
    found = re.search(r"(?<!\S)(\S{1,300}\.cuh?)\b", text)
    return frame(text) or (found[1] if found else "")


def not_compatible(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Torch's own warning names the GPU's architecture and those it has: above them or below."""
    own = re.search(r"CUDA capability sm_(\d{2,3})", text)
    listed = [int(one) for one in re.findall(r"sm_(\d{2,3})", text.partition("supports CUDA capabilities")[2])]
    if own and listed:
        return Cause("gpu-arch-dropped" if int(own[1]) < min(listed) else "gpu-arch-not-in-wheel")
    if own and int(own[1]) >= 80 and questions.age_of_gpus(machine, matrix) != "older":
        return Cause("gpu-arch-not-in-wheel")
    return missing_kernels("", machine, matrix)


def outside_range(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Torch 2.8 and newer name the lowest and the highest capability of their kernels: the GPU is below or above."""
    ends = [(int(major), int(minor)) for major, minor in re.findall(r"\((\d{1,2})\.(\d{1,2})\)", text)]
    found = questions.capabilities(machine, matrix)
    if len(ends) < 2 or not found:
        return missing_kernels("", machine, matrix)
    if min(found) < ends[0]:
        return Cause("gpu-arch-dropped")
    # Machine code runs on later GPUs of one major: that of 12.0 on 12.1, which torch warns of all the same.
    return Cause("gpu-arch-not-in-wheel") if max(found)[0] > ends[1][0] else None


def unsupported_ptx(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A driver older than the PTX; where torch has nothing else for the GPU, that is the defect."""
    del text
    newer = questions.age_of_gpus(machine, matrix) == "newer"
    return Cause("gpu-arch-not-in-wheel" if newer else "driver-too-old")


def failing_library(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A CUDA library that fails for no reason it names: on a GPU beyond its build it has no kernels; else nothing."""
    del text
    age = questions.age_of_gpus(machine, matrix)
    if age is None and questions.libraries_are_older(machine, matrix):
        return likely("gpu-arch-not-in-wheel")
    if age is None:
        return likely("mixed-cu-packages") if questions.has_mixed_cu_packages(machine) else None
    return likely("gpu-arch-dropped" if age == "older" else "gpu-arch-not-in-wheel")


def not_compiled(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A build without CUDA: by choice, or because pip's own index has no other for this system."""
    del matrix
    if "Error getting cuda arch" in text:
        return None  # a line that torch.compile logs where it works for the CPU: it asks for no GPU
    if questions.has_only_other_gpus(machine):
        return likely("no-nvidia-gpu")
    return likely("wrong-index-url") if questions.by_plain_pip(machine) else Cause("cpu-only-build")
