"""Which defect it was where a library is of another release, and where something was compiled for another torch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.said import questions, questions_of_packages
from envdoctor.rules.said.cause import OF_EXTENSION, Cause, frame, likely

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine


def other_cudnn(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Another cuDNN than torch's own; the variable that puts it there, where it is told."""
    del matrix
    if re.search(r"LD_LIBRARY_PATH contains|is in your LD_LIBRARY_PATH|in LD_LIBRARY_PATH", text):
        return Cause("cudnn-shadowed-by-ld-library-path")
    by_path = re.search(r"cuda|cudnn", machine.told("env.LD_LIBRARY_PATH") or "", re.IGNORECASE)
    return Cause("cudnn-shadowed-by-ld-library-path" if by_path else "cudnn-version-mismatch", sure=bool(by_path))


def other_cuda_library(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A CUDA library of another release is loaded before torch's own, by the variable or by the system's paths."""
    del text, matrix
    if questions.has_mixed_cu_packages(machine) and machine.told("env.LD_LIBRARY_PATH") is None:
        return likely("mixed-cu-packages")
    return Cause("cuda-libs-shadowed-by-ld-library-path", sure=machine.told("env.LD_LIBRARY_PATH") is not None)


def other_nccl(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Another NCCL: of two packages for two CUDAs in one folder, or of somebody else."""
    del text, matrix
    mixed = questions.has_mixed_cu_packages(machine, "nccl")
    return likely("mixed-cu-packages") if mixed else Cause("nccl-version-conflict")


def missing_cuda_library(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A CUDA library is asked for that is nowhere: of packages of two CUDAs, or for an extension of another CUDA."""
    del matrix
    library = re.search(r"lib(\w{2,20})(?:-[\w.]{1,20})?\.so(?:\.(\d{1,2}))?", text)
    if library and re.match(r"torch_cuda_c", library[1]) and not _is_of_partner(text, machine):
        return likely("abi-undefined-symbol")  # a part of torch 1.8 to 1.12, and of what was compiled for them
    if library and re.match(r"(?:torch_hip|c10_hip|amdhip64|c10_cuda|torch_cuda(?:_\w{2,8})?)$", library[1]):
        vision = "torchvision" in text
        return Cause("torch-torchvision-mismatch", sure=False) if vision else likely("torch-torchaudio-mismatch")
    if questions.has_mixed_cu_packages(machine):
        return likely("mixed-cu-packages")
    cuda = questions.version(machine, "torch.cuda")
    if library and library[2] and cuda is not None and int(library[2]) != cuda[0]:
        for partner in ("torchvision", "torchaudio"):
            if partner in text:
                return likely(f"torch-{partner}-mismatch")
        return likely("abi-undefined-symbol")
    if cuda is None and questions_of_packages.lacks_cudart_of_another(text, machine):
        return likely("abi-undefined-symbol")
    return Cause("shared-library-missing")


def _is_of_partner(text: str, machine: Machine) -> bool:
    """Whether torchvision or torchaudio is named where something fails."""
    return any(partner in one for one in (text, *questions.texts(machine)) for partner in ("torchvision", "torchaudio"))


def foreign_extension(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Something that was compiled for another torch; the partners of torch have rules of their own.

    xformers tells both: where they are one release, and the one that is here has no CUDA, that is the defect.
    """
    del machine, matrix
    both = re.search(r"PyTorch (\d[\d.]{2,10})\+cu\d{3} .{0,40}\(you have (\d[\d.]{2,10})\+cpu\)", text)
    if both and both[1] == both[2]:
        return Cause("cpu-only-build")
    words = text.replace("_torch_sox", "torchaudio")
    for partner in ("torchvision", "torchaudio"):
        where = frame(words) if partner in frame(words) else words
        others = where.replace("torchvision", "").replace("torchaudio", "")
        if questions_of_packages.blames(where, partner) and not OF_EXTENSION.search(others):
            return Cause(f"torch-{partner}-mismatch")
    return Cause("abi-undefined-symbol")


def windows_loader(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A library that Windows does not load: of the system, or of a partner that was built for another torch."""
    del machine, matrix
    for partner in ("torchvision", "torchaudio"):
        if questions_of_packages.blames(text, partner):
            return likely(f"torch-{partner}-mismatch")
    if "127" in text and OF_EXTENSION.search(text):
        return likely("abi-undefined-symbol")
    if re.search(r"torch|%1|WinError|specified module|_C\b|\(operating system", text) is None:
        return likely("missing-windows-runtime-dll")
    return Cause("missing-windows-runtime-dll")


def own_cudnn(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A cuDNN of the system beside torch's own, where something fails."""
    fails = re.search(r"fail|error|crash|cannot|can't|not load|undefined|mismatch|incompatib", text, re.IGNORECASE)
    return other_cudnn(text, machine, matrix) if fails else None
