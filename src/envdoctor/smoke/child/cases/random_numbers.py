"""Random numbers: the same from the same seed, others from another, and distributed as they should be.

Bound: a mean of n numbers is compared with its expectation in units of its own deviation, sigma / sqrt n, 8 of which
may lie between. Bernstein's inequality puts the chance of more below 2 e^-30 = 2e-13 for each of the means below, all
of whose numbers are bounded or normal, so that one run in 10^11 would blame a generator that is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Tuple

from ..case import Case

if TYPE_CHECKING:
    from types import ModuleType

    from ..bench import Bench

DEVIATIONS = 8.0
HEADS = 0.25


def run(torch: ModuleType, bench: Bench) -> None:
    """Draw from each distribution twice with one seed and once with another, then look at the numbers."""
    count = 2**22 if bench.full else 2**20  # so many that the square of a normal number off by 1 % shows
    bench.poison_memory(count)
    _repeats(torch, bench)
    _state(torch, bench)
    torch.manual_seed(bench.seed)
    _moments(torch, bench, count)
    order = torch.randperm(20011, device=bench.device).tolist()
    bench.true(sorted(order) == list(range(len(order))), "torch.randperm is no permutation")
    bench.true(order != sorted(order), "torch.randperm left everything in its place")
    dice = torch.randint(-3, 4, (count,), device=bench.device)
    bench.same(_sides(torch, dice), torch.tensor([-3, 3]), "the smallest and the largest of torch.randint")


def _repeats(torch: ModuleType, bench: Bench) -> None:
    """Check that each way to draw follows the seed, of the device's own generator and of one that is handed over."""
    device, seed = bench.device, bench.seed
    given = torch.full((4097,), HEADS, device=device)
    draws: Tuple[Tuple[str, Callable[[Any], Any]], ...] = (
        ("rand", lambda source: torch.rand(4097, device=device, generator=source)),
        ("randn", lambda source: torch.randn(4097, device=device, generator=source)),
        ("randint", lambda source: torch.randint(0, 2**30, (4097,), device=device, generator=source)),
        ("randperm", lambda source: torch.randperm(4097, device=device, generator=source)),
        ("bernoulli", lambda source: torch.bernoulli(given, generator=source)),
    )
    for name, draw in draws:
        own = []
        for chosen in (seed, seed, seed + 1):
            torch.manual_seed(chosen)
            own.append(draw(None))
        handed = [draw(torch.Generator(device=device).manual_seed(chosen)) for chosen in (seed, seed, seed + 1)]
        for first, again, other in (own, handed):
            bench.same(again, first, f"torch.{name} drawn again from the same seed")
            bench.true(bool((other != first).any()), f"torch.{name} gives the same numbers from another seed")


def _state(torch: ModuleType, bench: Bench) -> None:
    """Check that a generator goes on where its state was kept."""
    source = torch.Generator(device=bench.device)
    source.manual_seed(bench.seed)
    torch.rand(1000, device=bench.device, generator=source)
    kept = source.get_state()
    first = torch.rand(1000, device=bench.device, generator=source)
    source.set_state(kept)
    again = torch.rand(1000, device=bench.device, generator=source)
    bench.same(again, first, "torch.rand drawn again from a state that was kept")


def _moments(torch: ModuleType, bench: Bench, count: int) -> None:
    even = torch.rand(count, device=bench.device).to("cpu").to(torch.float64)
    bench.true(bool(((even >= 0.0) & (even < 1.0)).all()), "torch.rand gives numbers outside of [0, 1)")
    _mean(bench, even, 0.5, 12**-0.5, "torch.rand")
    _mean(bench, even**2, 1 / 3, (4 / 45) ** 0.5, "the square of torch.rand")
    _mean(bench, (even[1:] - 0.5) * (even[:-1] - 0.5), 0.0, 1 / 12, "neighbours' product in torch.rand")
    bell = torch.randn(count, device=bench.device).to("cpu").to(torch.float64)
    _mean(bench, bell, 0.0, 1.0, "torch.randn")
    _mean(bench, bell**2, 1.0, 2**0.5, "the square of torch.randn")
    _mean(bench, (bell.abs() < 0.6744897501960817).to(torch.float64), 0.5, 0.5, "the middle half of torch.randn")
    _mean(bench, bell[1:] * bell[:-1], 0.0, 1.0, "neighbours' product in torch.randn")
    heads = torch.bernoulli(torch.full((count,), HEADS, device=bench.device)).to("cpu").to(torch.float64)
    bench.true(bool(((heads == 0.0) | (heads == 1.0)).all()), "torch.bernoulli gives other numbers than 0 and 1")
    _mean(bench, heads, HEADS, (HEADS * (1 - HEADS)) ** 0.5, "torch.bernoulli")


def _mean(bench: Bench, numbers: Any, expected: float, deviation: float, what: str) -> None:
    count = numbers.numel()
    off = abs(float(numbers.sum()) / count - expected) / (deviation * count**-0.5)
    bench.true(
        off <= DEVIATIONS,
        f"the mean of {what} lies {off:.1f} standard deviations from the one expected, and may lie {DEVIATIONS:.0f}",
    )


def _sides(torch: ModuleType, numbers: Any) -> Any:
    return torch.tensor([int(numbers.min()), int(numbers.max())])


CASES = (Case("random", "random numbers repeat with their seed and are distributed rightly", "cuRAND", run),)
