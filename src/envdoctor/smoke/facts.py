"""What the battery found, as facts of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Fact, Known, Unknown
from envdoctor.model.smoke import row_of
from envdoctor.smoke.manners import CPU, index_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine
    from envdoctor.smoke.battery import Ran
    from envdoctor.smoke.manners import LeftOut

FACTS = {
    "smoke.tests": "how each test of the battery ended on each device (rows as in envdoctor.smoke/1)",
    "smoke.torch": "what the imported torch says of itself: version, cuda, hip, file, import_seconds",
    "smoke.size": "how much was run: check, quick, full",
    "smoke.devices": "the devices it ran on: device, gpu (in the driver's order), name, capability, uuid, memory_mib",
    "smoke.left_out": "GPUs on which nothing was run: device, reason",
    "smoke.conditions": "clocks, temperature, power and throttling of the GPUs while it ran",
    "smoke.baseline": "what the same tests reached before (--baseline): test, device_name, figures",
}
"""All of them stand in the snapshot of a machine whose battery was run, none in any other."""

SOURCE = "smoke"


def facts_of(
    ran: Ran,
    size: str,
    left_out: Sequence[LeftOut] = (),
    conditions: Sequence[Mapping[str, Value]] = (),
    baseline: Sequence[Mapping[str, Value]] = (),
    machine: Machine | None = None,
) -> dict[str, Fact]:
    """Return the facts; `machine`, as it was looked at, knows which GPU of the driver a device is."""
    known: dict[str, Value] = {
        "smoke.tests": [row_of(test) for test in ran.tests],
        "smoke.size": size,
        "smoke.devices": [_device(row, machine) for row in ran.devices],
        "smoke.left_out": [{"device": one.device, "reason": one.reason} for one in left_out],
        "smoke.conditions": [dict(row) for row in conditions],
        "smoke.baseline": [dict(row) for row in baseline],
    }
    facts: dict[str, Fact] = {name: Known(value, SOURCE) for name, value in known.items()}
    facts["smoke.torch"] = Known(dict(ran.torch), SOURCE) if ran.started else Unknown(ran.trouble)
    return {name: facts[name] for name in FACTS}


def _device(row: Mapping[str, Value], machine: Machine | None) -> dict[str, Value]:
    """Return a device with the name of a processor, which torch does not tell, and the number of a GPU."""
    told = {**row, "gpu": _gpu(row, machine)}
    if machine and row.get("device") == CPU and not row.get("name"):
        told["name"] = machine.told("cpu.model") or machine.told("cpu.architecture")
    return told


def _gpu(row: Mapping[str, Value], machine: Machine | None) -> int | None:
    """Return the index of a device in the driver's order, None where it is not known."""
    device, uuid, pci = row.get("device"), row.get("uuid"), row.get("pci")
    if machine is None or not isinstance(device, str) or device == CPU:
        return None
    return index_of(machine, device, uuid if isinstance(uuid, str) else None, pci if isinstance(pci, str) else None)
