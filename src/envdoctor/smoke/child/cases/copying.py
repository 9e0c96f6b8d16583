"""Copies between the memory of the processor and that of a GPU, and within a GPU.

Exact: bytes are moved, of odd counts and from odd addresses too. The bandwidth is that of one large block, the
processor's side of it in pinned memory; a copy within the GPU reads and writes every byte, and both are counted.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from ..case import CHECK, GPU, Case

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

MIB = 2**20
ODD = ((1, 0), (4097, 3), (MIB + 5, 1))
"""Counts of bytes, and the offsets in memory from which they are taken."""

LEAST_MEASURED = 128 * MIB
"""Of a smaller block, where memory is short, the start of the copy and the caches would be measured."""


def run(torch: ModuleType, bench: Bench, copies: Callable[[ModuleType, Bench, int], None]) -> None:
    """Compare small blocks of each kind of memory, then a large one that is timed."""
    copies(torch, bench, (256 if bench.full else 64) * MIB)


def _to_the_gpu(torch: ModuleType, bench: Bench, size: int) -> None:
    for count, offset in ODD:
        want = _bytes(torch, bench, count + offset)[offset:]
        bench.same(want.to(bench.device), want, f"{count} bytes sent to the GPU")
        there = bench.poisoned(count + offset, dtype=torch.uint8)[offset:]
        there.copy_(want)
        bench.same(there, want, f"{count} bytes sent into memory of the GPU")
    want = _bytes(torch, bench, _fitting(torch, bench, size))
    pinned, there = want.pin_memory(), bench.poisoned(want.numel(), dtype=torch.uint8)
    _measure(bench, lambda: there.copy_(pinned, non_blocking=True), want.numel())
    bench.same(_words(torch, there), _words(torch, want), "a large block sent from pinned memory")


def _from_the_gpu(torch: ModuleType, bench: Bench, size: int) -> None:
    for count, offset in ODD:
        want = _bytes(torch, bench, count + offset)[offset:]
        there = want.to(bench.device)
        bench.same(there, want, f"{count} bytes fetched from the GPU")
        here = torch.zeros(count + offset, dtype=torch.uint8)[offset:]
        here.copy_(there)
        bench.same(here, want, f"{count} bytes fetched into memory of the processor")
    want = _bytes(torch, bench, _fitting(torch, bench, size))
    there, pinned = want.to(bench.device), torch.zeros(want.numel(), dtype=torch.uint8).pin_memory()
    _measure(bench, lambda: pinned.copy_(there, non_blocking=True), want.numel())
    bench.finish()
    bench.same(_words(torch, pinned), _words(torch, want), "a large block fetched into pinned memory")


def _within_the_gpu(torch: ModuleType, bench: Bench, size: int) -> None:
    for count, offset in ODD:
        want = _bytes(torch, bench, count + 2 * offset)
        there = want.to(bench.device)
        bench.same(there[offset:].clone(), want[offset:], f"a clone of {count + offset} bytes")
        out = bench.poisoned(count + 2 * offset, dtype=torch.uint8)
        out[2 * offset :].copy_(there[offset:-offset] if offset else there)
        bench.same(out[2 * offset :], want[offset : offset + count], f"a copy of {count} bytes")
    # Large beside the caches of the GPU (128 MiB in the largest), of which nothing is to be measured here.
    size = _fitting(torch, bench, 4 * size)
    want = _bytes(torch, bench, min(size, 64 * MIB))
    there, out = (bench.poisoned(size, dtype=torch.uint8) for _ in range(2))
    there[: want.numel()].copy_(want)
    if size >= LEAST_MEASURED:
        _measure(bench, lambda: out.copy_(there), 2 * size)
    else:
        out.copy_(there)
    bench.same(_words(torch, out[: want.numel()]), _words(torch, want), "a large block copied within the GPU")


def _bytes(torch: ModuleType, bench: Bench, count: int) -> Any:
    """Return fresh random bytes on the CPU."""
    return bench.drawing.bits(count // 8 + 1, 8).view(torch.uint8)[:count]


def _words(torch: ModuleType, given: Any) -> Any:
    """The same memory as numbers of 8 bytes, which are compared faster."""
    return given.view(torch.int64)


def _fitting(torch: ModuleType, bench: Bench, size: int) -> int:
    """Return `size` bytes, or what is left to two blocks of that size where memory is short, in whole MiB."""
    free = torch.cuda.mem_get_info(bench.device)[0] if hasattr(torch.cuda, "mem_get_info") else size * 4
    return max(1, min(size, free // 4) // MIB) * MIB


def _measure(bench: Bench, copy: Callable[[], object], moved: int) -> None:
    bench.figures["gb_per_s"] = moved / bench.seconds(copy) / 1e9


CASES = tuple(
    Case(name, f"bytes copied {way} are the same", "CUDA runtime", partial(run, copies=copies), on=(GPU,), since=CHECK)
    for name, way, copies in (
        ("copy-h2d", "to the GPU", _to_the_gpu),
        ("copy-d2h", "from the GPU", _from_the_gpu),
        ("copy-d2d", "within the GPU", _within_the_gpu),
    )
)
