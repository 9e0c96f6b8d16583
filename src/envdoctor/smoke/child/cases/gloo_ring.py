"""gloo: two partners on the CPU sum, gather and send.

Exact: whole numbers so small that float32 holds their sums without rounding. The partners are two threads of this
process, which meet in its memory and talk over 127.0.0.1, so that neither the machine's name nor its network cards
matter.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any, Dict, List

from ..case import CPU, Case
from ..loopback import ADDRESS, NONE, reaches_itself

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

LARGEST = 1000
PARTNERS = 2
PATIENCE = 8.0  # seconds that gloo waits for a partner


def run(torch: ModuleType, bench: Bench) -> None:
    """Let the partners work, and compare what each of them got."""
    together = torch.distributed
    bench.needs(together.is_available() and hasattr(together, "ProcessGroupGloo"), "this torch was built without gloo")
    bench.needs(reaches_itself(), NONE)
    count = 2**20 if bench.full else 2**12
    given = [bench.integers(count, low=-LARGEST, high=LARGEST, dtype=torch.float32) for _ in range(PARTNERS)]
    got = _together(torch, given)
    for rank in range(PARTNERS):
        bench.same(got[rank]["sum"], given[0] + given[1], f"the sum at partner {rank}")
        bench.same(got[rank]["sent"], given[1], f"what partner 1 sent to all, at partner {rank}")
        for source in range(PARTNERS):
            bench.same(got[rank]["all"][source], given[source], f"what partner {rank} gathered from {source}")


def _together(torch: ModuleType, given: List[Any]) -> List[Dict[str, Any]]:
    """Return what each partner got; raises what one of them raised."""
    store = torch.distributed.HashStore()
    got: List[Dict[str, Any]] = [{} for _ in given]
    troubles: List[BaseException] = []

    def work(rank: int) -> None:
        try:
            _partner(torch, store, rank, given[rank], got[rank])
        # It is raised again in the thread that waits.
        except BaseException as trouble:
            troubles.append(trouble)

    threads = [Thread(target=work, args=(rank,), daemon=True) for rank in range(len(given))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]
    return got


def _partner(torch: ModuleType, store: Any, rank: int, numbers: Any, got: Dict[str, Any]) -> None:
    together = torch.distributed
    settings = together.ProcessGroupGloo._Options()
    settings._devices = [together.ProcessGroupGloo.create_device(hostname=ADDRESS)]
    settings._timeout = timedelta(seconds=PATIENCE)
    group = together.ProcessGroupGloo(store, rank, PARTNERS, settings)
    got["sum"] = numbers.clone()
    group.allreduce([got["sum"]]).wait()
    got["all"] = [torch.full_like(numbers, float("nan")) for _ in range(PARTNERS)]
    group.allgather([got["all"]], [numbers]).wait()
    got["sent"] = numbers.clone()
    from_second = together.BroadcastOptions()
    from_second.rootRank = 1
    group.broadcast([got["sent"]], from_second).wait()
    group.barrier().wait()


CASES = (Case("gloo", "two partners sum, gather and send", "gloo", run, on=(CPU,)),)
