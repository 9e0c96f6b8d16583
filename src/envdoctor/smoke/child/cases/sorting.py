"""Sorting and searching: `sort`, `argsort`, `topk`, `unique`, `searchsorted`, by torch's kernels and CUB.

Exact: numbers are moved and compared, never computed with. Many are equal, which a stable sort keeps in their order.
Short rows, long ones and a whole dimension have kernels of their own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, List

from ..case import Case

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench


def run(torch: ModuleType, bench: Bench) -> None:
    """Compare with Python's sort, which is stable."""
    for rows, length in ((16, 2049), (1, 2**17), (257, 31)) if bench.full else ((5, 129), (1, 4099), (33, 16)):
        given = bench.integers(rows, length, low=-length, high=length, dtype=torch.float32) * 0.25
        bench.poison_memory(2 * rows * length)
        _sort(torch, bench, given, given.tolist())
        _select(torch, bench, given, given.tolist(), min(7, length))
    whole = bench.integers(4099, low=-(2**61), high=2**61)
    bench.same(torch.sort(whole)[0], torch.tensor(sorted(whole.tolist())), "torch.sort of whole numbers")
    _search(torch, bench, bench.integers(4099, low=0, high=999))


def _sort(torch: ModuleType, bench: Bench, given: Any, lines: List[List[float]]) -> None:
    length = len(lines[0])
    for descending in (False, True):
        places = [sorted(range(length), key=line.__getitem__, reverse=descending) for line in lines]
        want = torch.tensor([[line[place] for place in order] for line, order in zip(lines, places)])
        how = "descending" if descending else "ascending"
        got, where = torch.sort(given, dim=1, descending=descending, stable=True)
        bench.same(got, want, f"torch.sort, {how}")
        bench.same(where, torch.tensor(places), f"the places of a stable torch.sort, {how}")
        got, _ = torch.sort(given.t().contiguous(), dim=0, descending=descending)
        bench.same(got.t(), want, f"torch.sort along the first dimension, {how}")
        found = torch.argsort(given, dim=1, descending=descending).tolist()
        bench.true(all(sorted(order) == list(range(length)) for order in found), "torch.argsort is no permutation")
        taken = torch.tensor([[line[place] for place in order] for line, order in zip(lines, found)])
        bench.same(taken, want, f"torch.argsort, {how}")


def _select(torch: ModuleType, bench: Bench, given: Any, lines: List[List[float]], count: int) -> None:
    for largest in (True, False):
        want = torch.tensor([sorted(line, reverse=largest)[:count] for line in lines])
        got, where = torch.topk(given, count, dim=1, largest=largest)
        bench.same(got, want, "torch.topk")
        rows = where.tolist()
        bench.true(all(len(set(row)) == count for row in rows), "torch.topk names a place twice")
        taken = torch.tensor([[line[place] for place in row] for line, row in zip(lines, rows)])
        bench.same(taken, want, "the places of torch.topk")


def _search(torch: ModuleType, bench: Bench, given: Any) -> None:
    numbers = given.tolist()
    different = sorted(set(numbers))
    found, back, counts = torch.unique(given, return_inverse=True, return_counts=True)
    bench.same(found, torch.tensor(different), "torch.unique")
    bench.same(found.to("cpu")[back.to("cpu")], given, "what torch.unique says of each element")
    how_many = dict.fromkeys(different, 0)
    for number in numbers:
        how_many[number] += 1
    bench.same(counts, torch.tensor([how_many[number] for number in different]), "the counts of torch.unique")
    numbers.sort()
    steps = torch.tensor(numbers, device=bench.device)
    asked = bench.integers(1025, low=-5, high=1005)
    for right, python in ((False, bisect_left), (True, bisect_right)):
        want = torch.tensor([python(numbers, number) for number in asked.tolist()])
        bench.same(torch.searchsorted(steps, asked, right=right), want, "torch.searchsorted")


CASES = (Case("sort", "sorting, selecting and searching are right", "CUB", run),)
