"""A product that keeps a device busy: measured, and right where it is looked at."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Tuple

if TYPE_CHECKING:
    from types import ModuleType

    from .bench import Bench

TRIED, SMALLEST, HALF, QUICK, FULL = 256, 1024, 2048, 4096, 8192
"""Rows and columns: too small to be measured, what keeps a slow GPU busy, what shows nearly all of a fast one's speed,
and all of it."""

ON_CPU = 512
"""Rows and columns of what is measured on a processor, for an earlier run to compare with: 0.27 GFLOP."""

SECONDS, SECONDS_FULL = 0.1, 1.0
"""What measuring may take: a GPU that would need longer gets a smaller product."""

RUNS = 9
"""As many as `bench.seconds` does, the warming ones among them."""

OF_FREE = 0.25
"""The part of the free memory that the two matrices and their product may take."""

ROWS, COLUMNS = 8, 128
"""How many of the result are compared, in places chosen anew each time."""

APART = 127
"""How many numbers further on in one long row each row of a matrix begins: odd, so that no power of two repeats."""

Multiply = Callable[[Any, Any], Any]
Draw = Callable[[int], Any]
"""Makes so many random numbers, on the device."""


def make(torch: ModuleType, size: int, draw: Draw) -> Any:
    """Return a square matrix whose rows are windows of one row of random numbers.

    All of its rows differ, and it needs a hundredth of the random numbers, which are made on the CPU.
    """
    row = draw(APART * size + size)
    windows = _plain(torch, row).as_strided((size, size), (APART, 1))
    return windows.contiguous().view(row.dtype)


def fitting_size(torch: ModuleType, bench: Bench, multiply: Multiply, draw: Draw) -> int:
    """Return how large the product may be, by smaller ones that are measured and by the memory that is free."""
    free = torch.cuda.mem_get_info(bench.device)[0] if hasattr(torch.cuda, "mem_get_info") else 2**30
    size = TRIED
    for larger in (SMALLEST, HALF, QUICK, FULL) if bench.full else (SMALLEST, HALF, QUICK):
        small = make(torch, size, draw)
        once = bench.seconds(partial(multiply, small, small), repeat=1, warm=1)
        each = max(4, small.element_size())  # what is summed from small numbers is larger than they
        too_long = RUNS * once * (larger / size) ** 3 > (SECONDS_FULL if bench.full else SECONDS)
        if too_long or 3 * each * larger**2 > OF_FREE * free:
            break
        size = larger
    return size


def sample(torch: ModuleType, bench: Bench, left: Any, right: Any, got: Any) -> Tuple[Any, Any, Any]:
    """Return some rows of `left`, some columns of `right`, and what stands in `got` where they cross, on the CPU."""
    chance = random.Random(bench.seed)
    rows = torch.tensor(chance.sample(range(left.shape[0]), ROWS))
    columns = torch.tensor(chance.sample(range(right.shape[1]), COLUMNS))
    there = [index.to(bench.device) for index in (rows, columns)]
    some_left = _plain(torch, left)[there[0]].to("cpu").view(left.dtype)
    some_right = _plain(torch, right)[:, there[1]].to("cpu").view(right.dtype)
    return some_left, some_right, got[there[0]][:, there[1]].to("cpu")


def _plain(torch: ModuleType, tensor: Any) -> Any:
    """Return the bytes of numbers of one byte: not every torch can index its float8."""
    return tensor.view(torch.int8) if tensor.element_size() == 1 else tensor


def measure(bench: Bench, multiply: Multiply, left: Any, right: Any) -> None:
    """Put how fast the product is into the figures: `tflops`, 10^12 multiplications and additions a second, and `rows`.

    Nothing is said where only a product was affordable that is too small to keep a GPU busy.
    """
    if bench.on_gpu and left.shape[0] < SMALLEST:
        return
    bench.figures["rows"] = left.shape[0]
    work = 2.0 * left.shape[0] * left.shape[1] * right.shape[1]
    bench.figures["tflops"] = work / bench.seconds(lambda: multiply(left, right)) / 1e12
