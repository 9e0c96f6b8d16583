"""What NVML told of a GPU while it was measured, in words: a row of the fact `smoke.conditions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envdoctor.model.fact import Value


def measures(row: Mapping[str, Value]) -> Iterator[str]:
    """Yield clocks, temperature and power, as far as they are known."""
    low, high = _number(row, "sm_clock_mhz_min"), _number(row, "sm_clock_mhz_max")
    if low is not None and high is not None:
        yield f"SM clock {low:.0f}-{high:.0f} MHz" if low != high else f"SM clock {low:.0f} MHz"
    warmest = _number(row, "temperature_c_max")
    if warmest is not None:
        yield f"up to {warmest:.0f} C"
    power, limit, usual = (_number(row, f"power_{name}") for name in ("w_max", "limit_w", "limit_default_w"))
    if power is not None:
        of = f" of {limit:.0f} W" if limit is not None else ""
        yield f"up to {power:.0f} W{of}"
    if limit is not None and usual is not None and limit != usual:
        yield f"power limit {limit:.0f} W instead of {usual:.0f} W"


def held_down(row: Mapping[str, Value]) -> str:
    """Name what held the GPU down; empty where nothing did."""
    throttle = row.get("throttle")
    held = [safe(str(name)) for name in throttle] if isinstance(throttle, list) else []
    held += ["shared out by MPS"] if row.get("mps") is True else []
    return f"held down: {', '.join(held)}" if held else ""


def _number(row: Mapping[str, Value], name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
