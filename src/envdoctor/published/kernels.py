"""Which GPU architectures a build of torch states that it was compiled for, as the matrix lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.binary.arch_flags import arch_flags_in

if TYPE_CHECKING:
    from envdoctor.model.machine import Capability

LIBRARIES = ("torch/lib/libtorch_python.so", "torch/lib/torch_python.dll", "torch/lib/libtorch_python.dylib")
"""Where the string stands in a wheel, by system."""


class Kernels(NamedTuple):
    """The compute capabilities with machine code, and those with PTX, ascending."""

    sass: tuple[Capability, ...]
    ptx: tuple[Capability, ...]


def find_kernels(library: bytes) -> Kernels | None:
    """Return what the library says; None where it says nothing, or two different things."""
    flags = arch_flags_in(library)
    if flags is None:
        return None
    found: dict[str, set[Capability]] = {"sm": set(), "compute": set()}
    for word in flags:
        kind, _, number = word.rstrip("af").partition("_")
        found[kind].add((int(number[:-1]), int(number[-1])))
    return Kernels(tuple(sorted(found["sm"])), tuple(sorted(found["compute"])))
