"""Discrete Fourier transforms of real and complex numbers, in one dimension and two.

Sizes are powers of two, products of small primes, a prime that has a kernel, and one that is transformed by Bluestein's
algorithm. The reference is the definition: a product with a matrix of cosines and sines.

Bound: a fast transform of n = 2^t numbers is right to about t (u + gamma_4 (sqrt 2 + u)) < 7 u log2 n in the 2-norm
(Higham, Accuracy and Stability of Numerical Algorithms, theorem 24.2), so that no element is off by more than that
part of the norm of all. Bluestein's needs three of length 4 n at most, and the transform of its chirp,
at most 2.15 sqrt n for the lengths here, amplifies an error by 2.15: 3 * 2.15 * 7 u log2 4n < 48 u log2 4n holds for
all of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Tuple

from ..case import CHECK, Case
from ..reference import exact, product

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

U = 2.0**-24
SIZES = (128, 60, 101, 251)
SIZES_FULL = (512, 360, 101, 1009)
BATCH = 3


def bound_of(count: int) -> float:
    """Return the largest error of an element, as a part of the norm of the whole result."""
    return 48 * U * math.log2(4 * count)


def run(torch: ModuleType, bench: Bench) -> None:
    """Transform there and back, and compare with the definition."""
    for count in SIZES_FULL if bench.full else SIZES:
        _one_dimension(torch, bench, count)
    _two_dimensions(torch, bench, *((48, 64) if bench.full else (12, 20)))


def _one_dimension(torch: ModuleType, bench: Bench, count: int) -> None:
    cosines, sines = _waves(torch, count)
    real, imaginary = bench.normal(BATCH, count), bench.normal(BATCH, count)
    given = torch.complex(real, imaginary)
    bench.poison_memory(2 * BATCH * count)
    with_cosines, with_sines = (
        (product(torch, real, waves), product(torch, imaginary, waves)) for waves in (cosines, sines)
    )
    # e^-ix (a + ib) = (a cos x + b sin x) + i (b cos x - a sin x); backwards the signs of the sines turn.
    there = torch.stack((with_cosines[0] + with_sines[1], with_cosines[1] - with_sines[0]), -1)
    back = torch.stack((with_cosines[0] - with_sines[1], with_cosines[1] + with_sines[0]), -1) / count
    _check(torch, bench, torch.fft.fft(given), there, count, f"fft of {count}")
    _check(torch, bench, torch.fft.ifft(given), back, count, f"ifft of {count}")
    half = torch.stack((with_cosines[0], -with_sines[0]), -1)[:, : count // 2 + 1]
    spectrum = torch.fft.rfft(real)
    _check(torch, bench, spectrum, half, count, f"rfft of {count}")
    # From the reference rounded, so that a fault of rfft stays its own.
    rounded = half.to(torch.float32).to(bench.device)
    again = torch.fft.irfft(torch.complex(rounded[..., 0].contiguous(), rounded[..., 1].contiguous()), n=count)
    norm = (exact(torch, real) ** 2).sum(-1, keepdim=True).sqrt()
    bench.check(again, real, bound_of(count), floor=norm, what=f"irfft of {count}")


def _two_dimensions(torch: ModuleType, bench: Bench, rows: int, columns: int) -> None:
    given = bench.normal(rows, columns)
    (cosines, sines), (other_cosines, other_sines) = _waves(torch, rows), _waves(torch, columns)
    # Along the columns first: the sums of a real matrix, then the same along the rows of both parts.
    real, imaginary = product(torch, cosines, given), -product(torch, sines, given)
    want = torch.stack(
        (
            product(torch, real, other_cosines) + product(torch, imaginary, other_sines),
            product(torch, imaginary, other_cosines) - product(torch, real, other_sines),
        ),
        -1,
    )
    got = torch.fft.fft2(torch.complex(given, given * 0.0))
    flat = torch.view_as_real(got).reshape(1, rows * columns, 2)
    _check(torch, bench, torch.view_as_complex(flat), want.reshape(flat.shape), rows * columns, "fft2")


def _check(torch: ModuleType, bench: Bench, got: Any, want: Any, count: int, what: str) -> None:
    """Compare complex numbers with their parts along the last axis."""
    norm = (want**2).sum((-1, -2), keepdim=True).sqrt()
    bench.check(torch.view_as_real(got), want, bound_of(count), floor=norm, what=what)


def _waves(torch: ModuleType, count: int) -> Tuple[Any, Any]:
    """Return the cosines and sines of 2 pi jk / n, each from a table of n, so that no angle grows."""
    turns = torch.arange(count)
    places = (turns[:, None] * turns[None, :]) % count
    angles = [2.0 * math.pi * turn / count for turn in range(count)]
    cosines, sines = (
        torch.tensor([function(angle) for angle in angles], dtype=torch.float64) for function in (math.cos, math.sin)
    )
    return cosines[places], sines[places]


CASES = (Case("fft", "Fourier transforms of every kind of length are right", "cuFFT", run, since=CHECK),)
