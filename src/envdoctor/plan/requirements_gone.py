"""What torch requires and nothing records any more: its libraries are missing because their packages are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.plan.rows import package_of, rows, said

if TYPE_CHECKING:
    from collections.abc import Collection

    from envdoctor.plan.rows import Row
    from envdoctor.plan.solve import Solver

DISTRIBUTIONS = (
    ("libcublas", "nvidia-cublas"), ("libcudart", "nvidia-cuda-runtime"), ("libcudnn", "nvidia-cudnn"),
    ("libcufft", "nvidia-cufft"), ("libcufile", "nvidia-cufile"), ("libcupti", "nvidia-cuda-cupti"),
    ("libcurand", "nvidia-curand"), ("libcusolver", "nvidia-cusolver"), ("libcusparseLt", "nvidia-cusparselt"),
    ("libcusparse", "nvidia-cusparse"), ("libnccl", "nvidia-nccl"), ("libnvJitLink", "nvidia-nvjitlink"),
    ("libnvToolsExt", "nvidia-nvtx"), ("libnvrtc", "nvidia-cuda-nvrtc"), ("libnvshmem", "nvidia-nvshmem"),
)  # fmt: skip
"""How a library's name begins, and the distribution that brings it; that may end in the CUDA major ("-cu12")."""


def needs_what_is_gone(solver: Solver, broken: Collection[str]) -> bool:
    """Whether libraries of torch are missing and each of them for want of a distribution that is not installed.

    Files of `broken` distributions, which are put there again, do not count. False where no record can tell.
    """
    machine = solver.machine
    if not machine.is_known("packages.installed"):
        return False
    installed = set(machine.table("packages.installed"))
    again = {
        str(one.get("file")).rpartition("/")[2]
        for row in rows(machine.snapshot, "packages.damaged")
        if package_of(row) in broken
        for one in _files(row)
    }
    missing = {
        library
        for row in rows(machine.snapshot, "libraries.missing")
        if package_of(row) == "torch" and (library := said(row, "library")) and library not in again
    }
    return bool(missing) and all(_is_gone(library, installed) for library in missing)


def _is_gone(library: str, installed: Collection[str]) -> bool:
    owner = next((name for beginning, name in DISTRIBUTIONS if library.startswith(beginning)), None)
    return owner is not None and not any(name == owner or name.startswith(f"{owner}-cu") for name in installed)


def _files(row: Row) -> list[Row]:
    files = row.get("files")
    return [one for one in files if isinstance(one, dict)] if isinstance(files, list) else []
