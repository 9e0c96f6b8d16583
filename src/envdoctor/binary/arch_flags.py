"""The list of GPU architectures that a build of torch states of itself: what `torch.cuda.get_arch_list` splits.

torch/csrc/cuda/Module.cpp keeps CUDA_ARCH_FLAGS as one C string ("sm_75 sm_80 compute_80") in the library of the Python
module. It stands between two NUL bytes, and no other string of these libraries is made of such words alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap

LONGEST = 1024
"""Bytes of the string; forty architectures take half of it."""
MOST_STARTS = 1000
"""Strings looked at of those that begin alike; libtorch_python.so of torch 2.14.1 has one."""

_WORD = rb"(?:sm|compute)_\d{2,3}[af]?"
_FLAGS = re.compile(rb"(" + _WORD + rb"(?: " + _WORD + rb")*) *\0")


def arch_flags_in(data: mmap.mmap | bytes, start: int = 0, end: int | None = None) -> tuple[str, ...] | None:
    """Return the words ("sm_75", "compute_120") that stand between two offsets.

    None where no string is made of such words, or where there are two that differ.
    """
    stop = len(data) if end is None else end
    said: set[bytes] = set()
    for beginning in (b"\0sm_", b"\0compute_"):
        place = start
        for _ in range(MOST_STARTS):
            place = data.find(beginning, place, stop)
            if place < 0:
                break
            place += 1
            found = _FLAGS.match(data[place : min(place + LONGEST, stop)])
            if found:
                said.add(found[1])
    # A single "sm_90" may be a word of another kind; a list is the flags.
    lists = {text for text in said if b" " in text} or said
    return tuple(lists.pop().decode("ascii").split()) if len(lists) == 1 else None
