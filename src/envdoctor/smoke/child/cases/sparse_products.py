"""Sparse matrices: made, brought into order, turned dense, and multiplied, as coordinates and by rows.

Bound: an element of a product is a sum of at most as many terms as its row has entries, here entries that share a place
counted apart: gamma of that number times the sum of their sizes (Higham, Accuracy and Stability of Numerical
Algorithms, 3.1). Where nothing is added the numbers are only moved: exact.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, List, Tuple

from ..case import Case
from ..reference import exact, gamma, product

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

U = 2.0**-24


def run(torch: ModuleType, bench: Bench) -> None:
    """Take entries at random places, many of them at the same."""
    with warnings.catch_warnings():
        # That compressed rows are new, and that nothing is checked unasked: once in every process.
        warnings.filterwarnings("ignore", message="Sparse")
        _run(torch, bench)


def _run(torch: ModuleType, bench: Bench) -> None:
    rows, inner, columns = (512, 384, 64) if bench.full else (96, 64, 24)
    entries = rows * inner // 16
    places = torch.stack([bench.integers(entries, low=0, high=high) for high in (rows, inner)])
    numbers = bench.normal(entries)
    dense, sizes, most = _dense(torch, places, numbers, (rows, inner))
    sparse = torch.sparse_coo_tensor(places, numbers, (rows, inner))
    ordered = sparse.coalesce()
    where = ordered.indices().tolist()
    listed = [row * inner + column for row, column in zip(*where)]
    bench.true(listed == sorted(set(listed)), "coalesced entries are not in order, or share a place")
    bound = gamma(most, U)
    bench.poison_memory(rows * inner)
    for name, made in (("the dense form of entries", sparse), ("the dense form of coalesced entries", ordered)):
        bench.check(made.to_dense(), dense, bound, floor=sizes, what=name)
    rounded = dense.to(torch.float32)
    bench.check(rounded.to(bench.device).to_sparse().to_dense(), rounded, 0.0, what="a matrix made sparse and dense")
    _products(torch, bench, sparse, ordered, (dense, sizes), bench.normal(inner, columns))


def _dense(torch: ModuleType, places: Any, numbers: Any, shape: Tuple[int, int]) -> Tuple[Any, Any, int]:
    """Return the matrix in float64, the sum of its terms' sizes, and how many entries the fullest row has."""
    dense: List[List[float]] = [[0.0] * shape[1] for _ in range(shape[0])]
    sizes: List[List[float]] = [[0.0] * shape[1] for _ in range(shape[0])]
    count = [0] * shape[0]
    for row, column, number in zip(*places.tolist(), numbers.tolist()):
        dense[row][column] += number
        sizes[row][column] += abs(number)
        count[row] += 1
    return torch.tensor(dense, dtype=torch.float64), torch.tensor(sizes, dtype=torch.float64), max(count)


def _products(
    torch: ModuleType, bench: Bench, sparse: Any, ordered: Any, expected: Tuple[Any, Any], other: Any
) -> None:
    dense, sizes = expected
    forms = [("entries", sparse), ("coalesced entries", ordered)]
    # Products by rows on the CPU are MKL's alone.
    if hasattr(ordered, "to_sparse_csr") and (bench.on_gpu or torch.backends.mkl.is_available()):
        forms.append(("compressed rows", ordered.to_sparse_csr()))
    # As many terms as the row of a dense matrix has would be a bound for each way to sum.
    bound = gamma(2 * dense.shape[1], U)
    for right, shape in ((other, "a matrix"), (other[:, :1].contiguous(), "a vector")):
        want = product(torch, dense, right)
        floor = product(torch, sizes, exact(torch, right).abs())
        for name, form in forms:
            got = torch.sparse.mm(form, right)
            bench.check(got, want, bound, floor=floor, what=f"the product of {name} and {shape}")


CASES = (Case("sparse", "sparse matrices are built and multiplied rightly", "cuSPARSE", run),)
