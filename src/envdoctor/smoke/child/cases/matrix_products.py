"""Matrix products of each number type, by cuBLAS on a GPU and the BLAS torch was built with on the CPU.

Bound: each element is a sum of k products, rounded once more to the type of the result. With inputs that the type holds
exactly the error is at most u |C| + gamma_k (|A| |B|), where u is the unit roundoff of the result and gamma_k that of
the type in which is summed, whatever the order (Higham, Accuracy and Stability of Numerical Algorithms, 3.5). float16
and bfloat16 are summed in float32 (what lets cuBLAS do less is switched off below); TF32 takes 10 bits of each input,
at worst cut off: 2^-10 each.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..case import CHECK, GPU, Case
from ..reference import exact, gamma, product, roundoff

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

TF32_INPUTS = 2 * 2.0**-10


def run(torch: ModuleType, bench: Bench, kind: str, tf32: bool = False) -> None:
    """Multiply by every spelling of a product and compare all elements; measure a large one on a GPU."""
    dtype = getattr(torch, kind)
    bench.needs(not tf32 or torch.cuda.get_device_capability(bench.device) >= (8, 0), "TF32 came with capability 8.0")
    _settle(torch, tf32)
    n, k, m = (384, 512, 256) if bench.full else (96, 128, 64)
    left, right = bench.normal(n, k, dtype=dtype), bench.normal(k, m, dtype=dtype)
    want = product(torch, left, right)
    size = product(torch, exact(torch, left).abs(), exact(torch, right).abs())
    rounded, summed = roundoff(torch, dtype), gamma(k, 2.0**-53 if kind == "float64" else 2.0**-24)
    if tf32:
        summed += TF32_INPUTS
    for name, got in _spellings(torch, bench, left, right, dtype):
        bench.check(got, want, rounded, floor=size * (summed / rounded), what=name)


def _settle(torch: ModuleType, tf32: bool) -> None:
    """Ask for the arithmetic that the bound is stated for; this process ends with the battery."""
    chosen = torch.backends.cuda.matmul
    chosen.allow_tf32 = tf32
    for name in ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction"):
        if hasattr(chosen, name):
            setattr(chosen, name, False)


def _spellings(torch: ModuleType, bench: Bench, left: Any, right: Any, dtype: Any) -> Any:
    out = bench.poisoned(left.shape[0], right.shape[1], dtype=dtype)
    yield "torch.matmul", torch.matmul(left, right, out=out)
    yield "a @ b", left @ right
    yield "torch.mm", torch.mm(left, right)
    yield "torch.bmm", torch.bmm(left[None], right[None])[0]


CASES = (
    Case("matmul-fp32", "products in strict float32 are right", "cuBLAS", partial(run, kind="float32"), since=CHECK),
    Case("matmul-tf32", "products in TF32 are right", "cuBLAS", partial(run, kind="float32", tf32=True), on=(GPU,)),
    Case("matmul-fp16", "products in float16 are right", "cuBLAS", partial(run, kind="float16"), since=CHECK),
    Case("matmul-bf16", "products in bfloat16 are right", "cuBLAS", partial(run, kind="bfloat16"), since=CHECK),
)
