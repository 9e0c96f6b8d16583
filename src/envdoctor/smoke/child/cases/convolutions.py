"""Convolutions and their gradients, by cuDNN on a GPU (torch's own kernels where it has none), by oneDNN on the CPU.

Bound of a strided, dilated or grouped one: each element is a sum of n products, so its error is at most
u |y| + gamma_n (|x| * |w|) in any order (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), with gamma of
float32, in which float16 and bfloat16 are summed too: gamma_4n by tensor cores, which cut off where IEEE arithmetic
would round (Fasi et al., Numerical behavior of NVIDIA tensor cores, 2021). A library may round partial sums to those
types where it splits a sum; one tensor core instruction sums 16 of their products (PTX ISA, mma.m16n8k16), so there
are n / 16 at most. The bias is added to what was rounded once already, and samples of a batch may be summed one by one.

A 3 x 3 kernel of unit stride lets libraries take a fast algorithm (FFT, Winograd), the only case in which they do; that
is why the others have a stride or are dilated. Its error grows with the largest of the terms: Winograd's F(6x6, 3x3),
the largest in use (NNPACK), keeps about 12 bits of float32 (its growth: Barabasz et al., Error Analysis and Improving
the Accuracy of Winograd Convolution, 2019). So that case is given positive numbers of one size, and 2^-8.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from functools import partial
from itertools import product as every
from typing import TYPE_CHECKING, Any, Iterator, List, NamedTuple, Tuple

from ..case import CHECK, Case
from ..reference import exact, gamma, roundoff
from ..strictness import heed_environment

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

FAST = 2.0**-8
MEASURED = 2.0**-6
"""For the large layer, which is there for its speed: only whether it is that convolution at all."""

PER_INSTRUCTION = 16

BATCHES = (1, 8, 64)
LONG = 0.01
"""Seconds from which on a batch is long enough to be measured; a slow GPU gets no larger one."""

Shape = Tuple[int, ...]


class Layer(NamedTuple):
    """One convolution: `image` is its spatial size, `kernel` that of the kernel, as many numbers as dimensions."""

    batch: int
    inputs: int
    outputs: int
    image: Shape
    kernel: Shape
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def result(self) -> Shape:
        """The spatial size of what comes out."""
        return tuple(
            (length + 2 * self.padding - self.dilation * (width - 1) - 1) // self.stride + 1
            for length, width in zip(self.image, self.kernel)
        )

    @property
    def padded(self) -> Shape:
        """The spatial size of the input with its padding."""
        return tuple(length + 2 * self.padding for length in self.image)

    def shifts(self) -> Iterator[Tuple[Tuple[int, ...], Tuple[slice, ...]]]:
        """Yield each place in the kernel, and what of the padded input it is multiplied with."""
        for place in every(*(range(width) for width in self.kernel)):
            starts = [at * self.dilation for at in place]
            yield (
                place,
                tuple(
                    slice(start, start + self.stride * (count - 1) + 1, self.stride)
                    for start, count in zip(starts, self.result)
                ),
            )


STRIDED = Layer(2, 16, 24, (15, 14), (3, 3), stride=2, padding=1)
GROUPED = Layer(2, 16, 32, (12, 13), (3, 3), padding=2, dilation=2, groups=2)
USUAL = Layer(2, 16, 16, (12, 12), (3, 3), padding=1)
MORE = (
    Layer(2, 48, 32, (18, 18), (3, 3), stride=2, padding=1),
    Layer(2, 16, 16, (17, 19), (3, 3), stride=2, padding=1, groups=16),
    Layer(2, 24, 40, (16, 16), (1, 1), stride=2),
    Layer(2, 8, 16, (21, 20), (5, 7), stride=3, padding=2),
    Layer(4, 12, 20, (64,), (5,), stride=2, padding=2),
    Layer(2, 6, 8, (9, 8, 10), (3, 3, 3), stride=2, padding=1),
)
LARGE = Layer(1, 256, 256, (56, 56), (3, 3), padding=1)


def run(torch: ModuleType, bench: Bench) -> None:
    """Compare results and gradients of several convolutions with sums of shifted products; measure a large one."""
    if bench.on_gpu and not torch.backends.cudnn.is_available():
        warnings.warn("this torch was built without cuDNN: its own kernels were tested", stacklevel=1)
    heed_environment(bench)
    with _strict(torch):
        for layer in (STRIDED, GROUPED, USUAL):
            _compare(torch, bench, layer, torch.float32)
        if bench.on_gpu:
            for dtype in _short_types(torch, bench):
                _compare(torch, bench, GROUPED, dtype)
        if bench.full:
            for layer in MORE:
                _compare(torch, bench, layer, torch.float32)
            _compare_transposed(torch, bench, STRIDED)
        if bench.full and bench.on_gpu:
            torch.backends.cudnn.benchmark = True  # the fastest of all that fit is tried out and taken
            for layer in (STRIDED, USUAL):
                _compare(torch, bench, layer, torch.float32)
            _measure(torch, bench)


@contextmanager
def _strict(torch: ModuleType) -> Iterator[None]:
    """Ask for float32 as it is: TF32 is what torch takes for convolutions by itself."""
    cudnn = torch.backends.cudnn
    # torch 2.9 has a setting for each operation, and refuses to read the old one where both were used.
    chosen: Any = cudnn.conv if hasattr(cudnn, "conv") else cudnn
    name, strict = ("fp32_precision", "ieee") if hasattr(cudnn, "conv") else ("allow_tf32", False)
    before, tried = getattr(chosen, name), cudnn.benchmark
    setattr(chosen, name, strict)
    cudnn.benchmark = False
    try:
        yield
    finally:
        setattr(chosen, name, before)
        cudnn.benchmark = tried


def _short_types(torch: ModuleType, bench: Bench) -> List[Any]:
    """The 16 bit types that this GPU multiplies: bfloat16 came with capability 8.0."""
    older = (0, 0) < bench.capability < (8, 0)
    return [torch.float16] if older else [torch.float16, torch.bfloat16]


def _compare(torch: ModuleType, bench: Bench, layer: Layer, dtype: Any) -> None:
    """Compare the result, and the gradients of input, weight and bias."""
    usual = layer is USUAL
    given, weight, bias = (
        _numbers(bench, usual, dtype, *shape)
        for shape in (
            (layer.batch, layer.inputs, *layer.image),
            (layer.outputs, layer.inputs // layer.groups, *layer.kernel),
            (layer.outputs,),
        )
    )
    slope = _numbers(bench, usual, dtype, layer.batch, layer.outputs, *layer.result)
    if usual:
        given, slope = (one.contiguous(memory_format=torch.channels_last) for one in (given, slope))
    for one in (given, weight, bias):
        one.requires_grad_()
    name = f"conv{len(layer.kernel)}d"
    call = getattr(torch.nn.functional, name)
    settings = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
    bench.poison_memory(slope.numel(), dtype)
    got = call(given, weight, bias, **settings)
    gradients = torch.autograd.grad(got, (given, weight, bias), slope)

    x, w, b, g = (exact(torch, one) for one in (given, weight, bias, slope))
    wants, sizes = _expected(torch, layer, x, w, b, g), _expected(torch, layer, x.abs(), w.abs(), b.abs(), g.abs())
    terms = (_per_result(layer), layer.outputs // layer.groups * _count(layer.kernel), *[_per_weight(layer)] * 2)
    what = "{}, {} by {}, stride {}, dilation {}, {} groups, {}".format(
        name, layer.image, layer.kernel, layer.stride, layer.dilation, layer.groups, str(dtype)[6:]
    )
    parts = ("the result", "the input's gradient", "the weight's gradient", "the bias's gradient")
    for part, one, want, size, n in zip(parts, (got, *gradients), wants, sizes, terms):
        if usual:
            bench.check(one, want, FAST, what=f"{part} of {what}")
        else:
            _check(torch, bench, dtype, one, want, size, n + layer.batch, f"{part} of {what}")
    if layer is STRIDED:
        _check(torch, bench, dtype, torch.conv2d(given, weight, bias, **settings), wants[0], sizes[0], terms[0],
               "torch.conv2d")  # fmt: skip


def _compare_transposed(torch: ModuleType, bench: Bench, layer: Layer) -> None:
    """Compare a transposed convolution: what a convolution does to the gradient of its input."""
    slope = bench.normal(layer.batch, layer.outputs, *layer.result)
    weight = bench.normal(layer.outputs, layer.inputs // layer.groups, *layer.kernel)
    short = [length - (count - 1) * layer.stride - width + 2 * layer.padding
             for length, count, width in zip(layer.image, layer.result, layer.kernel)]  # fmt: skip
    got = torch.nn.functional.conv_transpose2d(
        slope, weight, stride=layer.stride, padding=layer.padding, output_padding=short, groups=layer.groups
    )
    g, w = exact(torch, slope), exact(torch, weight)
    want, size = _scattered(torch, layer, w, g), _scattered(torch, layer, w.abs(), g.abs())
    _check(torch, bench, torch.float32, got, want, size, layer.outputs * _count(layer.kernel), "conv_transpose2d")


def _numbers(bench: Bench, positive: bool, dtype: Any, *shape: int) -> Any:
    return bench.uniform(*shape, low=0.5, high=1.0, dtype=dtype) if positive else bench.normal(*shape, dtype=dtype)


def _check(torch: ModuleType, bench: Bench, dtype: Any, got: Any, want: Any, size: Any, n: int, what: str) -> None:
    """Compare sums of `n` products; `size` is the sum of their absolute values."""
    unit, summed = roundoff(torch, dtype), gamma(n + 2, 2.0**-24)
    if dtype != torch.float32:
        summed = gamma(4 * (n + 2), 2.0**-24) + (-(-n // PER_INSTRUCTION) + 1) * unit
    bench.check(got, want, unit, floor=size * (summed / unit), what=what)


def _expected(torch: ModuleType, layer: Layer, x: Any, w: Any, b: Any, g: Any) -> Tuple[Any, Any, Any, Any]:
    """Return the result and the gradients of input, weight and bias for float64 operands and the gradient `g`."""
    padded = torch.zeros((layer.batch, layer.inputs, *layer.padded), dtype=torch.float64)
    padded[_inner(layer)] = x
    spread = [None] * len(layer.kernel)
    result, weights = torch.zeros_like(g), torch.zeros_like(w)
    for place, seen in layer.shifts():
        for ins, outs in _groups(layer):
            part = padded[(slice(None), ins, *seen)]
            factors = w[(outs, slice(None), *place)]
            result[:, outs] += (part[:, None] * factors[(None, ..., *spread)]).sum(2)
            both = g[:, outs][:, :, None] * part[:, None]
            weights[(outs, slice(None), *place)] = both.sum([0, *range(3, both.dim())])
    over = [0, *range(2, g.dim())]
    return result + b[(None, slice(None), *spread)], _scattered(torch, layer, w, g), weights, g.sum(over)


def _scattered(torch: ModuleType, layer: Layer, w: Any, g: Any) -> Any:
    """Return what each element of the input had its part in, times `g`: the gradient of the input."""
    padded = torch.zeros((layer.batch, layer.inputs, *layer.padded), dtype=torch.float64)
    spread = [None] * len(layer.kernel)
    for place, seen in layer.shifts():
        for ins, outs in _groups(layer):
            factors = w[(outs, slice(None), *place)]
            padded[(slice(None), ins, *seen)] += (g[:, outs][:, :, None] * factors[(None, ..., *spread)]).sum(1)
    return padded[_inner(layer)]


def _inner(layer: Layer) -> Tuple[slice, ...]:
    """What of the padded input is the input."""
    sides = [slice(layer.padding, layer.padding + length) for length in layer.image]
    return (slice(None), slice(None), *sides)


def _groups(layer: Layer) -> Iterator[Tuple[slice, slice]]:
    """Yield the channels that go in and those that come out of each group."""
    ins, outs = layer.inputs // layer.groups, layer.outputs // layer.groups
    for group in range(layer.groups):
        yield slice(group * ins, (group + 1) * ins), slice(group * outs, (group + 1) * outs)


def _count(sides: Shape) -> int:
    count = 1
    for side in sides:
        count *= side
    return count


def _per_result(layer: Layer) -> int:
    """The products of which an element of the result is the sum."""
    return layer.inputs // layer.groups * _count(layer.kernel)


def _per_weight(layer: Layer) -> int:
    """The products of which the gradient of a weight or bias is the sum."""
    return layer.batch * _count(layer.result)


def _measure(torch: ModuleType, bench: Bench) -> None:
    """Measure a layer of an ordinary network, in the type that the tensor cores are for, and compare a corner of it."""
    dtype = _short_types(torch, bench)[-1]
    weight = _numbers(bench, True, dtype, LARGE.outputs, LARGE.inputs, *LARGE.kernel)
    weight = weight.contiguous(memory_format=torch.channels_last)
    for batch in BATCHES:
        given = _numbers(bench, True, dtype, batch, LARGE.inputs, *LARGE.image)
        given = given.contiguous(memory_format=torch.channels_last)
        seconds = bench.seconds(partial(torch.conv2d, given, weight, padding=1))
        work = 2.0 * batch * LARGE.outputs * _count(LARGE.result) * _per_result(LARGE)
        bench.figures["tflops"] = work / seconds / 1e12
        if seconds > LONG:
            break
    corner = LARGE._replace(batch=1, outputs=8, image=(6, 6), padding=0)
    x, w = exact(torch, given[:1, :, :6, :6]), exact(torch, weight[:8])
    nothing = torch.zeros((1, 8, *corner.result), dtype=torch.float64)
    want = _expected(torch, corner, x, w, nothing[0, :, 0, 0], nothing)[0]
    got = torch.conv2d(given, weight, padding=1)[:1, :8, 1:5, 1:5]
    bench.check(got, want, MEASURED, what="a corner of a large convolution")


CASES = (
    # cuDNN is hundreds of megabytes to be read from a cold disk, and tries out every kernel it has at the full size.
    Case("convolution", "convolutions and their gradients are right", "cuDNN", run, since=CHECK, patience=3.0),
)  # fmt: skip
