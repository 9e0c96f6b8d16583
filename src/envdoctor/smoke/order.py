"""Which tests run on which devices, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.smoke.child.case import CPU, GPU, GPUS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from envdoctor.smoke.child.case import Case

Items = tuple[tuple["Case", str], ...]


def plan_items(cases: Iterable[Case], devices: Sequence[str], size: str, names: Collection[str] = ()) -> Items:
    """Return the tests of that size, each with its device.

    `devices` are "cpu" and "cuda:N"; `names`, where there are any, are the tests that were asked for. A device is done
    with before the next begins. What runs on the processor alone runs once, also where only GPUs are given, and what
    runs on all GPUs together, "cuda", comes last and where there are two.
    """
    chosen = [case for case in cases if case.belongs_to(size) and (not names or case.name in names)]
    gpus = [device for device in devices if device != "cpu"]
    items = [(case, "cpu") for case in chosen if CPU in case.on and ("cpu" in devices or case.on == (CPU,))]
    for gpu in gpus:
        items += [(case, gpu) for case in chosen if GPU in case.on]
    if len(gpus) > 1:
        items += [(case, "cuda") for case in chosen if GPUS in case.on]
    return tuple(items)
