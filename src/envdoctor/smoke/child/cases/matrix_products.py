"""Matrix products of each number type, by cuBLAS on a GPU and the BLAS torch was built with on the CPU.

Bounds, for inputs that the type holds exactly and sums of k products, S = |A| |B|:

- float32 and float64: gamma_k S whatever the order (Higham, Accuracy and Stability of Numerical Algorithms, 3.5), and
  once more for float64, in which the reference itself is computed. Strict: TF32 is switched off meanwhile.
- float16 and bfloat16 are summed in float32 and rounded once to the type of the result, u |C|. Tensor cores add exact
  products in blocks of four or more, and cut off what is below 2^-23 of the largest, where IEEE arithmetic would round
  to 2^-24 (Fasi, Higham, Mikaitis and Pranesh, Numerical behavior of NVIDIA tensor cores, 2021): at most (b + 2)
  cuts for b products, 2 k 2^-23 S in all for b >= 2, which is below gamma_4k S.
- TF32 keeps 10 bits of each input, at worst cut off: (1 + 2^-10)^2 - 1 beside that.
- int8 is summed in int32: exact. Without the instructions of VNNI oneDNN adds pairs in 16 bits, which overflow
  (oneDNN, "Nuances of int8 Computations"), so that the CPU gets numbers of at most 6 bits.
- float8: exact too, by choice of the inputs. Hopper keeps 14 bits of each term when it adds (DeepSeek-V3 Technical
  Report, 3.5.2), and sums that are whole numbers below 2^13 need no more, whatever their order. So rows and columns are
  whole numbers of up to 4 bits, each times a power of two of its own, which multiplies all terms of a sum alike.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple, Tuple

from ..case import CHECK, CPU, GPU, Case, Unavailable
from ..large_product import ON_CPU, Draw, Multiply, fitting_size, make, measure, sample
from ..reference import exact, gamma, product, roundoff
from ..strictness import heed_environment, needs_whole_sums, products

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

TF32_INPUTS = 2 * 2.0**-10 + 2.0**-20

SHAPES = ((96, 128, 64), (37, 131, 61))
SHAPES_FULL = ((256, 384, 192), (131, 307, 157))
"""Rows, products a sum, columns; round ones, and such that no vector and no tile divides."""

WHOLE_SHAPES = ((64, 32, 48), (96, 32, 64))
WHOLE_SHAPES_FULL = ((512, 256, 384), (144, 32, 80))
"""For int8 and float8: multiples of 16, which cuBLAS asks for."""

NOT_OFFERED = (
    "CUBLAS_STATUS_NOT_SUPPORTED",
    "CUBLAS_STATUS_ARCH_MISMATCH",
    "_scaled_mm is only supported on",  # 2.1 has it from capability 9.0 on, later ones from 8.9
    "_int_mm_out_cuda not compiled for",  # at first not on Windows
)
"""What cuBLAS and torch say where there is no such product for this GPU, layout or platform."""


def run(torch: ModuleType, bench: Bench, kind: str, tf32: bool = False) -> None:
    """Multiply by every spelling of a product and compare all elements; measure a large one on a GPU."""
    dtype = getattr(torch, kind)
    if tf32:
        bench.needs(bench.capability >= (8, 0), "TF32 is of NVIDIA GPUs from compute capability 8.0 on")
    if kind == "bfloat16":
        old = (0, 0) < bench.capability < (8, 0)
        bench.needs(not old, "NVIDIA GPUs have bfloat16 from compute capability 8.0 on")
    if kind == "float32":
        heed_environment(bench, tf32=tf32)
    if kind in ("float16", "bfloat16"):
        needs_whole_sums(torch, bench, kind)
    with products(torch, tf32=tf32):
        for n, k, m in SHAPES_FULL if bench.full else SHAPES:
            left, right = bench.normal(n, k, dtype=dtype), bench.normal(k, m, dtype=dtype)
            wanted = _wanted(torch, left, right, tf32)
            for name, got in _spellings(torch, bench, left, right):
                some = slice(got.shape[1])
                bench.check(got, wanted.product[:, some], wanted.bound, floor=wanted.floor[:, some], what=name)
        if bench.on_gpu:
            _large(torch, bench, dtype, tf32)
        elif kind in ("float32", "float64"):  # what a processor does with the others differs by a factor of hundreds
            measure(bench, torch.matmul, *(make(torch, ON_CPU, partial(bench.normal, dtype=dtype)) for _ in range(2)))


def _spellings(torch: ModuleType, bench: Bench, left: Any, right: Any) -> Iterator[Tuple[str, Any]]:
    """Give the name of each way to multiply, and what it gave: all columns, or the first."""
    out = bench.poisoned(left.shape[0], right.shape[1], dtype=left.dtype)
    yield "torch.matmul", torch.matmul(left, right, out=out)
    yield "a @ b", left @ right
    yield "torch.mm", torch.mm(left, right)
    yield "torch.mm of a transposed matrix", torch.mm(left, right.t().contiguous().t())
    pair = left[None].expand(2, *left.shape).contiguous()
    for one in torch.bmm(pair, right[None].expand(2, *right.shape).contiguous()):
        yield "torch.bmm", one
    for one in torch.matmul(pair, right):
        yield "torch.matmul of a batch", one
    yield "torch.einsum", torch.einsum("ij,jk->ik", left, right)
    if bench.on_gpu or left.dtype in (torch.float32, torch.float64):  # the loops of some CPUs sum in half precision
        yield "torch.mv", torch.mv(left, right[:, 0].contiguous())[:, None]


class Wanted(NamedTuple):
    """What is right, in float64, and how far off it may be, as `bench.check` takes it."""

    product: Any
    bound: float
    floor: Any


def _wanted(torch: ModuleType, left: Any, right: Any, tf32: bool) -> Wanted:
    """Return it for inputs of the type of the result."""
    rounded, k = roundoff(torch, left.dtype), left.shape[1]
    if left.dtype == torch.float64:
        summed = 2 * gamma(k, rounded)
    elif left.dtype == torch.float32 and not tf32:
        summed = gamma(k, rounded)
    else:
        summed = gamma(4 * k, 2.0**-24) + (TF32_INPUTS if tf32 else 0.0)
    size = product(torch, exact(torch, left).abs(), exact(torch, right).abs())
    return Wanted(product(torch, left, right), rounded, size * (summed / rounded))


def _large(torch: ModuleType, bench: Bench, dtype: Any, tf32: bool) -> None:
    def draw(count: int) -> Any:
        return bench.normal(count, dtype=dtype)

    size = fitting_size(torch, bench, torch.matmul, draw)
    left, right = (make(torch, size, draw) for _ in range(2))
    got = torch.matmul(left, right, out=bench.poisoned(size, size, dtype=dtype))
    bench.true(not bool((got != got).any()), f"a product of {size} x {size} has elements that are NaN")
    some_left, some_right, some_got = sample(torch, bench, left, right, got)
    wanted = _wanted(torch, some_left, some_right, tf32)
    bench.check(some_got, wanted.product, wanted.bound, floor=wanted.floor, what=f"a product of {size} x {size}")
    measure(bench, torch.matmul, left, right)


def run_int8(torch: ModuleType, bench: Bench) -> None:
    """Multiply whole numbers of 8 bits: every bit of the sums is right."""
    bench.needs(hasattr(torch, "_int_mm"), "this torch has no products of int8")
    low, high = -63, 64
    if bench.on_gpu:
        bench.needs(
            bench.capability >= (8, 0), "products of int8 are tried on NVIDIA GPUs from compute capability 8.0 on"
        )
        low, high = -128, 128

    def draw(*shape: int) -> Any:
        return bench.integers(*shape, low=low, high=high, dtype=torch.int8)

    with _where_offered():
        _whole_products(torch, bench, torch._int_mm, draw)
        if bench.on_gpu:
            size = _large_whole(torch, bench, torch._int_mm, draw)
            measure(bench, torch._int_mm, *_pair(torch, size, draw))


def run_fp8(torch: ModuleType, bench: Bench) -> None:
    """Multiply e4m3 numbers whose products are exact, with scales that are powers of two."""
    bench.needs(hasattr(torch, "_scaled_mm") and hasattr(torch, "float8_e4m3fn"), "this torch has no float8 products")
    bench.needs(bench.capability >= (8, 9), "products of float8 are of NVIDIA GPUs from compute capability 8.9 on")
    kind = torch.float8_e4m3fn
    half, twice = (torch.tensor(scale, device=bench.device) for scale in (0.5, 2.0))

    def multiply(left: Any, right: Any) -> Any:
        got = torch._scaled_mm(left, right, scale_a=half, scale_b=twice, out_dtype=torch.float32)
        return got[0] if isinstance(got, tuple) else got  # until torch 2.4 the largest number beside it

    def draw(rows: int, columns: int) -> Any:
        largest = 15 if columns <= 32 else 5  # k * largest^2 < 2^13
        whole = bench.integers(rows, columns, low=-largest, high=largest + 1).to("cpu").to(torch.float32)
        powers = bench.integers(rows, 1, low=-6, high=5).to("cpu").to(torch.float32)
        return (whole * 2.0**powers).to(kind).to(bench.device)

    def draw_small(count: int) -> Any:
        return bench.integers(count, low=-2, high=3, dtype=torch.float32).to("cpu").to(kind).to(bench.device)

    def draw_normal(count: int) -> Any:
        return bench.normal(count, dtype=kind)

    with _where_offered():
        _whole_products(torch, bench, multiply, draw)
        size = _large_whole(torch, bench, multiply, draw_small)
        # Numbers of two bits would draw less power, and the GPU run faster, than with what it is used for.
        measure(bench, multiply, *_pair(torch, size, draw_normal))


@contextmanager
def _where_offered() -> Iterator[None]:
    """Raise `Unavailable` where that is what is said."""
    try:
        yield
    except RuntimeError as trouble:
        if any(words in str(trouble) for words in NOT_OFFERED):
            raise Unavailable(f"such products are not offered here: {trouble}") from trouble
        raise


def _whole_products(torch: ModuleType, bench: Bench, multiply: Multiply, draw: Callable[[int, int], Any]) -> None:
    """Compare exactly. Both matrices are drawn by rows, and the right one is turned, as cuBLAS wants it here."""
    for n, k, m in WHOLE_SHAPES_FULL if bench.full else WHOLE_SHAPES:
        left, right = draw(n, k), draw(m, k).t()
        bench.poison_memory(n * m)
        bench.check(multiply(left, right), product(torch, left, right), 0.0, what="a product of whole numbers")


def _large_whole(torch: ModuleType, bench: Bench, multiply: Multiply, draw: Draw) -> int:
    """Compare a large product, in which 2^13 is far beyond what a sum reaches by chance. Returns its size."""
    size = fitting_size(torch, bench, lambda left, right: multiply(left, right.t()), draw)
    left, right = _pair(torch, size, draw)
    some_left, some_right, some_got = sample(torch, bench, left, right, multiply(left, right))
    bench.check(some_got, product(torch, some_left, some_right), 0.0, what=f"a product of {size} x {size}")
    return size


def _pair(torch: ModuleType, size: int, draw: Draw) -> Tuple[Any, Any]:
    return make(torch, size, draw), make(torch, size, draw).t()


def _case(name: str, proves: str, kind: str, **more: Any) -> Case:
    return Case(name, proves, "cuBLAS", partial(run, kind=kind, tf32=name.endswith("tf32")), **more)


CASES = (
    _case("matmul-fp32", "products in strict float32 are right", "float32", since=CHECK),
    _case("matmul-fp64", "products in float64 are right", "float64"),
    _case("matmul-tf32", "products in TF32 are right", "float32", on=(GPU,)),
    _case("matmul-fp16", "products in float16 are right", "float16", since=CHECK),
    _case("matmul-bf16", "products in bfloat16 are right", "bfloat16", since=CHECK),
    Case("matmul-fp8", "products in float8 e4m3 are right to the last bit", "cuBLASLt", run_fp8, on=(GPU,)),
    Case("matmul-int8", "products of int8 are right to the last bit", "cuBLASLt", run_int8, on=(GPU, CPU)),
)
