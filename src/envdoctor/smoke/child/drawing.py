"""Random inputs by Python's own generator.

torch's generators are what a test is about: drawn with them, the inputs of all others would share their faults.
"""

from __future__ import annotations

import array
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

PIECES = 12
"""Uniform numbers whose sum is nearly normal: the variance of each is 1 / 12 (Irwin-Hall distribution)."""

SPREAD = 1.0000305177578125
"""A factor that brings numbers of 16 bits to as many as the type holds."""

AT_ONCE = 2**24
"""Bytes drawn at once: Python draws fewer than 2^31 bits."""

CODES = {2: "h", 4: "i", 8: "q"}
"""Of Python's arrays, by bytes."""


class Drawing:
    """Draws tensors on the CPU; the same `seed` draws the same."""

    def __init__(self, torch: ModuleType, seed: int) -> None:
        self.torch = torch
        self.random = random.Random(seed)

    def bits(self, count: int, size: int) -> Any:
        """Return whole numbers of `size` (2, 4 or 8) bytes, of which every bit is random."""
        drawn = bytearray()
        while len(drawn) < size * count:
            some = min(AT_ONCE, size * count - len(drawn))
            drawn += self.random.getrandbits(8 * some).to_bytes(some, "little")
        dtype = {2: self.torch.int16, 4: self.torch.int32, 8: self.torch.int64}[size]
        if count and hasattr(self.torch, "frombuffer"):
            return self.torch.frombuffer(drawn, dtype=dtype)
        return self.torch.tensor(array.array(CODES[size], drawn).tolist(), dtype=dtype)

    def normal(self, count: int) -> Any:
        """Return nearly normally distributed numbers of float64, all within 6 of zero."""
        pieces = self.bits(PIECES * count, 2).reshape(PIECES, count).to(self.torch.float64)
        total = pieces[0]
        for piece in pieces[1:]:
            total = total + piece
        return (total + PIECES / 2) * (SPREAD / 2.0**16)

    def uniform(self, count: int, low: float, high: float, *, fine: bool) -> Any:
        """Return numbers from `low` to below `high` of float64, in steps of 2^-24 of that, or 2^-53 if `fine`."""
        if fine:
            even = ((self.bits(count, 8) >> 11).to(self.torch.float64) + 2.0**52) * 2.0**-53
        else:
            even = ((self.bits(count, 4) >> 8).to(self.torch.float64) + 2.0**23) * 2.0**-24
        return even * (high - low) + low

    def integers(self, count: int, low: int, high: int) -> Any:
        """Return whole numbers from `low` to below `high` of int64; the span may be 2^62 at most."""
        return (self.bits(count, 8) & (2**62 - 1)) % (high - low) + low
