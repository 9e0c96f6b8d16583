"""What a test is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Tuple

if TYPE_CHECKING:
    from types import ModuleType

    from .bench import Bench

GPU, GPUS, CPU = "gpu", "gpus", "cpu"
"""What a test runs on: each GPU by itself, all of them together (two at least), the processor."""

CHECK, QUICK, FULL = "check", "quick", "full"
"""From which size on a test belongs to the battery: what `check` runs by itself, `smoke`, `smoke --full`."""

SIZES = (CHECK, QUICK, FULL)


ON_CPU_TOO = ("torch", "torch.amp", "TorchInductor", "FlashAttention", "torchvision", "gloo")
"""Libraries that work on the processor as well; in the place of the others stands what torch was built with."""


class Case(NamedTuple):
    """One test of the battery.

    `run(torch, bench)` computes with the torch it is given, hands what came out to `bench.check` beside a reference,
    and returns nothing. `proves` says in a line what is right where it passes, `library` which library did the work.
    `patience` multiplies the time a test has.
    """

    name: str
    proves: str
    library: str
    run: Callable[[ModuleType, Bench], None]
    on: Tuple[str, ...] = (GPU, CPU)
    since: str = QUICK
    patience: float = 1.0

    def library_on(self, device: str) -> str:
        """Return which library does the work on that device."""
        return self.library if device != "cpu" or self.library in ON_CPU_TOO else "torch"

    def belongs_to(self, size: str) -> bool:
        """Whether it is part of the battery of that size."""
        return SIZES.index(self.since) <= SIZES.index(size)


class Unavailable(Exception):
    """The test does not apply here (no such hardware, no such part of torch): it is skipped, with this reason."""


class WrongNumbers(Exception):
    """The device computed something else than the reference did.

    `error` is the largest relative error, None where it is no number, `bound` what it may be.
    """

    def __init__(self, message: str, error: float | None = None, bound: float | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.bound = bound
