"""Which GPU architectures a build of torch was compiled for: the string that `torch.cuda.get_arch_list` splits.

torch/csrc/cuda/Module.cpp keeps CUDA_ARCH_FLAGS as one C string ("sm_75 sm_80 compute_80") in the library of the Python
module. It stands between two NUL bytes, and no other string of these libraries is made of such words alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.machine import Capability

LIBRARIES = ("torch/lib/libtorch_python.so", "torch/lib/torch_python.dll", "torch/lib/libtorch_python.dylib")
"""Where the string stands in a wheel, by system."""

LONGEST = 1000
"""Bytes of the string; forty architectures take half of it."""

_WORD = rb"(?:sm|compute)_\d{2,3}[af]?"
_FLAGS = re.compile(_WORD + rb"(?: " + _WORD + rb")*")


class Kernels(NamedTuple):
    """The compute capabilities with machine code, and those with PTX, ascending."""

    sass: tuple[Capability, ...]
    ptx: tuple[Capability, ...]


def find_kernels(library: bytes) -> Kernels | None:
    """Return what the library says; None where it says nothing, or two different things."""
    said: set[bytes] = set()
    at = library.find(b"sm_")
    while at >= 0:  # linear: each find is followed by a look at LONGEST bytes at most
        begins = library.rfind(b"\0", max(0, at - LONGEST), at) + 1
        ends = library.find(b"\0", at, at + LONGEST)
        text = library[begins:ends].strip() if begins and ends >= 0 else b""
        if _FLAGS.fullmatch(text):
            said.add(text)
        at = library.find(b"sm_", max(at + 1, ends))
    # A single "sm_90" may be a word of some other text; a list is the flags.
    lists = {text for text in said if b" " in text} or said
    return _read(lists.pop().decode("ascii")) if len(lists) == 1 else None


def _read(flags: str) -> Kernels:
    found: dict[str, set[Capability]] = {"sm": set(), "compute": set()}
    for word in flags.split():
        kind, _, number = word.rstrip("af").partition("_")
        found[kind].add((int(number[:-1]), int(number[-1])))
    return Kernels(tuple(sorted(found["sm"])), tuple(sorted(found["compute"])))
