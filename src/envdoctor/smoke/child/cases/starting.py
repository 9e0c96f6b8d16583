"""CUDA starts, memory can be had, written and read back.

Exact: bytes are moved, nothing is computed. A context that cannot be made, a driver in a bad state and a GPU without
any code in the wheel show here first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..case import CHECK, Case

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench


def run(torch: ModuleType, bench: Bench) -> None:
    """Fill, copy and read a few blocks of different sizes."""
    if bench.on_gpu:
        torch.cuda.init()  # says why, where `is_available` only says no
    for count in (1, 1000, 2**20 if bench.full else 2**16):
        want = bench.integers(count, low=-(2**31), high=2**31).to("cpu")
        there = want.to(bench.device)
        copy = bench.poisoned(count, dtype=torch.int64)
        copy.copy_(there)
        bench.finish()
        bench.same(copy, want, f"a copy of {count} whole numbers")


CASES = (
    Case("start", "a context can be made, and memory be had, written and read", "CUDA runtime", run, since=CHECK,
         patience=2.0),
)  # fmt: skip
