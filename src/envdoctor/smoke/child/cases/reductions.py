"""Sums, extrema and what is made of them, along an axis and over everything, by torch's own kernels.

Bounds: a sum of n terms in any order is right to gamma_n times the sum of their sizes (Higham, Accuracy and Stability
of Numerical Algorithms, 4.2), a product to gamma_n times itself; a mean is divided once more. A variance by updating or
in two passes is right to a small multiple of n u times its condition, here at most 3 (Chan, Golub and LeVeque,
Algorithms for computing the sample variance, 1983). log is right to 8 ulp (see elementwise), exp to 20, which is what
torch's fast one for processors has in its name (exp_u20), and exponents of size r at most bring r u of their own; what
is made of sums of them adds these up. Sums of whole numbers, and extrema, are exact.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Callable, List

from ..case import Case
from ..reference import gamma

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

U = 2.0**-24
FUNCTION = 40 * U
RANGE = 16.0
"""No two of the numbers drawn lie further apart: 8 standard deviations to each side."""


def run(torch: ModuleType, bench: Bench) -> None:
    """Reduce rows and columns, of which none fills a block of threads, and the whole."""
    rows, length = (64, 4099) if bench.full else (9, 1031)
    given = bench.normal(rows, length) + 1.0
    for axis, lines in ((1, given.tolist()), (0, list(zip(*given.tolist())))):
        bench.poison_memory(rows * length)
        _sums(torch, bench, given, axis, lines)
        _extrema(torch, bench, given, axis, lines)
        _exponentials(torch, bench, given, axis, lines)
        _running(torch, bench, given, axis, lines)
    _everything(torch, bench, given)
    _whole_numbers(torch, bench, rows, length)


def _sums(torch: ModuleType, bench: Bench, given: Any, axis: int, lines: List[Any]) -> None:
    count = len(lines[0])
    sizes = _column(torch, [math.fsum(map(abs, line)) for line in lines])
    sums = _column(torch, [math.fsum(line) for line in lines])
    bound = gamma(count + 2, U)
    bench.check(torch.sum(given, axis), sums, bound, floor=sizes, what="sum")
    bench.check(torch.mean(given, axis), sums / count, bound, floor=sizes / count, what="mean")
    squares = [math.fsum(one * one for one in line) for line in lines]
    norms = _column(torch, [math.sqrt(square) for square in squares])
    bench.check(torch.norm(given, dim=axis), norms, bound, what="norm")
    spread = [square - math.fsum(line) ** 2 / count for square, line in zip(squares, lines)]
    if count > 50:  # fewer numbers may lie so near to each other that their variance is ill conditioned
        variances = _column(torch, [one / (count - 1) for one in spread])
        bench.check(torch.var(given, axis), variances, 3 * 4 * gamma(count, U), what="var")
    near_one = 1.0 + given * 2.0**-12  # so that a product of thousands neither grows nor vanishes
    factors = near_one.tolist() if axis == 1 else list(zip(*near_one.tolist()))
    products = _column(torch, [math.exp(math.fsum(map(math.log, line))) for line in factors])
    bench.check(torch.prod(near_one, axis), products, bound, what="prod")


def _extrema(torch: ModuleType, bench: Bench, given: Any, axis: int, lines: List[Any]) -> None:
    for name, python in (("max", max), ("min", min)):
        want = _column(torch, [python(line) for line in lines])
        values, places = getattr(torch, name)(given, axis)
        bench.check(values, want, 0.0, what=name)
        bench.check(getattr(torch, "a" + name)(given, axis), want, 0.0, what="a" + name)
        for found, what in (
            (places, f"the places of {name}"),
            (getattr(torch, "arg" + name)(given, axis), "arg" + name),
        ):
            _check_places(bench, found, lines, python, what)


def _check_places(bench: Bench, places: Any, lines: List[Any], python: Callable[..., float], what: str) -> None:
    """Any place is right where several hold the extreme number."""
    right = [0 <= place < len(line) and line[place] == python(line) for place, line in zip(places.tolist(), lines)]
    bench.true(all(right), f"{right.count(False)} of {len(right)} elements of {what} point to another number")


def _exponentials(torch: ModuleType, bench: Bench, given: Any, axis: int, lines: List[Any]) -> None:
    bound = gamma(len(lines[0]), U) + 2 * (FUNCTION + RANGE * U)
    sums = [math.fsum(map(math.exp, line)) for line in lines]
    want = _column(torch, [math.log(one) for one in sums])
    # The relative error of the sum is the absolute one of its logarithm; the largest number is added to that.
    bench.check(torch.logsumexp(given, axis), want, bound, floor=1.0, what="logsumexp")
    shares = [[math.exp(one) / total for one in line] for line, total in zip(lines, sums)]
    got = torch.softmax(given, axis)
    bench.check(got if axis == 1 else got.t(), torch.tensor(shares, dtype=torch.float64), bound, what="softmax")


def _running(torch: ModuleType, bench: Bench, given: Any, axis: int, lines: List[Any]) -> None:
    sums, sizes = ([list(accumulate(map(kind, line))) for line in lines] for kind in (float, abs))
    got = torch.cumsum(given, axis)
    bench.check(
        got if axis == 1 else got.t(),
        torch.tensor(sums, dtype=torch.float64),
        gamma(len(lines[0]), U),
        floor=torch.tensor(sizes, dtype=torch.float64),
        what="cumsum",
    )


def _everything(torch: ModuleType, bench: Bench, given: Any) -> None:
    flat = [one for line in given.tolist() for one in line]
    total, size = math.fsum(flat), math.fsum(map(abs, flat))
    for name, want, floor in (("sum", total, size), ("mean", total / len(flat), size / len(flat))):
        got = getattr(torch, name)(given).reshape(1)
        bench.check(got, _column(torch, [want]), gamma(len(flat) + 2, U), floor=floor, what=f"{name} of everything")
    for name, python in (("max", max), ("min", min)):
        got = getattr(torch, name)(given).reshape(1)
        bench.check(got, _column(torch, [python(flat)]), 0.0, what=f"{name} of everything")


def _whole_numbers(torch: ModuleType, bench: Bench, rows: int, length: int) -> None:
    whole = bench.integers(rows, length, low=-(2**40), high=2**40)
    lines = whole.tolist()
    bench.same(torch.sum(whole, 1), torch.tensor([sum(line) for line in lines]), "sum of whole numbers")
    running = torch.tensor([list(accumulate(line)) for line in lines])
    bench.same(torch.cumsum(whole, 1), running, "cumsum of whole numbers")
    positive = whole > 0
    count = sum(one > 0 for line in lines for one in line)
    bench.true(int(torch.sum(positive)) == count, "the number of positive elements is wrong")
    want = torch.tensor([[any(one > 0 for one in line), all(one > 0 for one in line)] for line in lines])
    bench.same(torch.stack([torch.any(positive, 1), torch.all(positive, 1)], 1), want, "any and all")


def _column(torch: ModuleType, numbers: List[float]) -> Any:
    return torch.tensor(numbers, dtype=torch.float64)


CASES = (Case("reductions", "sums, extrema, variances and softmax are right", "torch", run),)
