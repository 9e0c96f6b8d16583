"""What a device of the battery is called where one run is compared with another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.smoke import ALL_GPUS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envdoctor.model.fact import Value


def board_name(devices: Iterable[Mapping[str, Value]], device: str) -> str | None:
    """Return the name of a device among rows of `smoke.devices`: "NVIDIA H200", "8 x NVIDIA H200" for all GPUs.

    None where it was not told, and for GPUs of several models together.
    """
    rows = [row for row in devices if row.get("device") != "cpu"] if device == ALL_GPUS else devices
    names = [row.get("name") for row in rows if device in (ALL_GPUS, row.get("device"))]
    if len(set(map(str, names))) != 1 or not isinstance(names[0], str):
        return None
    return f"{len(names)} x {names[0]}" if device == ALL_GPUS else names[0]
