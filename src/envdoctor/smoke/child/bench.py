"""What a test is given: its device, fresh random inputs, poisoned memory, a place to compare and to measure."""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from .case import Unavailable, WrongNumbers
from .drawing import Drawing
from .reference import exact

if TYPE_CHECKING:
    from types import ModuleType

WARMING = 0.03
"""Seconds of work before the first that is timed on a GPU."""


class Bench:
    """One test on one device.

    `device` is "cpu", "cuda:N", or "cuda" for a test of all GPUs, which are `devices`; `full` asks for the large
    size. `seed` makes the random inputs, and is part of the result. `folder` is an empty folder for files. `figures`
    takes what was measured, each name with its unit ("tflops", "gb_per_s").
    """

    def __init__(
        self,
        torch: ModuleType,
        device: str,
        *,
        devices: List[str],
        full: bool = False,
        seed: int = 0,
        folder: Optional[str] = None,
    ) -> None:
        self.torch = torch
        self.device = device
        self.devices = devices
        self.full = full
        self.seed = seed
        self.folder = folder
        self.figures: Dict[str, float] = {}
        self.error: Optional[float] = None
        self.bound: Optional[float] = None
        self.drawing = Drawing(torch, seed)

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device != "cpu"

    @property
    def capability(self) -> Tuple[int, int]:
        """The compute capability, (0, 0) for the processor and for GPUs that are not NVIDIA's."""
        if not self.on_gpu or getattr(self.torch.version, "hip", None):
            return (0, 0)
        major, minor = self.torch.cuda.get_device_capability(self.device)
        return (int(major), int(minor))

    def normal(self, *shape: int, dtype: Any = None) -> Any:
        """Return normally distributed numbers on the device, rounded to `dtype` (float32)."""
        return self._placed(self.drawing.normal(math.prod(shape)), shape, dtype or self.torch.float32)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: Any = None) -> Any:
        """Return numbers from `low` to `high` on the device."""
        fine = dtype is self.torch.float64  # of which steps of a float32 would leave most bits untried
        drawn = self.drawing.uniform(math.prod(shape), low, high, fine=fine)
        return self._placed(drawn, shape, dtype or self.torch.float32)

    def integers(self, *shape: int, low: int, high: int, dtype: Any = None) -> Any:
        """Return whole numbers from `low` to below `high` on the device (int64); the span may be 2^62 at most."""
        return self._placed(self.drawing.integers(math.prod(shape), low, high), shape, dtype or self.torch.int64)

    def _placed(self, drawn: Any, shape: Tuple[int, ...], dtype: Any) -> Any:
        return drawn.reshape(shape).to(dtype).to(self.device)

    def poisoned(self, *shape: int, dtype: Any = None) -> Any:
        """Return a tensor for `out=` full of NaN (of the lowest number, for whole ones): what stays unwritten shows."""
        dtype = dtype or self.torch.float32
        worst = float("nan") if dtype.is_floating_point or dtype.is_complex else self.torch.iinfo(dtype).min
        return self.torch.full(shape, worst, dtype=dtype, device=self.device)

    def poison_memory(self, elements: int, dtype: Any = None) -> None:
        """Fill memory of that size with NaN and give it back to torch, which mostly hands it to what comes next."""
        self.poisoned(elements, dtype=dtype)

    def finish(self) -> None:
        """Wait until the device has done everything, so that an error shows in the test that caused it."""
        if self.on_gpu:
            for device in self.devices if self.device == "cuda" else [self.device]:
                self.torch.cuda.synchronize(device)

    def check(self, got: Any, want: Any, bound: float, *, floor: Any = 0.0, what: str = "the result") -> None:
        """Compare with a reference of the same shape in float64; raises `WrongNumbers`.

        The relative error |got - want| / (|want| + floor) may be at most `bound` in every element. `floor` (a number or
        a float64 tensor) stands for the size of the terms where they cancel: a bound r |want| + g S is met by
        `bound=r, floor=S * g / r`. The worst comparison of a test is the one that is reported.
        """
        got, want = exact(self.torch, got), exact(self.torch, want)
        if tuple(got.shape) != tuple(want.shape):
            raise WrongNumbers(f"{what} has the shape {tuple(got.shape)} instead of {tuple(want.shape)}")
        if got.numel() == 0:
            return
        lost = int((got != got).sum()) - int((want != want).sum())
        if lost > 0:
            raise WrongNumbers(f"{lost} of {got.numel()} elements of {what} are NaN", None, bound)
        off = (got - want).abs()
        off[got == want] = 0.0  # infinities that agree, and zero by zero
        relative = off / (want.abs() + floor)
        relative[off == 0.0] = 0.0
        error = float(relative.max())
        wrong = int((~(relative <= bound)).sum())
        self._judge(
            error,
            bound,
            f"{wrong} of {got.numel()} elements of {what} differ from the reference by more than {bound:.1e}, "
            f"at most by {error:.1e}",
        )

    def within(self, error: float, bound: float, what: str) -> None:
        """Compare an error that the test computed, such as the norm of a residual, with its bound.

        Raises `WrongNumbers`. `what` says what it is, as the subject of a sentence.
        """
        self._judge(error, bound, f"{what} is {error:.1e}, and may be at most {bound:.1e}")

    def _judge(self, error: float, bound: float, message: str) -> None:
        if not error <= bound:
            raise WrongNumbers(message, error if math.isfinite(error) else None, bound)
        if self.error is None or self.bound is None or error * self.bound > self.error * bound:
            self.error, self.bound = error, bound

    def same(self, got: Any, want: Any, what: str = "the result") -> None:
        """Compare exactly; raises `WrongNumbers`. Both are brought to the CPU."""
        got, want = got.detach().to("cpu"), want.detach().to("cpu")
        if tuple(got.shape) != tuple(want.shape):
            raise WrongNumbers(f"{what} has the shape {tuple(got.shape)} instead of {tuple(want.shape)}")
        wrong = int((got != want).sum())
        if wrong:
            raise WrongNumbers(f"{wrong} of {got.numel()} elements of {what} differ from the reference")

    def true(self, holds: bool, message: str) -> None:
        """Raise `WrongNumbers` with `message` unless it holds."""
        if not holds:
            raise WrongNumbers(message)

    def needs(self, holds: object, reason: str) -> None:
        """Raise `Unavailable` with `reason` unless it holds."""
        if not holds:
            raise Unavailable(reason)

    def seconds(self, work: Callable[[], object], *, repeat: int = 7, warm: int = 2) -> float:
        """Return the time of `work` in seconds: on a GPU by its events, the median; on the CPU that of one thread.

        A GPU is warmed for a while, however short the work: its clocks are low where it was idle.
        """
        if not self.on_gpu:
            return self._of_one_thread(work, repeat + warm)
        warmed, until = 0, time.perf_counter() + WARMING
        while warmed < warm or time.perf_counter() < until:
            work()
            self.finish()
            warmed += 1
        return statistics.median(self._by_events(work) for _ in range(repeat))

    def _by_events(self, work: Callable[[], object]) -> float:
        begun, ended = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begun.record()
        work()
        ended.record()
        ended.synchronize()
        return float(begun.elapsed_time(ended)) / 1e3

    def _of_one_thread(self, work: Callable[[], object], repeat: int) -> float:
        """Return the shortest time that a thread computed: several would wait for each other where others compute."""
        threads = self.torch.get_num_threads()
        self.torch.set_num_threads(1)
        try:
            times = []
            for _ in range(repeat):
                begun = time.thread_time()
                work()
                times.append(time.thread_time() - begun)
        finally:
            self.torch.set_num_threads(threads)
        return min(times) or time.get_clock_info("thread_time").resolution
