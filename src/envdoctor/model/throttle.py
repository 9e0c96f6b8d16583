"""What holds the clocks of a GPU down: the bits of NVML and the words for them (nvml.h, nvmlClocksEventReasons)."""

from __future__ import annotations

THROTTLE = {
    0x2: "application-clocks",
    0x4: "sw-power-cap",
    0x8: "hw-slowdown",
    0x10: "sync-boost",
    0x20: "sw-thermal",
    0x40: "hw-thermal",
    0x80: "hw-power-brake",
    0x100: "display-clocks",
}
"""Bits of the reasons; 0x1 is an idle GPU, which is none."""


def throttle_names(bits: int) -> list[str]:
    """Return the words of the bits that are set, without those that nobody named."""
    return [name for bit, name in THROTTLE.items() if bits & bit]
