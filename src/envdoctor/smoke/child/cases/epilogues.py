"""A matrix product that ends with a bias and an activation in the same kernel, as a linear layer has it.

On a GPU cuBLASLt does it where the bias is one row; elsewhere torch does one after the other.

Bound: the product and the bias are a sum of k + 1 terms, S = |A| |B| + |bias|, by tensor cores gamma_4(k+2) S (see
matrix_products), rounded once to the type of the result and once more where the activation is a kernel of its own. The
steepest slope of GELU is 1.13, that of ReLU 1. cuBLASLt computes GELU by tanh, torch on the CPU by erf: both forms are
accepted, which lie at most 4.8e-4 apart (Hendrycks and Gimpel, Gaussian Error Linear Units, give both; the distance is
the largest of 10^6 arguments from -8 to 8). A GPU's own tanh, which a kernel may take, has a relative error of up to
2^-11 (PTX ISA, tanh.approx.f32), and half the argument times that is what becomes of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..case import Case
from ..reference import exact, gamma, product, roundoff
from ..strictness import heed_environment, needs_whole_sums, products

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

SLOPE = 1.13
BETWEEN_FORMS = 4.8e-4
FUNCTION = 2.0**-12


def run(torch: ModuleType, bench: Bench) -> None:
    """Compare with the same three steps in float64, in the types of a GPU's linear layers."""
    heed_environment(bench)
    with products(torch):
        _epilogues(torch, bench, torch.float32)
        if bench.on_gpu:
            needs_whole_sums(torch, bench, "float16")
            _epilogues(torch, bench, torch.float16)


def _epilogues(torch: ModuleType, bench: Bench, dtype: Any) -> None:
    n, k, m = (256, 384, 192) if bench.full else (64, 128, 96)
    left, right = bench.normal(n, k, dtype=dtype) * 0.125, bench.normal(k, m, dtype=dtype)
    bias = bench.normal(m, dtype=dtype)
    rounded = roundoff(torch, dtype)
    before = product(torch, left, right) + exact(torch, bias)
    size = product(torch, exact(torch, left).abs(), exact(torch, right).abs()) + exact(torch, bias).abs()
    off = gamma(4 * (k + 2), 2.0**-24) * size
    bench.poison_memory(n * m, dtype=dtype)
    bench.check(torch.addmm(bias, left, right), before, rounded, floor=off / rounded, what="torch.addmm")
    scaled = torch.addmm(bias, left, right, beta=0.5, alpha=2.0)
    want = 2.0 * before - 1.5 * exact(torch, bias)
    bench.check(scaled, want, rounded, floor=2.0 * off / rounded, what="torch.addmm with factors")
    if not hasattr(torch, "_addmm_activation"):  # 1.10.2 has none, 1.13.1 has it
        return
    positive = (before + before.abs()) / 2
    got = torch._addmm_activation(bias, left, right)
    bench.check(got, positive, 2 * rounded, floor=off / rounded, what="torch.addmm with ReLU")
    bells = [one * (1.0 + math.erf(one / math.sqrt(2.0))) / 2.0 for one in before.reshape(-1).tolist()]
    want = torch.tensor(bells, dtype=torch.float64).reshape(n, m)
    allowed = SLOPE * (off + rounded * before.abs()) + FUNCTION * before.abs() + BETWEEN_FORMS
    got = torch._addmm_activation(bias, left, right, use_gelu=True)
    bench.check(got, want, 2 * rounded, floor=allowed / (2 * rounded), what="torch.addmm with GELU")


CASES = (Case("cublaslt-epilogue", "products with a bias and an activation are right", "cuBLASLt", run),)
