"""Operators of torchvision, which has kernels of its own: boxes, regions of interest, JPEG.

- `nms` is exact: boxes have whole coordinates, the threshold lies in the middle of the widest gap between the overlaps
  that occur near one half, and no two scores are equal, so that rounding decides nothing.
- `roi_align` interpolates at points whose coordinates are computed in float32 by at most ten operations on numbers up
  to the size L of the image: 10 2^-24 L off. Interpolation is continuous, so a point that much off changes a value
  by at most twice that times twice the largest number, and the weight of a pixel by at most twice that. Sums as
  always, gamma_n (Higham, Accuracy and Stability of Numerical Algorithms, 3.1).
- `decode_jpeg`: a decoder may round each number of its inverse transform either way (ITU-T T.83 allows one step), which
  the change of colours makes 1 + 1.772 + 0.5 at most, 4 as a whole number; and the file lost up to 2 of the image it
  was made of. Neighbouring pixels differ by more than that in sum.
"""

from __future__ import annotations

import base64
import glob
import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Dict, Iterator, List, Tuple

from ..case import Case, Unavailable
from ..reference import exact, gamma

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

COORDINATE = 10 * 2.0**-24

WIDTH, HEIGHT = 24, 16
JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAEBAQEBAQEBAQEBAQEBAQIBAQEBAQIBAQECAgICAgICAgIDAwQDAwMDAwICAwQDAwQEBAQEAgMFBQQE"
    "BQQEBAT/2wBDAQEBAQEBAQIBAQIEAwIDBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAT/wAARCAAQABgD"
    "AREAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAACAn/xAAfEAAABgIDAQAAAAAAAAAAAAAABggRJDMBURMhI0P/xAAYAQEAAwEAAAAAAAAAAAAA"
    "AAAJBQgKC//EABwRAAEEAwEAAAAAAAAAAAAAAAcAM0FRAQgUI//aAAwDAQACEQMRAD8AjQU08VQe+vmNHBM2Vcz0XKqQHDC161KTZTTxXB0/mD0J"
    "myjmOi5StBwwNetSk0U08VQdNjjB5EzZVzPRcpWg4YWvWpSmKaeK4On8xIEzZVzPRcrn8BwwNetSk0U08VQdNjjB5EzZRzHRcpWg6YGvWpScKaeK"
    "oOmxxg9CZsq5nouUrQcMDXrUr//Z"
)
"""An image of the pixels of `_pixel`: 24 by 16, three components without subsampling, quality 98."""
OFF = 4 + 2

IMAGE_LIBRARIES = ("image*.so", "image*.pyd")
NO_DECODER = (
    ("not compiled with", "this torchvision was built without it"),  # libjpeg, or nvJPEG
    # torchvision goes on without it on GPUs that have none, but not in a container where the driver's libraries for
    # video are left out, of which it is one.
    ("Failed to initialize nvjpeg with hardware backend", "the GPU's own decoder cannot be reached"),
)
"""What torchvision says where there is nothing that could decode, and what that means."""

Box = List[int]
Weights = Dict[Tuple[int, int], float]

_refused: List[BaseException] = []
"""Why torchvision could not be imported: a second try in the same process may fail in other words."""


def _torchvision(bench: Bench) -> ModuleType:
    """Import torchvision; what it raises while it is imported is the answer."""
    bench.needs(find_spec("torchvision"), "torchvision is not installed")
    if _refused:
        raise _refused[0]
    try:
        return import_module("torchvision")
    except BaseException as trouble:
        _refused.append(trouble)
        raise


def run_nms(torch: ModuleType, bench: Bench) -> None:
    """Suppress overlapping boxes, and compare with Python which are left, in which order."""
    nms = _torchvision(bench).ops.nms
    count = 600 if bench.full else 150
    corners = bench.integers(count, 2, low=0, high=60 if bench.full else 30).tolist()
    sides = bench.integers(count, 2, low=8, high=24).tolist()
    boxes = [[x, y, x + width, y + height] for (x, y), (width, height) in zip(corners, sides)]
    ranks = sorted(range(count), key=bench.uniform(count).tolist().__getitem__)
    scores = torch.tensor([(rank + 1) / 1024 for rank in ranks], dtype=torch.float32)
    threshold = _threshold(boxes)
    got = nms(torch.tensor(boxes, dtype=torch.float32).to(bench.device), scores.to(bench.device), threshold)
    bench.same(got, torch.tensor(_kept(boxes, ranks, threshold)), "the boxes that nms keeps")


def _overlap(one: Box, other: Box) -> float:
    """Return intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def _threshold(boxes: List[Box]) -> float:
    """Return the middle of the widest gap between overlaps from 0.4 to 0.6."""
    every = {_overlap(one, other) for place, one in enumerate(boxes) for other in boxes[:place]}
    near = sorted([0.4, 0.6] + [overlap for overlap in every if 0.4 < overlap < 0.6])
    gap, below = max((high - low, low) for low, high in zip(near, near[1:]))
    return below + gap / 2


def _kept(boxes: List[Box], ranks: List[int], threshold: float) -> List[int]:
    """Return the boxes that overlap none of higher rank that is kept, the highest first."""
    kept: List[int] = []
    for box in sorted(range(len(boxes)), key=ranks.__getitem__, reverse=True):
        if all(_overlap(boxes[box], boxes[other]) <= threshold for other in kept):
            kept.append(box)
    return kept


def run_roi_align(torch: ModuleType, bench: Bench) -> None:
    """Average regions of interest, and compare values and the image's gradient with interpolation in Python."""
    roi_align = _torchvision(bench).ops.roi_align
    regions, channels, height, width = (24, 8, 20, 25) if bench.full else (6, 3, 12, 14)
    out, grid, scale = (3, 2), 2, 0.5
    image = bench.normal(2, channels, height, width).requires_grad_()
    slope = bench.normal(regions, channels, *out)
    corners = bench.uniform(regions, 2, high=0.5).tolist()
    sizes = bench.uniform(regions, 2, low=0.1, high=0.5).tolist()
    right, down = (width - 1) / scale, (height - 1) / scale
    rows = [
        [place % 2, x * right, y * down, (x + wide) * right, (y + high) * down]
        for place, ((x, y), (wide, high)) in enumerate(zip(corners, sizes))
    ]
    boxes = torch.tensor(rows, dtype=torch.float32)
    for aligned in (True, False):
        bench.poison_memory(slope.numel())
        got = roi_align(image, boxes.to(bench.device), out, spatial_scale=scale, sampling_ratio=grid, aligned=aligned)
        (gradient,) = torch.autograd.grad(got, image, slope)

        pixels, slopes = exact(torch, image), exact(torch, slope)
        want, want_gradient = torch.zeros_like(slopes), torch.zeros_like(pixels)
        for region, box in enumerate(boxes.tolist()):
            for bin_y, bin_x, weights in _bins(box, scale, aligned, out, grid, (height, width)):
                for (y, x), weight in weights.items():
                    want[region, :, bin_y, bin_x] += weight * pixels[int(box[0]), :, y, x]
                    want_gradient[int(box[0]), :, y, x] += weight * slopes[region, :, bin_y, bin_x]
        moved = 2 * COORDINATE * max(height, width)
        rounded = gamma(4 * grid * grid + 12, 2.0**-24)
        unit, what = 2.0**-24, "roi_align" + (", aligned" if aligned else "")
        floor = float(pixels.abs().max()) * (2 * moved + rounded) / unit
        bench.check(got, want, unit, floor=floor, what=what)
        # All that an image's regions give to a channel, wherever in it.
        given = torch.stack([slopes[first::2].abs().sum((0, 2, 3)) for first in range(2)])[:, :, None, None]
        summed = moved + rounded + gamma(regions * grid * grid, unit)
        bench.check(gradient, want_gradient, unit, floor=given * summed / unit, what="gradient of " + what)


def _bins(
    box: List[float], scale: float, aligned: bool, out: Tuple[int, int], grid: int, image: Tuple[int, int]
) -> Iterator[Tuple[int, int, Weights]]:
    """Yield each bin of a region, and the weights of the pixels whose sum it is."""
    starts, sides = [], []
    for low, high in ((box[2], box[4]), (box[1], box[3])):  # y, then x
        side = (high - low) * scale
        starts.append(low * scale - (0.5 if aligned else 0.0))
        sides.append(side if aligned else max(side, 1.0))
    for bin_y in range(out[0]):
        for bin_x in range(out[1]):
            weights: Weights = {}
            for place in range(grid * grid):
                steps = (bin_y + (place // grid + 0.5) / grid, bin_x + (place % grid + 0.5) / grid)
                y, x = (start + step * side / n for start, step, side, n in zip(starts, steps, sides, out))
                for row, part in _neighbours(y, image[0]):
                    for column, other in _neighbours(x, image[1]):
                        weights[row, column] = weights.get((row, column), 0.0) + part * other / grid**2
            yield bin_y, bin_x, weights


def _neighbours(at: float, count: int) -> Iterator[Tuple[int, float]]:
    """Yield the two pixels beside a point and their weights; beyond the outermost ones the image stays as it is."""
    at = min(max(at, 0.0), count - 1.0)
    before = min(int(at), count - 2)
    yield before, before + 1 - at
    yield before + 1, at - before


def run_decode_jpeg(torch: ModuleType, bench: Bench) -> None:
    """Decode a small image, by libjpeg on the CPU and nvJPEG on a GPU."""
    torchvision = _torchvision(bench)
    folder = os.path.dirname(torchvision.__file__ or "")
    built = any(glob.glob(os.path.join(folder, pattern)) for pattern in IMAGE_LIBRARIES)
    bench.needs(built and hasattr(torchvision.io, "decode_jpeg"), "this torchvision decodes no images")
    data = torch.tensor(list(base64.b64decode("".join(JPEG))), dtype=torch.uint8)
    want = torch.tensor([[[_pixel(x, y)[part] for x in range(WIDTH)] for y in range(HEIGHT)] for part in range(3)])
    try:
        got = torchvision.io.decode_jpeg(data, device=bench.device)
    except RuntimeError as trouble:
        for words, meaning in NO_DECODER:
            if words in str(trouble):
                raise Unavailable(f"{meaning}: {trouble}") from trouble
        raise
    bench.true(tuple(got.shape) == (3, HEIGHT, WIDTH), f"an image of 24 x 16 is decoded to {tuple(got.shape)}")
    off = (exact(torch, got) - want).abs().max()
    bench.within(float(off), OFF, "the largest difference from the image that was encoded, of 255,")


def _pixel(x: int, y: int) -> Tuple[int, int, int]:
    """Return red, green and blue."""
    return 10 + 10 * x, 20 + 14 * y, 245 - 5 * x - 7 * y


CASES = (
    Case("nms", "torchvision's boxes are suppressed as they should be", "torchvision", run_nms, patience=3.0),
    Case("roi-align", "torchvision's regions of interest are right", "torchvision", run_roi_align, patience=3.0),
    Case("decode-jpeg", "torchvision decodes JPEG", "torchvision", run_decode_jpeg, patience=3.0),
)
