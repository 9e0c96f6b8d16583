"""NVIDIA devices on the PCI bus: the hardware itself, whether or not a driver speaks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "pci.nvidia": "NVIDIA display and 3D controllers on the PCI bus: address, device id, class, bound driver",
    "device.nodes": "device files through which a GPU is reached: nvidia0, nvidiactl, dxg, nvgpu, ...",
}

BUS = "/sys/bus/pci/devices"
NVIDIA = "0x10de"  # PCI-SIG vendor id
DISPLAY = ("0x0300", "0x0302")  # VGA compatible controller, 3D controller (PCI class codes)


def look(at: Looking) -> Facts:
    """Read the bus from sysfs and the device files from /dev."""
    host = at.host
    if host.os != "linux":
        return dict.fromkeys(FACTS, Unknown(f"not read on {host.os}"))
    return {"pci.nvidia": _bus(host), "device.nodes": _nodes(host)}


def _bus(host: Host) -> Fact:
    try:
        addresses = host.listdir(BUS)
    except OSError:
        if host.is_dir("/sys/bus") and not host.exists("/sys/bus/pci"):
            return Known([], "/sys/bus: this machine has no PCI bus")
        return Unknown(f"there is no {BUS} to read")
    found: list[Value] = []
    for address in addresses:
        folder = os.path.join(BUS, address)
        try:
            vendor = host.read(os.path.join(folder, "vendor"), 64).strip()
            if vendor != NVIDIA:
                continue
            kind = host.read(os.path.join(folder, "class"), 64).strip()
            device = host.read(os.path.join(folder, "device"), 64).strip()
        except OSError:
            continue
        if kind.startswith(DISPLAY):
            found.append({"address": address, "device": device, "class": kind, "driver": _bound(host, folder)})
    return Known(found, BUS)


def _bound(host: Host, folder: str) -> str | None:
    """Return the kernel driver a device is bound to: nvidia, nouveau, vfio-pci, ...; None for none."""
    try:
        return os.path.basename(host.readlink(os.path.join(folder, "driver")))
    except OSError:
        return None


def _nodes(host: Host) -> Fact:
    try:
        names = host.listdir("/dev")
    except OSError:
        return Unknown("/dev may not be read")
    nodes: list[Value] = [name for name in names if name.startswith(("nvidia", "nvgpu")) or name == "dxg"]
    return Known(nodes, "/dev") if nodes else Absent("/dev holds no device file of an NVIDIA driver")
