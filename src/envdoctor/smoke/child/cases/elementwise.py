"""Arithmetic and elementary functions, element by element, by torch's own kernels.

Bound: + - * / and sqrt are rounded correctly (IEEE 754), 2^-24; the CUDA math library states at most 2 ulp for exp,
log, tanh, erf, sin and cos in float32 (CUDA C++ Programming Guide, "Mathematical Functions", maximum errors), and the
vectorised ones of the CPU at most 4. 8 ulp = 2^-20 leaves room for what compilers contract.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Callable, Tuple

from ..case import CHECK, Case

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

BOUND = 2.0**-20

Function = Callable[..., float]
BINARY: Tuple[Tuple[str, Function], ...] = (
    ("add", operator.add),
    ("sub", operator.sub),
    ("mul", operator.mul),
    ("div", operator.truediv),
)
UNARY: Tuple[Tuple[str, Function], ...] = tuple(
    (name, getattr(math, name)) for name in ("sqrt", "exp", "log", "sin", "cos", "tanh", "erf")
)


def run(torch: ModuleType, bench: Bench) -> None:
    """Compare each function with Python's own, in double precision."""
    count = 2**16 if bench.full else 2**12
    given = bench.uniform(count, low=0.25, high=4.0)
    other = bench.uniform(count, low=0.25, high=4.0)
    for name, python in BINARY + UNARY:
        operands = (given, other) if (name, python) in BINARY else (given,)
        want = [python(*numbers) for numbers in zip(*(operand.tolist() for operand in operands))]
        bench.poison_memory(count)
        # Some of them pass through zero, where only the absolute error is bounded.
        got = getattr(torch, name)(*operands)
        bench.check(got, torch.tensor(want, dtype=torch.float64), BOUND, floor=1.0, what=name)


CASES = (Case("elementwise", "arithmetic and elementary functions are right", "torch", run, since=CHECK),)
