"""A CUDA graph: a chain of kernels is captured once and replayed with new inputs.

Exact: whole numbers, whose results float32 holds without rounding. Capturing computes nothing (CUDA C++ Programming
Guide, "Creating a Graph Using Stream Capture"), so what is in the buffers afterwards comes from the replays alone, and
a counter in the graph tells how many there were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..case import GPU, Case

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

LARGEST = 1000
"""The results stay below 9 LARGEST^2 + LARGEST < 2^24, up to which float32 holds every whole number."""


def run(torch: ModuleType, bench: Bench) -> None:
    """Capture, replay with fresh numbers in the same buffers, and compare each time."""
    bench.needs(hasattr(torch.cuda, "CUDAGraph"), "CUDA graphs came with torch 1.10")
    count = 2**20 if bench.full else 2**14
    left, right, out = (torch.zeros(count, device=bench.device) for _ in range(3))
    replays = torch.zeros(1, dtype=torch.int64, device=bench.device)

    def step() -> None:
        out.copy_(_chain(left, right))
        replays.add_(1)

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        step()  # whatever is loaded or set up at a first call may not be captured
        replays.zero_()
    torch.cuda.current_stream().wait_stream(aside)

    graph = torch.cuda.CUDAGraph()
    # Without a stream torch takes one that it made for the first graph of the process, whatever GPU that was for.
    with torch.cuda.graph(graph, stream=aside):
        step()

    rounds = 8 if bench.full else 3
    for _ in range(rounds):
        given = [bench.integers(count, low=-LARGEST, high=LARGEST).to("cpu") for _ in range(2)]
        for buffer, numbers in zip((left, right), given):
            buffer.copy_(numbers)
        out.fill_(float("nan"))
        graph.replay()
        bench.same(out, _chain(*given).to(torch.float32), "what a graph replayed with new inputs")
    graph.replay()
    graph.replay()
    bench.same(replays, torch.tensor([rounds + 2]), "the count of replays")
    bench.figures["launch_us"] = bench.seconds(graph.replay) * 1e6


def _chain(left: Any, right: Any) -> Any:
    """(2 a + b)^2 - b, in steps whose memory the next ones can have."""
    doubled = left * 2
    added = doubled + right
    del doubled
    squared = added * added
    del added
    return squared - right


CASES = (
    Case("cuda-graph", "a captured graph computes with what is in its buffers", "CUDA graphs", run, on=(GPU,)),
)  # fmt: skip
