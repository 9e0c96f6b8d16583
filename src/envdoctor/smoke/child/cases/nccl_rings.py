"""NCCL: sums and gatherings over all GPUs of one process, and a process group of one GPU.

Exact: whole numbers so small that float32 holds their sums without rounding, in whatever order NCCL adds.

Bus bandwidth: what each GPU's link carries, S/t times 2 (n-1)/n for a sum over n GPUs and times (n-1)/n for a
gathering, where S is the size of the result (nccl-tests, doc/PERFORMANCE.md).
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, List, Sequence

from ..case import GPU, GPUS, Case
from ..loopback import NONE, reaches_itself

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

LARGEST = 1000
ALONE = timedelta(seconds=60)  # of the process group; who runs this ends it earlier
SMALL = 2**16 + 3


def sum_over_all(torch: ModuleType, bench: Bench) -> None:
    """Add up over all GPUs, into other memory and in place."""
    nccl = _library(torch, bench)
    given = _each(bench, SMALL)
    want = _exact_sum(given)
    out = [torch.full_like(one, float("nan")) for one in given]
    nccl.all_reduce(given, out)
    nccl.all_reduce(given)
    bench.finish()
    for device, one, other in zip(bench.devices, out, given):
        bench.same(one, want, f"the sum over all GPUs on {device}")
        bench.same(other, want, f"the sum over all GPUs in place on {device}")
    count, ranks = _large(bench), len(bench.devices)
    large = [torch.zeros(count, device=device) for device in bench.devices]
    _bus(bench, lambda: nccl.all_reduce(large), count, 2 * (ranks - 1) / ranks)


def gather_from_all(torch: ModuleType, bench: Bench) -> None:
    """Bring the numbers of all GPUs to each of them."""
    nccl = _library(torch, bench)
    ranks = len(bench.devices)
    given = _each(bench, SMALL)
    want = [number for one in given for number in one.tolist()]
    out = [torch.full((ranks * SMALL,), float("nan"), device=device) for device in bench.devices]
    nccl.all_gather(given, out)
    bench.finish()
    for device, one in zip(bench.devices, out):
        bench.same(one, torch.tensor(want), f"what was gathered from all GPUs on {device}")
    count = _large(bench) // ranks
    parts = [torch.zeros(count, device=device) for device in bench.devices]
    whole = [torch.zeros(ranks * count, device=device) for device in bench.devices]
    _bus(bench, lambda: nccl.all_gather(parts, whole), ranks * count, (ranks - 1) / ranks)


def alone(torch: ModuleType, bench: Bench) -> None:
    """Make a process group of this GPU alone and call what distributed training calls."""
    together = torch.distributed
    bench.needs(together.is_available() and together.is_nccl_available(), "this torch was built without NCCL")
    _settle(bench)
    meeting = os.path.join(tempfile.mkdtemp(dir=bench.folder), "meeting")
    together.init_process_group("nccl", store=together.FileStore(meeting, 1), rank=0, world_size=1, timeout=ALONE)
    try:
        given = bench.integers(SMALL, low=-LARGEST, high=LARGEST, dtype=torch.float32)
        want = given.to("cpu")
        together.all_reduce(given)
        bench.same(given, want, "the sum over one GPU")
        together.broadcast(given, src=0)
        bench.same(given, want, "what one GPU sent to itself")
        out = [torch.full_like(given, float("nan"))]
        together.all_gather(out, given)
        bench.same(out[0], want, "what was gathered from one GPU")
        together.barrier()
    finally:
        together.destroy_process_group()


def _library(torch: ModuleType, bench: Bench) -> Any:
    nccl = torch.cuda.nccl
    probes = [torch.zeros(1, device=device) for device in bench.devices]
    bench.needs(nccl.is_available(probes), "this torch was built without NCCL")
    _settle(bench)
    return nccl


def _settle(bench: Bench) -> None:
    """Have NCCL stay on this machine and say what is wrong; whoever set it otherwise meant it."""
    bench.needs(reaches_itself(), NONE)
    if sys.platform.startswith("linux"):
        os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    os.environ.setdefault("NCCL_DEBUG", "WARN")


def _each(bench: Bench, count: int) -> List[Any]:
    made = [bench.drawing.integers(count, -LARGEST, LARGEST) for _ in bench.devices]
    return [one.to(bench.torch.float32).to(device) for one, device in zip(made, bench.devices)]


def _exact_sum(given: Sequence[Any]) -> Any:
    total = given[0].to("cpu")
    for one in given[1:]:
        total = total + one.to("cpu")
    return total


def _large(bench: Bench) -> int:
    """Elements of the block that is timed: 64 MiB, 256 MiB at full size."""
    return 2**26 if bench.full else 2**24


def _bus(bench: Bench, work: Callable[[], object], elements: int, factor: float) -> None:
    """Measure on the first GPU: none is done before all have sent."""
    bench.figures["bus_gb_per_s"] = 4 * elements / bench.seconds(work) / 1e9 * factor


CASES = (
    Case("nccl-all-reduce", "sums over all GPUs are right", "NCCL", sum_over_all, on=(GPUS,), patience=2.0),
    Case("nccl-all-gather", "what is gathered from all GPUs is right", "NCCL", gather_from_all, on=(GPUS,),
         patience=2.0),
    Case("nccl-single", "a process group of one GPU works", "NCCL", alone, on=(GPU,), patience=2.0),
)  # fmt: skip
