"""Reference results in float64 on the CPU, by elementwise arithmetic alone.

A reference that went through the function under test, or through the same library, would share its faults. So products
are sums of elementwise products here: slow, and independent of every BLAS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

MOST_PRODUCTS = 2**22
"""Products held in memory at once: 32 MiB of float64."""


def exact(torch: ModuleType, tensor: Any) -> Any:
    """Return a tensor's numbers as float64 on the CPU: without rounding from float32, float16, bfloat16, float8."""
    return tensor.detach().to("cpu").to(torch.float64)


def product(torch: ModuleType, left: Any, right: Any) -> Any:
    """Return the matrix product (n x k) (k x m) of two tensors in float64, whatever their type and device."""
    left, right = exact(torch, left), exact(torch, right)
    rows, inner = left.shape
    columns = right.shape[1]
    step = max(1, MOST_PRODUCTS // max(1, inner * columns))
    turned = right.t().contiguous()  # (m, k): sums run along the last axis
    out = torch.empty((rows, columns), dtype=torch.float64)
    for first in range(0, rows, step):
        block = left[first : first + step]
        out[first : first + step] = (block[:, None, :] * turned[None, :, :]).sum(-1)
    return out


def roundoff(torch: ModuleType, dtype: Any) -> float:
    """Return the unit roundoff u of a floating type: a number is rounded by a factor of at most 1 + u.

    2^-24 for float32, 2^-11 for float16, 2^-8 for bfloat16 (half of `torch.finfo(dtype).eps`, Higham, Accuracy and
    Stability of Numerical Algorithms, section 2.1).
    """
    return float(torch.finfo(dtype).eps) / 2


def gamma(count: int, unit: float) -> float:
    """Return n u / (1 - n u): the relative error bound of a sum or product of n terms in any order (Higham, 3.1)."""
    return count * unit / (1 - count * unit)
