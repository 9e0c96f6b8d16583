"""Copies from each GPU to each other one.

Exact: bytes are moved. Where an IOMMU or a switch is set up wrongly, the copy returns without an error and what arrives
is zeros or anything, or it never returns; so each pair is named before it is tried.

`peer-access` is for pairs that read each other's memory directly: a copy with gaps is done there by one kernel, which
reads the memory of one GPU and writes that of the other. `peer-copy` is for all pairs: CUDA's own copy of a block,
which goes through the memory of the processor where there is no direct way.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Iterator, List, Tuple

from ..case import GPUS, Case

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

MIB = 2**20


def reach(torch: ModuleType, bench: Bench) -> None:
    """Copy with gaps between all pairs that have peer access."""
    able = [pair for pair in _pairs(bench) if torch.cuda.can_device_access_peer(*pair)]
    bench.figures["pairs"], bench.figures["peer_pairs"] = len(list(_pairs(bench))), len(able)
    bench.needs(able, "none of these GPUs reads the memory of another one directly: copies go through the processor's")
    for source, target in _told(able):
        want = bench.integers(2**20 if bench.full else 2**17, low=-(2**61), high=2**61).to("cpu")
        there = want.to(source)
        got = torch.full_like(want, -1, device=target)
        got[::2].copy_(there[::2])
        got[1::2].copy_(there[1::2])
        bench.same(got, want, f"whole numbers that a kernel carried from {source} to {target}")


def copy(torch: ModuleType, bench: Bench) -> None:
    """Copy a block between all pairs, and time it."""
    words = (256 if bench.full else 64) * MIB // 8
    speeds: List[float] = []
    want = bench.drawing.bits(words, 8)
    for target in bench.devices:
        wanted, got = want.to(target), torch.empty(words, dtype=torch.int64, device=target)
        for source, _ in _told([pair for pair in _pairs(bench) if pair[1] == target]):
            there = want.to(source)
            got.fill_(-1)
            seconds = _seconds(torch, bench, got, there)
            bench.finish()
            wrong = int((got != wanted).sum())
            bench.true(not wrong, f"{wrong} of {words} whole numbers copied from {source} to {target} arrived changed")
            speeds.append(words * 8 / seconds / 1e9)
    bench.figures["gb_per_s"], bench.figures["gb_per_s_of_best_pair"] = min(speeds), max(speeds)


def _seconds(torch: ModuleType, bench: Bench, got: Any, there: Any) -> float:
    with torch.cuda.device(there.device):  # where torch queues the copy, and the events beside it
        return bench.seconds(lambda: got.copy_(there, non_blocking=True), repeat=3, warm=1)


def _pairs(bench: Bench) -> Iterator[Tuple[str, str]]:
    return ((one, other) for one in bench.devices for other in bench.devices if one != other)


def _told(pairs: List[Tuple[str, str]]) -> Iterator[Tuple[str, str]]:
    """Name each pair where the parent keeps what was said last: it may be the one that never returns."""
    for pair in pairs:
        sys.stderr.write("from %s to %s\n" % pair)
        sys.stderr.flush()
        yield pair


CASES = (
    Case("peer-access", "GPUs read one another's memory", "CUDA runtime", reach, on=(GPUS,)),
    Case("peer-copy", "blocks copied from GPU to GPU are the same", "CUDA runtime", copy, on=(GPUS,), patience=2.0),
)
