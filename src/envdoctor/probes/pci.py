"""NVIDIA devices on the PCI bus: the hardware itself, whether or not a driver speaks for it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.container import text

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "pci.nvidia": "NVIDIA display and 3D controllers on the PCI bus: address, device id, class, bound driver",
    "device.nodes": "device files by which a GPU is reached, those that may be opened: nvidia0, nvidiactl, dxg, ...",
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
        if _is_sandbox(host):
            return Absent("no sysfs is mounted, as in a sandbox: no hardware is shown")
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


def _is_sandbox(host: Host) -> bool:
    """Whether the mounts can be read and what is seen at /sys is no sysfs; a system of its own always has one."""
    mounts = [line.split(" ") for line in text(host, "/proc/mounts").splitlines()]
    kinds = [fields[2] for fields in mounts if fields[1:2] == ["/sys"] and len(fields) > 2]
    return bool(mounts) and kinds[-1:] != ["sysfs"]


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
    nodes: list[Value] = [
        name for name in names if name == "dxg" or (name.startswith(("nvidia", "nvgpu")) and not _withheld(host, name))
    ]
    return Known(nodes, "/dev") if nodes else Absent("/dev holds no device file of an NVIDIA driver to open")


def _withheld(host: Host, name: str) -> bool:
    """Whether a GPU's own file may not be opened, as for one that a batch system gave to another job."""
    return re.fullmatch(r"nvidia\d{1,4}", name) is not None and not host.may_open(f"/dev/{name}")
