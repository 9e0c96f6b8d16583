"""Reading and adding at places that are given as numbers: what embeddings and graphs are made of.

What is only moved, and sums of whole numbers, are exact. Sums of float32 at one place take place in any order, on a GPU
in another one each time: gamma of their number times the sum of their sizes (Higham, Accuracy and Stability of
Numerical Algorithms, 4.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Tuple

from ..case import Case
from ..reference import gamma

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

U = 2.0**-24


def run(torch: ModuleType, bench: Bench) -> None:
    """Gather and scatter rows and single numbers, most places more than once."""
    rows, columns, taken = (499, 65, 8009) if bench.full else (61, 17, 509)
    places = bench.integers(taken, low=0, high=rows)
    bench.poison_memory(rows * columns)
    _read(torch, bench, bench.normal(rows, columns), places)
    _add_whole(torch, bench, rows, columns, places)
    _add_floats(torch, bench, rows, columns, places)
    _masks(torch, bench, bench.normal(rows, columns))


def _read(torch: ModuleType, bench: Bench, given: Any, places: Any) -> None:
    lines, order = given.tolist(), places.tolist()
    want = torch.tensor([lines[place] for place in order])
    bench.same(torch.index_select(given, 0, places), want, "torch.index_select")
    bench.same(given[places], want, "tensor[places]")
    wide = places[:, None].expand(-1, given.shape[1]).contiguous()
    bench.same(torch.gather(given, 0, wide), want, "torch.gather")
    bench.same(torch.nn.functional.embedding(places, given), want, "torch.nn.functional.embedding")
    # Each place once, so that there is one right answer.
    once = list(dict.fromkeys(order))
    there = torch.tensor(once, device=bench.device)[:, None].expand(-1, given.shape[1]).contiguous()
    put = torch.zeros_like(given).scatter(0, there, given[: len(once)])
    wanted = [[0.0] * len(line) for line in lines]
    for line, place in zip(lines, once):
        wanted[place] = line
    bench.same(put, torch.tensor(wanted), "torch.scatter")


def _add_whole(torch: ModuleType, bench: Bench, rows: int, columns: int, places: Any) -> None:
    added = bench.integers(places.shape[0], columns, low=-(2**40), high=2**40)
    want = [[0] * columns for _ in range(rows)]
    for place, line in zip(places.tolist(), added.tolist()):
        want[place] = [old + new for old, new in zip(want[place], line)]
    for name, got in _sums(torch, bench, (rows, columns), places, added):
        bench.same(got, torch.tensor(want), f"{name} of whole numbers")


def _add_floats(torch: ModuleType, bench: Bench, rows: int, columns: int, places: Any) -> None:
    added = bench.normal(places.shape[0], columns)
    want = [[0.0] * columns for _ in range(rows)]
    sizes = [[0.0] * columns for _ in range(rows)]
    count = [1] * rows
    for place, line in zip(places.tolist(), added.tolist()):
        want[place] = [old + new for old, new in zip(want[place], line)]
        sizes[place] = [old + abs(new) for old, new in zip(sizes[place], line)]
        count[place] += 1
    wanted, floor = torch.tensor(want, dtype=torch.float64), torch.tensor(sizes, dtype=torch.float64)
    for name, got in _sums(torch, bench, (rows, columns), places, added):
        bench.check(got, wanted, gamma(max(count), U), floor=floor, what=name)


def _sums(torch: ModuleType, bench: Bench, shape: Tuple[int, int], places: Any, added: Any) -> List[Tuple[str, Any]]:
    def start() -> Any:
        return torch.zeros(shape, dtype=added.dtype, device=bench.device)

    wide = places[:, None].expand(-1, shape[1]).contiguous()
    return [
        ("index_add", start().index_add(0, places, added)),
        ("scatter_add", start().scatter_add(0, wide, added)),
        ("index_put", start().index_put((places,), added, accumulate=True)),
    ]


def _masks(torch: ModuleType, bench: Bench, given: Any) -> None:
    lines = given.tolist()
    mask = given > 0.5
    kept = [one for line in lines for one in line if one > 0.5]
    bench.same(torch.masked_select(given, mask), torch.tensor(kept), "torch.masked_select")
    where = [[row, place] for row, line in enumerate(lines) for place, one in enumerate(line) if one > 0.5]
    bench.same(torch.nonzero(mask), torch.tensor(where).reshape(-1, 2), "torch.nonzero")
    filled = torch.tensor([[-1.0 if one > 0.5 else one for one in line] for line in lines])
    bench.same(given.masked_fill(mask, -1.0), filled, "masked_fill")
    bench.same(torch.where(mask, torch.full_like(given, -1.0), given), filled, "torch.where")


CASES = (Case("scatter", "reading and adding at given places are right", "torch", run),)
