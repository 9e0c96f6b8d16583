"""Streams and events: what one stream waits for has happened, and memory is not reused under another stream.

Exact: whole numbers. Without the waits the results could be anything, with them they are those of the same operations
one after the other (CUDA C++ Programming Guide, "Streams" and "Events").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..case import GPU, Case

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

CLOCK_MS = 0.001
"""Events are timed with a resolution of about 0.5 microseconds (CUDA Runtime API, cudaEventElapsedTime)."""


def run(torch: ModuleType, bench: Bench) -> None:
    """Hand numbers from stream to stream, by every spelling of a wait."""
    count = 2**22 if bench.full else 2**18
    busy = torch.ones(count, device=bench.device)
    streams = [torch.cuda.Stream(), torch.cuda.Stream(priority=-1)]
    for producer, consumer in (streams, streams[::-1]):
        _handed_on(torch, bench, producer, consumer, busy)
        _kept(torch, bench, producer, consumer, busy)
    _timed(torch, bench, busy)


def _keep_busy(busy: Any) -> None:
    """Work that takes its time, so that what comes after it comes late."""
    for _ in range(20):
        busy.mul_(1.0)


def _handed_on(torch: ModuleType, bench: Bench, producer: Any, consumer: Any, busy: Any) -> None:
    numbers = bench.integers(busy.numel(), low=-(2**40), high=2**40)
    made, got = bench.poisoned(busy.numel(), dtype=torch.int64), bench.poisoned(busy.numel(), dtype=torch.int64)
    here = torch.cuda.current_stream()
    producer.wait_stream(here)  # the numbers are there
    consumer.wait_stream(here)
    with torch.cuda.stream(producer):
        _keep_busy(busy)
        made.copy_(numbers)
        done = torch.cuda.Event()
        done.record()
    consumer.wait_event(done)
    with torch.cuda.stream(consumer):
        got.copy_(made * 2 + 1)
    here.wait_stream(consumer)
    bench.same(got + 1, (numbers.to("cpu") * 2 + 2), "what one stream handed to another through an event")
    bench.true(done.query(), "an event that was waited for says that it has not happened")


def _kept(torch: ModuleType, bench: Bench, producer: Any, consumer: Any, busy: Any) -> None:
    """Give memory back while another stream still reads it, which `record_stream` tells the allocator."""
    numbers = bench.integers(busy.numel(), low=-(2**40), high=2**40)
    got = bench.poisoned(busy.numel(), dtype=torch.int64)
    producer.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(producer):
        made = numbers + 1
    consumer.wait_stream(producer)
    with torch.cuda.stream(consumer):
        _keep_busy(busy)
        got.copy_(made)
        made.record_stream(consumer)
    del made
    with torch.cuda.stream(producer):
        bench.poison_memory(busy.numel(), dtype=torch.int64)
    consumer.synchronize()
    bench.same(got, numbers.to("cpu") + 1, "what a stream read of memory that another had given back")


def _timed(torch: ModuleType, bench: Bench, busy: Any) -> None:
    begun, between, ended = (torch.cuda.Event(enable_timing=True) for _ in range(3))
    begun.record()
    _keep_busy(busy)
    between.record()
    _keep_busy(busy)
    ended.record()
    ended.synchronize()
    half, whole = begun.elapsed_time(between), begun.elapsed_time(ended)
    bench.true(
        -CLOCK_MS <= half <= whole + CLOCK_MS,
        "three events in a row say that %g ms and then %g ms had passed since the first" % (half, whole),
    )


CASES = (Case("streams", "streams wait for one another's events", "CUDA runtime", run, on=(GPU,)),)
