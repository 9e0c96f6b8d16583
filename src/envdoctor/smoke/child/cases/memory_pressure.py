"""Memory can be had in large pieces, keeps what is written to it, and is given back.

Exact: every number in it is its own index over all pieces, so that two places which are one and the same show too.
On a GPU nine tenths of what is free are taken at full size, and a modest part otherwise or where somebody else has
taken of it; on the CPU, and on a GPU that shares its memory, never more than a tenth of what is available, for whoever
takes more may be ended for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from ..case import Case
from ..memory_left import memory_left

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

MIB = 2**20
PIECE = 512 * MIB
OF_OTHERS = 0.25
"""The share of a GPU's memory that context, libraries and a desktop may have; more belongs to somebody who computes."""
AT_ONCE = 2**23
"""Numbers compared at once, 64 MiB; fewer where memory is short, for the numbers to compare with take as much."""


def run(torch: ModuleType, bench: Bench) -> None:
    """Take, write, compare and give back, twice: the second time it is memory that was used before."""
    if bench.on_gpu:
        size, before = _on_gpu(torch, bench), torch.cuda.memory_reserved(bench.device)
    else:
        size, before = _on_cpu(bench), 0
    bench.needs(size, "so little memory is left that nothing is taken of it")
    bench.figures["filled_mib"] = size // MIB
    for _ in range(2):
        _fill_and_compare(torch, bench, size)
    if bench.on_gpu:
        _give_back(torch, bench, size, before)


def _on_gpu(torch: ModuleType, bench: Bench) -> int:
    bench.needs(hasattr(torch.cuda, "mem_get_info"), "this torch does not tell what memory is free")
    torch.cuda.empty_cache()
    free, whole = torch.cuda.mem_get_info(bench.device)
    if _is_shared(torch, bench):
        return min(_on_cpu(bench), int(free // 10 // MIB * MIB))
    alone = whole - free - torch.cuda.memory_reserved(bench.device) <= OF_OTHERS * whole
    return int(free * 9 // 10 if bench.full and alone else min(256 * MIB, free // 10)) // MIB * MIB


def _is_shared(torch: ModuleType, bench: Bench) -> bool:
    """Whether the GPU computes in the memory of the processor, as those of Jetson and DGX Spark do."""
    return bool(getattr(torch.cuda.get_device_properties(bench.device), "is_integrated", False))


def _on_cpu(bench: Bench) -> int:
    most = (512 if bench.full else 64) * MIB
    return min(most, memory_left() // 10) // MIB * MIB


def _fill_and_compare(torch: ModuleType, bench: Bench, size: int) -> None:
    pieces: List[Any] = []
    for start in range(0, size, PIECE):
        words = min(PIECE, size - start) // 8
        pieces.append(torch.empty(words, dtype=torch.int64, device=bench.device))
    first = 0
    for piece in pieces:
        torch.arange(first, first + piece.numel(), out=piece)
        first += piece.numel()
    first, step = 0, max(1, min(AT_ONCE, size // 8 // 64))
    for number, piece in enumerate(pieces):
        for start in range(0, piece.numel(), step):
            part = piece[start : start + step]
            want = torch.arange(first + start, first + start + part.numel(), device=bench.device)
            wrong = int((part != want).sum())
            bench.true(
                not wrong,
                f"{wrong} of {part.numel()} numbers written {(first + start) * 8 // MIB} MiB into the memory that was "
                f"taken (piece {number + 1} of {len(pieces)}) are not what was written",
            )
        first += piece.numel()


def _give_back(torch: ModuleType, bench: Bench, size: int, before: int) -> None:
    """Half of it has to come back to be content: torch keeps a little, somebody else may take some in the meantime."""
    during, free = torch.cuda.memory_reserved(bench.device), torch.cuda.mem_get_info(bench.device)[0]
    torch.cuda.empty_cache()
    after = torch.cuda.memory_reserved(bench.device)
    kept = after - before
    bench.true(kept <= size // 2, f"torch keeps {kept // MIB} MiB of the {size // MIB} MiB that it no longer needs")
    if bench.full and not _is_shared(torch, bench):
        more, given = torch.cuda.mem_get_info(bench.device)[0] - free, during - after
        bench.true(more >= given // 2, f"{given // MIB} MiB were given back, and {more // MIB} MiB more are free")


CASES = (Case("memory", "memory keeps what is written to it, and is given back", "CUDA runtime", run, patience=2.0),)
