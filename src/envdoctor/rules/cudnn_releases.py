"""What the rules about cuDNN share: the release torch was compiled with, and whether its parts are of one release.

cuDNN 9 is a library that torch needs, libcudnn.so.9, and parts that it loads when they are used. Tried with 9.1.0,
9.3.0, 9.12.0, 9.13.0 and 9.13.1: cudnnGetVersion answers for libcudnn_graph.so.9; the parts refuse one another where
their releases differ, be it in the patch (cudnnOpsVersionCheck answers CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH); and
of which release libcudnn.so.9 itself is, none of them asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.library_rows import CUDNN, loaded, release
from envdoctor.rules.requirement import named_in

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine, TorchBuild
    from envdoctor.rules.library_rows import Loaded, Shadowed

NEEDS = (
    "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "torch.requires", "host.platform",
    "libraries.loaded", "libraries.shadowed", "cudnn.version",
)  # fmt: skip

DISPATCHER = r"libcudnn\.so\.\d{1,3}"
GRAPH = r"libcudnn_graph\.so\.\d{1,3}"

RELIABLE = ("verified", "sourced")


def compiled_with(machine: Machine, matrix: Matrix, torch: TorchBuild) -> str | None:
    """Return the cuDNN torch was compiled with: what its metadata pin, else what the matrix knows of its wheel."""
    lines = machine.items("torch.requires") if machine.is_known("torch.requires") else []
    for line in lines:
        pin = re.search(r"==\s*(\d[\d.]{0,30})", str(line))
        if pin and (named_in(line) or "").startswith("nvidia-cudnn"):
            return pin[1]
    wheel = (
        matrix.wheel(torch.release, torch.channel, machine.wheel_platform) if torch.official and torch.channel else None
    )
    return wheel.cudnn if wheel and wheel.pins_certainty in RELIABLE else None


def refused(version: str | None, compiled: str | None) -> bool | None:
    """Whether torch refuses this cuDNN: of another major, or an older minor, than it was compiled with.

    None where one of the two is not known. Source: torch/backends/cudnn/__init__.py, _init (2.14.1).
    """
    here, wanted = release(version), release(compiled)
    if len(here) < 2 or len(wanted) < 2:
        return None
    return here[0] != wanted[0] or here[1] < wanted[1]


def libraries(machine: Machine, shadowing: list[Shadowed]) -> dict[str, Loaded]:
    """Return the libraries of cuDNN that would be loaded, by soname; `shadowing` have the last word."""
    known = loaded(machine) if machine.is_known("libraries.loaded") else []
    return {row.library: row for row in (*known, *shadowing) if row.library.startswith(CUDNN)}


def two_releases(found: dict[str, Loaded]) -> tuple[Loaded, Loaded] | None:
    """Return two parts that are not of one release, the first being what answers for all where that is known."""
    parts = [row for name, row in found.items() if row.version and not re.fullmatch(DISPATCHER, name)]
    parts.sort(key=lambda row: not re.fullmatch(GRAPH, row.library))
    other = next((row for row in parts if not _one(parts[0].version, row.version)), None)
    return (parts[0], other) if other else None


def first_library(found: dict[str, Loaded]) -> Loaded | None:
    """Return the library that answers for the release: libcudnn_graph.so.9, else the one that torch needs."""
    for pattern in (GRAPH, DISPATCHER):
        row = next((row for name, row in found.items() if re.fullmatch(pattern, name)), None)
        if row is not None:
            return row
    return None


def _one(version: str | None, other: str | None) -> bool:
    """Whether two versions are of one release; a file name tells 9.10.2 of what the package calls 9.10.2.21."""
    first, second = release(version), release(other)
    told = min(len(first), len(second), 3)
    return first[:told] == second[:told]
