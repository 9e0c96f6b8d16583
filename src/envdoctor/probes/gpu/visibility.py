"""Which GPUs `CUDA_VISIBLE_DEVICES` leaves visible.

Source: CUDA C++ Programming Guide, "CUDA Environment Variables".

The list ends at the first entry that names no device. Entries are indexes in CUDA's order, `GPU-` UUIDs
or unambiguous prefixes of them, or MIG instances (`MIG-<uuid>`, before driver 470 `MIG-GPU-<uuid>/gi/ci`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BY_BUS = "PCI_BUS_ID"


def visible(
    asked: str | None,
    order: str | None,
    *,
    uuids: Sequence[str | None],
    instances: Sequence[Sequence[str]] = (),
    alike: bool = True,
) -> list[int] | str:
    """Return the visible indexes in the driver's order, or the reason why they cannot be told.

    `asked` and `order` are the values of CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER, None when not set;
    `uuids` the GPUs in PCI order; `instances` the MIG UUIDs of each; `alike` whether all GPUs are the
    same model. CUDA's own order is fastest first, which equals the bus order only among equal models.
    """
    if asked is None:
        return list(range(len(uuids)))
    found: list[int] = []
    by_index = False
    for entry in (part.strip() for part in asked.split(",")):
        if found and _is_index(entry) != by_index:
            break  # the first entry sets the kind of all
        by_index = _is_index(entry)
        if by_index:
            if int(entry) >= len(uuids):
                break
            if not alike and order != BY_BUS:
                return (
                    f"CUDA_VISIBLE_DEVICES={asked[:80]} counts GPUs of different models in CUDA's own order "
                    "(fastest first); CUDA_DEVICE_ORDER=PCI_BUS_ID would make it the driver's"
                )
            index: int | None = int(entry)
        else:
            index = _by_uuid(entry, uuids, instances)
        if index is None:
            break
        if index in found and not entry.startswith("MIG-"):
            return []  # a device named twice leaves none visible
        found.append(index)
    return sorted(set(found))


def _is_index(entry: str) -> bool:
    return entry.isascii() and entry.isdigit() and len(entry) < 6


def _by_uuid(entry: str, uuids: Sequence[str | None], instances: Sequence[Sequence[str]]) -> int | None:
    """Return the one GPU whose UUID, or whose MIG instance, an entry names."""
    if entry.startswith("MIG-GPU-"):
        entry = entry.removeprefix("MIG-").partition("/")[0]
    if entry.startswith("GPU-") and len(entry) > len("GPU-"):
        hits = [index for index, uuid in enumerate(uuids) if uuid and uuid.lower().startswith(entry.lower())]
        return hits[0] if len(hits) == 1 else None
    if entry.startswith("MIG-"):
        owners = [
            index
            for index, names in enumerate(instances)
            if any(name.lower().startswith(entry.lower()) for name in names)
        ]
        return owners[0] if len(owners) == 1 else None
    return None
