"""Scaled dot product attention and its gradients, by each of the kernels that torch chooses among.

Each is compared with softmax(Q K^T / sqrt(E)) V in float64, and so with the others. Bound, to first order, with u the
unit roundoff of the type, P the probabilities, and |A| the absolute values of a matrix:

- a score is a sum of E products in float32: gamma_E (|Q| |K|^T) (Higham, Accuracy and Stability of Numerical
  Algorithms, 3.5); gamma_4E by tensor cores, which cut off where IEEE arithmetic would round (Fasi et al., Numerical
  behavior of NVIDIA tensor cores, 2021). The efficient kernel splits float32 in three products of TF32 (CUTLASS,
  OpMultiplyAddFastF32) and leaves out the smallest: 3 2^-20 of each product at most, where every part is cut off, and
  gamma_12E for three times as many terms.
- exp of arguments below 16 is right to 2^-17: 20 units in the last place of torch's vectorised one, and the argument's
  own rounding. A probability is wrong by twice the error of the worst score of its row, that of exp, and gamma_S of
  the sum; it is rounded to the type (u) before P V.
- The gradients: dP = dO V^T, dS = P (dP - D) with D = dO O^T row by row, where O is the rounded result; dS is rounded
  to the type. What is below the smallest number of float16 is lost: 2^-25 of each P and dS.

What is of second order is below a quarter of that.
"""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Iterator, List, NamedTuple, Tuple

from ..case import CHECK, GPU, Case, Unavailable
from ..reference import exact, gamma, product, roundoff
from ..strictness import heed_environment, products

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

SPLIT = 2.0**-18
EXP = 2.0**-17
LOST = 2.0**-25
SECOND_ORDER = 1.25

LENGTHS, LENGTHS_FULL = (512, 2048), (512, 2048, 4096)
LONG = 0.01
"""Seconds from which on a sequence is long enough to be measured; a slow GPU gets no longer one."""

SWITCHES = {"math": "math", "efficient": "mem_efficient", "flash": "flash", "cudnn": "cudnn"}
NOT_OFFERED = ("No available kernel", "No viable backend")
"""What torch says where the kernel it was confined to does not fit; why, it gives as warnings."""
NO_PLAN = "[cudnn_frontend] Error: No "
"""What follows is "execution plans support the graph", "valid execution plans built" or "valid engine configs"."""


def run(torch: ModuleType, bench: Bench, kernel: str, types: Tuple[str, ...]) -> None:
    """Compare results and gradients, of all keys and of earlier ones only; measure a large one on a GPU."""
    bench.needs(
        hasattr(torch.nn.functional, "scaled_dot_product_attention"), "scaled dot product attention came with torch 2.0"
    )
    bench.needs(
        kernel != "cudnn" or hasattr(torch.backends.cuda, "enable_cudnn_sdp"), "this torch has no attention by cuDNN"
    )
    heed_environment(bench)
    try:
        with products(torch), _only(torch, kernel):
            for name in types if bench.on_gpu else ("float32",):
                dtype = getattr(torch, name)
                rounding = _rounding(torch, dtype, kernel)
                for queries, keys, depth, causal in _sizes(bench.full, kernel):
                    _compare(torch, bench, (1, 2, queries, keys, depth), dtype, rounding, causal)
            if bench.on_gpu and kernel != "math":
                _measure(torch, bench, _rounding(torch, torch.float16, kernel))
    except RuntimeError as trouble:
        if NO_PLAN not in str(trouble):
            raise
        # No defect where cuDNN is not what torch takes by itself; where it is, attention fails for everybody.
        for queries, keys, depth, causal in _sizes(bench.full, kernel):
            operands = _operands(bench, (1, 2, queries, keys, depth), torch.float16)
            torch.autograd.grad(_attend(torch, *operands[:3], causal=causal), operands[:3], operands[3])
        said = str(trouble).splitlines()[0]
        raise Unavailable(f"cuDNN has no attention for this device, and torch takes another: {said}") from None


def _sizes(full: bool, kernel: str) -> Iterator[Tuple[int, int, int, bool]]:
    """Yield numbers of queries and keys, the depth of a head, and whether later keys are hidden."""
    yield 64, 128, 64, False
    yield 64, 64, 64, True
    if full:
        yield 256, 256, 64, True
        yield 128, 192, 128, False
        if kernel != "cudnn":  # which for long would have multiples of 64
            yield 77, 333, 32, False


@contextmanager
def _only(torch: ModuleType, kernel: str) -> Iterator[None]:
    """Confine torch to one of its kernels, by switches that are the same in all versions."""
    cuda = torch.backends.cuda
    named = {name: switch for name, switch in SWITCHES.items() if hasattr(cuda, f"enable_{switch}_sdp")}
    before = {switch: getattr(cuda, f"{switch}_sdp_enabled")() for switch in named.values()}
    try:
        for name, switch in named.items():
            getattr(cuda, f"enable_{switch}_sdp")(name == kernel)
        yield
    finally:
        for switch, enabled in before.items():
            getattr(cuda, f"enable_{switch}_sdp")(enabled)


def _attend(torch: ModuleType, *operands: Any, causal: bool = False) -> Any:
    """Call the function; raises `Unavailable` with torch's reasons where the kernel does not fit."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        try:
            return torch.nn.functional.scaled_dot_product_attention(*operands, is_causal=causal)
        except RuntimeError as trouble:
            if not any(words in str(trouble) for words in NOT_OFFERED):
                raise
            reasons = dict.fromkeys(str(one.message).split(" (Triggered")[0] for one in given)
            raise Unavailable(" ".join(["torch has no such kernel for this device.", *reasons])) from None


class Rounding(NamedTuple):
    """How a kernel computes: `unit` is the roundoff of its type, `split` what it leaves out of a product of float32.

    `cut` is how much more a sum may be off than by IEEE arithmetic.
    """

    unit: float
    split: float
    cut: int

    def summed(self, count: int) -> float:
        """The relative error of a sum of that many products."""
        return gamma(self.cut * (count + 2), 2.0**-24) + self.split


def _rounding(torch: ModuleType, dtype: Any, kernel: str) -> Rounding:
    if dtype == torch.float32 and kernel == "efficient":
        return Rounding(roundoff(torch, dtype), SPLIT, 3 * 4)  # three products of tensor cores for each
    return Rounding(roundoff(torch, dtype), 0.0, 1 if dtype == torch.float32 else 4)


def _compare(
    torch: ModuleType,
    bench: Bench,
    shape: Tuple[int, int, int, int, int],
    dtype: Any,
    rounding: Rounding,
    causal: bool,
) -> None:
    batch, heads, queries, keys, depth = shape
    q, k, v, slope = _operands(bench, shape, dtype)
    bench.poison_memory(q.numel(), dtype)
    got = _attend(torch, q, k, v, causal=causal)
    gradients = torch.autograd.grad(got, (q, k, v), slope)

    what = f"attention of {queries} to {keys}, depth {depth}, {str(dtype)[6:]}" + (", causal" if causal else "")
    names = ("", "gradient of the queries, ", "gradient of the keys, ", "gradient of the values, ")
    parts: List[List[Bounded]] = [[] for _ in names]
    for sample in range(batch):
        for head in range(heads):
            for part, one in zip(
                parts, _expected(torch, rounding, causal, *(t[sample, head] for t in (q, k, v, slope)))
            ):
                part.append(one)
    for name, one, part in zip(names, (got, *gradients), parts):
        want, error = (torch.stack(list(column)).reshape(one.shape) for column in zip(*part))
        bench.check(one, want, rounding.unit, floor=error / rounding.unit, what=name + what)


def _operands(bench: Bench, shape: Tuple[int, int, int, int, int], dtype: Any) -> Tuple[Any, Any, Any, Any]:
    """Return queries, keys, values, and the gradient of the result."""
    batch, heads, queries, keys, depth = shape
    q, k, v, slope = (bench.normal(batch, heads, rows, depth, dtype=dtype) for rows in (queries, keys, keys, queries))
    for one in (q, k, v):
        one.requires_grad_()
    return q, k, v, slope


class Bounded(NamedTuple):
    """A reference, and by how much a result may differ beside its own rounding."""

    want: Any
    error: Any


def _expected(
    torch: ModuleType, rounding: Rounding, causal: bool, q: Any, k: Any, v: Any, slope: Any
) -> Iterator[Bounded]:
    """Yield the result of one head and the gradients of its queries, keys and values."""
    q, k, v, slope = (exact(torch, one) for one in (q, k, v, slope))
    p, wrong, result = _forward(torch, rounding, causal, q, k, v)
    yield result

    scale = 1 / math.sqrt(q.shape[1])
    dp, dp_size = product(torch, slope, v.t()), product(torch, slope.abs(), v.abs().t())
    d = (slope * result.want).sum(1, keepdim=True)
    d_error = (slope.abs() * (result.error + rounding.unit * result.want.abs())).sum(1, keepdim=True)
    d_error += gamma(q.shape[1], 2.0**-24) * (slope * result.want).abs().sum(1, keepdim=True)
    ds = p * (dp - d)
    ds_error = p * (d_error + rounding.summed(q.shape[1]) * dp_size) + (wrong + rounding.unit) * ds.abs() + LOST

    yield _product(torch, rounding, ds, ds_error, k, scale)
    yield _product(torch, rounding, ds.t(), ds_error.t(), q, scale)
    yield _product(torch, rounding, p.t(), ((wrong + rounding.unit) * p + LOST).t(), slope, 1.0)


def _forward(torch: ModuleType, rounding: Rounding, causal: bool, q: Any, k: Any, v: Any) -> Tuple[Any, Any, Bounded]:
    """Return the probabilities, their relative error row by row, and the result."""
    q, k, v = (exact(torch, one) for one in (q, k, v))
    scale = 1 / math.sqrt(q.shape[1])
    rows = []
    for row, scores in enumerate((product(torch, q, k.t()) * scale).tolist()):
        seen = scores[: row + 1] if causal else scores
        highest = max(seen)
        terms = [math.exp(score - highest) for score in seen]
        whole = math.fsum(terms)
        rows.append([term / whole for term in terms] + [0.0] * (len(scores) - len(seen)))
    p = torch.tensor(rows, dtype=torch.float64)
    worst = (product(torch, q.abs(), k.abs().t()) * scale).max(1, keepdim=True)[0] * rounding.summed(q.shape[1])
    wrong = 2 * worst + EXP + gamma(k.shape[0], 2.0**-24)
    return p, wrong, _product(torch, rounding, p, (wrong + rounding.unit) * p + LOST, v, 1.0)


def _product(torch: ModuleType, rounding: Rounding, left: Any, left_error: Any, right: Any, scale: float) -> Bounded:
    """Return scale * left right, where `left` is wrong by `left_error`."""
    error = left_error + rounding.summed(right.shape[0]) * left.abs()
    return Bounded(product(torch, left, right) * scale, product(torch, error, right.abs()) * (scale * SECOND_ORDER))


def _measure(torch: ModuleType, bench: Bench, rounding: Rounding) -> None:
    """Measure the forward pass of a long sequence, and compare two rows of it."""
    batch, heads, depth = 4, 16, 64
    for length in LENGTHS_FULL if bench.full else LENGTHS:
        q = bench.normal(batch, heads, length, depth, dtype=torch.float16)
        k, v = q.roll(1, 2), q.roll(2, 2)  # as random, and random numbers are made on the CPU
        seconds = bench.seconds(partial(_attend, torch, q, k, v))
        bench.figures["tflops"] = 4.0 * batch * heads * length * length * depth / seconds / 1e12
        if seconds > LONG:
            break
    got = _attend(torch, q, k, v)[0, 0, :2]
    *_, result = _forward(torch, rounding, False, q[0, 0, :2], k[0, 0], v[0, 0])
    bench.check(
        got, result.want, rounding.unit, floor=result.error / rounding.unit, what=f"attention to {length} keys, float16"
    )


SHORT = ("float16", "bfloat16")

CASES = (
    Case("sdpa-math", "attention by plain products is right", "torch",
         partial(run, kernel="math", types=("float32",)), since=CHECK),
    Case("sdpa-efficient", "memory-efficient attention is right", "CUTLASS",
         partial(run, kernel="efficient", types=("float32", "float16")), on=(GPU,)),
    Case("sdpa-flash", "flash attention is right", "FlashAttention",
         partial(run, kernel="flash", types=SHORT), since=CHECK),
    # cuDNN compiles a kernel for each shape and direction, half a second each on a B200 (FunASR issue 3704).
    Case("sdpa-cudnn", "cuDNN's attention is right", "cuDNN",
         partial(run, kernel="cudnn", types=SHORT), on=(GPU,), patience=3.0),
)  # fmt: skip
