"""Which defect it was where a limit, the processor or the system is in the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.said.cause import Cause, likely

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine


def shared_memory(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Shared memory that is full; a bus error that names no worker may come of a damaged file too."""
    del machine, matrix
    return Cause("dev-shm-too-small", sure=re.search(r"shm|shared memory|worker|</?torch_", text) is not None)


def mac_version(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """What torch prints of an old macOS, it prints as well where Metal shows it no device: the version decides."""
    del matrix
    needed = re.search(r"[Mm]ac ?OS (?:version )?(\d{2})\.?(\d{1,2})?", text)
    here = re.match(r"macos (\d{2})(?:\.(\d{1,2}))?", machine.told("host.version") or "")
    if needed is None or here is None:
        return likely("macos-too-old-for-mps")
    if (int(here[1]), int(here[2] or 0)) >= (int(needed[1]), int(needed[2] or 0)) and int(here[1]) >= 14:
        return None
    return Cause("macos-too-old-for-mps")


def illegal(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """An instruction that the processor does not have; that of a GPU's kernel is another thing."""
    del matrix
    if re.search(r"CUDA error|cudaError|CUDA_ERROR", text):
        return None
    flags = machine.snapshot.known("cpu.flags")
    known_good = isinstance(flags, list) and "avx2" in flags
    return likely("cpu-lacks-instructions") if known_good or "SIGILL" not in text else Cause("cpu-lacks-instructions")
