"""The `nvidia-*` packages with CUDA libraries, as requirements name them."""

from __future__ import annotations

import re
from typing import NamedTuple


class CudaPackage(NamedTuple):
    """`library` is "cudnn" of nvidia-cudnn-cu12, `major` the CUDA of its name, None for a name without one."""

    library: str
    major: int | None


def cuda_package(name: str) -> CudaPackage | None:
    """Read the normalised name of a distribution; None where it is no CUDA library of NVIDIA's."""
    found = re.fullmatch(r"nvidia-([a-z0-9-]{2,40}?)(?:-cu(\d{2}))?", name, re.ASCII)
    return CudaPackage(found[1], int(found[2]) if found[2] else None) if found else None
