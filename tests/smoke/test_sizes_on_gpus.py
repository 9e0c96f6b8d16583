"""How much of a GPU a test takes, and how long it warms it: with a torch that is described."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from envdoctor.smoke.child import bench as bench_module
from envdoctor.smoke.child.bench import Bench
from envdoctor.smoke.child.cases import copying, memory_pressure
from envdoctor.smoke.child.drawing import AT_ONCE, Drawing

if TYPE_CHECKING:
    from types import ModuleType

MIB = 2**20


class Timer:
    """An event of a GPU on which everything takes 5 ms."""

    def __init__(self, **_: bool) -> None: ...

    def record(self) -> None: ...

    def synchronize(self) -> None: ...

    def elapsed_time(self, _: Timer) -> float:
        return 5.0


def gpu(whole: int, free: int, reserved: int = 0, *, integrated: bool | None = False) -> ModuleType:
    """A torch whose only GPU has so many MiB; None where it does not tell whose memory that is."""
    told = {} if integrated is None else {"is_integrated": integrated}
    cuda = SimpleNamespace(
        Event=Timer,
        synchronize=lambda _: None,
        empty_cache=lambda: None,
        mem_get_info=lambda _: (free * MIB, whole * MIB),
        memory_reserved=lambda _: reserved * MIB,
        get_device_properties=lambda _: SimpleNamespace(**told),
    )
    generator = SimpleNamespace(manual_seed=lambda _: None)
    return cast("ModuleType", SimpleNamespace(cuda=cuda, Generator=lambda: generator))


def bench_of(torch: ModuleType, *, full: bool = True) -> Bench:
    return Bench(torch, "cuda:0", devices=["cuda:0"], full=full)


@pytest.mark.parametrize(
    ("torch", "full", "mib"),
    [
        (gpu(143771, 143000), True, 128700),
        (gpu(143771, 143000), False, 256),
        (gpu(143771, 143000, integrated=None), True, 128700),
        (gpu(143771, 100000), True, 256),  # somebody has the rest
        (gpu(143771, 100000, reserved=43000), True, 90000),  # and here that is this process
        (gpu(143771, 1000), True, 100),
    ],
)
def test_nearly_all_memory_is_taken_where_nobody_else_has_any(torch: ModuleType, full: bool, mib: int) -> None:
    assert memory_pressure._on_gpu(torch, bench_of(torch, full=full)) == mib * MIB


@pytest.mark.parametrize("full", [True, False])
def test_of_memory_that_the_processor_needs_a_little_is_taken(full: bool) -> None:
    torch = gpu(122000, 110000, integrated=True)
    assert 0 < memory_pressure._on_gpu(torch, bench_of(torch, full=full)) <= 512 * MIB
    torch = gpu(122000, 1000, integrated=True)
    assert memory_pressure._on_gpu(torch, bench_of(torch, full=full)) <= 100 * MIB


def test_a_gpu_is_warmed_for_a_while_before_it_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Any = iter(range(100))
    monkeypatch.setattr(bench_module.time, "perf_counter", lambda: 0.01 * next(clock))
    done: list[int] = []
    assert bench_of(gpu(1000, 1000)).seconds(lambda: done.append(1), repeat=3, warm=0) == 0.005
    assert len(done) - 3 == round(bench_module.WARMING / 0.01) - 1


def test_as_many_bits_are_drawn_as_the_largest_copy_takes() -> None:
    torch: Any = SimpleNamespace(int16=2, int32=4, int64=8, frombuffer=lambda drawn, dtype: (drawn, dtype))
    drawn, size = Drawing(torch, 1).bits(256 * MIB // 8 + 1, 8)  # Python draws fewer than 2^31 at once
    assert (len(drawn), size) == (256 * MIB + 8, 8)
    assert len({bytes(drawn[place : place + 64]) for place in range(0, len(drawn), AT_ONCE)}) == 17


def test_no_speed_is_told_of_a_copy_that_is_small() -> None:
    # A quarter of what is free is the block; nothing is measured below the least of it.
    for free, fits in ((4 * copying.LEAST_MEASURED // MIB - 4, False), (4 * copying.LEAST_MEASURED // MIB, True)):
        torch = gpu(1000, free)
        assert (copying._fitting(torch, bench_of(torch), 4 * 64 * MIB) >= copying.LEAST_MEASURED) is fits
