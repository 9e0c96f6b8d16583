"""Decompositions of matrices and linear systems, by cuSOLVER or MAGMA on a GPU and LAPACK on the CPU.

Each is right where its factors are as good as they should be and make the matrix again, which says nothing about which
of the many right factors a library found. Bounds, with u of the type:

- svd, qr, eigh: built of orthogonal transformations, so that the factors are those of a matrix c m n u |A|_F away
  at most, and as near to orthogonal (Higham, Accuracy and Stability of Numerical Algorithms, theorem 19.4 and section
  19.3; LAPACK Users' Guide, 4.7 to 4.9; c is a small constant, 8 here).
- cholesky: |A - L L'| <= gamma_(n+1) |L| |L'|, element by element (Higham, theorem 10.3), four times that where blocks
  are inverted, as on GPUs, for a matrix whose condition is below 10.
- solve: |b - A x| <= gamma_3n |L| |U| |x| (Higham, theorem 9.4), and |L| |U| is at most 2n - 1 times as large as A
  where its diagonal dominates (Higham, 9.5).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Tuple

from ..case import Case
from ..reference import exact, gamma, product, roundoff
from ..strictness import heed_environment

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

C = 8.0


def run_svd(torch: ModuleType, bench: Bench) -> None:
    """Decompose a tall matrix and a batch of small square ones, for which a GPU has other kernels."""
    _needs_lapack(torch, bench)
    for dtype in (torch.float32, torch.float64):
        rows, columns = (64, 48) if bench.full else (40, 24)
        _svd(torch, bench, bench.normal(rows, columns, dtype=dtype)[None])
        _svd(torch, bench, bench.normal(5, 12, 12, dtype=dtype))
        _qr(torch, bench, bench.normal(rows, columns, dtype=dtype))
        _eigh(torch, bench, bench.normal(columns, columns, dtype=dtype))


def _svd(torch: ModuleType, bench: Bench, given: Any) -> None:
    left, values, right = torch.linalg.svd(given, full_matrices=False)
    for one, u, s, v in zip(given, left, values, right):
        again = product(torch, exact(torch, u) * exact(torch, s), v)
        _near(torch, bench, again, one, one.shape, given.dtype, "U S V'")
        _orthogonal(torch, bench, u, one.shape, given.dtype, "U")
        _orthogonal(torch, bench, v.t(), one.shape, given.dtype, "V")
        numbers = s.tolist()
        bench.true(numbers == sorted(numbers, reverse=True) and numbers[-1] >= 0.0, "singular values are in disorder")


def _qr(torch: ModuleType, bench: Bench, given: Any) -> None:
    q, r = torch.linalg.qr(given)
    _near(torch, bench, product(torch, q, r), given, given.shape, given.dtype, "Q R")
    _orthogonal(torch, bench, q, given.shape, given.dtype, "Q")
    bench.true(_is_lower(r.t()), "R of a QR decomposition is not triangular")


def _eigh(torch: ModuleType, bench: Bench, given: Any) -> None:
    symmetric = (given + given.t()) * 0.5
    values, vectors = torch.linalg.eigh(symmetric)
    again = product(torch, exact(torch, vectors) * exact(torch, values), vectors.t())
    _near(torch, bench, again, symmetric, symmetric.shape, given.dtype, "V D V'")
    _orthogonal(torch, bench, vectors, symmetric.shape, given.dtype, "the eigenvectors")


def run_cholesky(torch: ModuleType, bench: Bench) -> None:
    """Decompose positive definite matrices and solve systems with a dominant diagonal."""
    _needs_lapack(torch, bench)
    count = 96 if bench.full else 40
    for dtype in (torch.float32, torch.float64):
        whole = [_positive(torch, bench, count, dtype) for _ in range(2)]
        _cholesky(torch, bench, torch.stack(whole[:1]))
        _cholesky(torch, bench, torch.stack(whole))
        _solve(torch, bench, count, dtype)


def _positive(torch: ModuleType, bench: Bench, count: int, dtype: Any) -> Any:
    """Return 1 + M M' / 4n: its eigenvalues lie between 1 and little above 2."""
    half = bench.normal(count, count, dtype=dtype)
    made = product(torch, half, half.t()) / (4 * count)
    made[range(count), range(count)] += 1.0
    return made.to(dtype).to(bench.device)


def _cholesky(torch: ModuleType, bench: Bench, given: Any) -> None:
    for one, lower in zip(given, torch.linalg.cholesky(given)):
        bench.true(_is_lower(lower), "L of a Cholesky decomposition is not triangular")
        size = product(torch, exact(torch, lower).abs(), exact(torch, lower).abs().t())
        bound = 4 * gamma(one.shape[0] + 1, roundoff(torch, given.dtype))
        want = exact(torch, one)
        bench.check(product(torch, lower, lower.t()), want, bound, floor=(size - want.abs()).abs(), what="L L'")


def _solve(torch: ModuleType, bench: Bench, count: int, dtype: Any) -> None:
    given = bench.uniform(count, count, low=-1.0, high=1.0, dtype=dtype) / count
    given[range(count), range(count)] += 2.0
    right = bench.normal(count, 3, dtype=dtype)
    found = torch.linalg.solve(given, right)
    left_over = exact(torch, right) - product(torch, given, found)
    rows = float(exact(torch, given).abs().sum(1).max())
    bound = gamma(3 * count, roundoff(torch, dtype)) * (2 * count - 1)
    for column in range(3):
        size = rows * float(exact(torch, found[:, column]).abs().max())
        error = float(left_over[:, column].abs().max())
        bench.within(error / size, bound, "what A x differs from b, beside |A| |x|,")


def _near(torch: ModuleType, bench: Bench, got: Any, want: Any, shape: Tuple[int, int], dtype: Any, what: str) -> None:
    bound = C * shape[0] * shape[1] * roundoff(torch, dtype)
    error = _norm(got - exact(torch, want)) / _norm(exact(torch, want))
    bench.within(error, bound, f"the distance of {what} from the matrix, beside its size,")


def _orthogonal(torch: ModuleType, bench: Bench, columns: Any, shape: Tuple[int, int], dtype: Any, what: str) -> None:
    got = product(torch, columns.t(), columns)
    count = got.shape[0]
    got[range(count), range(count)] -= 1.0
    bound = C * shape[0] * shape[1] * roundoff(torch, dtype)
    bench.within(_norm(got) / count**0.5, bound, f"the distance of {what} from being orthogonal")


def _norm(matrix: Any) -> float:
    return math.sqrt(float((matrix * matrix).sum()))


def _is_lower(matrix: Any) -> bool:
    """Whether all above the diagonal is zero, by Python, because torch's own triangles are not the matter here."""
    return not any(any(row[place + 1 :]) for place, row in enumerate(matrix.tolist()))


def _needs_lapack(torch: ModuleType, bench: Bench) -> None:
    if bench.on_gpu:
        heed_environment(bench)  # which speaks to all of NVIDIA's libraries
    else:
        bench.needs(getattr(torch._C, "has_lapack", True), "this torch was built without LAPACK")


CASES = (
    Case("svd", "singular values, QR and eigenvectors are right", "cuSOLVER", run_svd),
    Case("cholesky", "Cholesky factors and solved linear systems are right", "cuSOLVER", run_cholesky),
)
