"""The kinds of machine that only driver and bus tell, and what virtualises it; the last probe.

A virtual machine to which a whole GPU was passed is `bare`: for CUDA nothing differs. One with a slice of a GPU
(NVIDIA vGPU) is `vm-vgpu`: its driver is that of the vGPU software and is changed by whoever runs the host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known
from envdoctor.probes.container import text

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "host.virtualization": "what the machine is a guest of: kvm, vmware, hyperv, xen, amazon, google, ..., other",
}

VGPU_NAME = r"(?:GRID|NVIDIA|Tesla|Quadro) .{1,80}-\d{1,3}[ABCQ]\d?(?:ME)?"
"""A vGPU is called after its board and profile: "GRID A100D-40C", "NVIDIA A10-12Q", "GRID P40-1B4",
"NVIDIA A30-1-6CME" (NVIDIA vGPU software user guide, "Virtual GPU Types"). GRID K520 is a whole board."""

DMI = "/sys/class/dmi/id"

VENDORS = (
    # What sys_vendor begins with (systemd-detect-virt(1) reads the same), and what the product must hold.
    ("QEMU", "", "kvm"),
    ("VMware", "", "vmware"),
    ("Microsoft Corporation", "Virtual Machine", "hyperv"),
    ("Xen", "", "xen"),
    ("Amazon EC2", "", "amazon"),
    ("Google", "Google Compute Engine", "google"),
    ("innotek GmbH", "", "virtualbox"),
    ("Oracle Corporation", "VirtualBox", "virtualbox"),
    ("Parallels", "", "parallels"),
    ("OpenStack Foundation", "", "kvm"),
    ("Nutanix", "AHV", "nutanix"),
    ("Red Hat", "KVM", "kvm"),
    ("Red Hat", "RHEV", "kvm"),
    ("Red Hat", "OpenShift Virtualization", "kvm"),
    ("KubeVirt", "", "kvm"),
    ("Alibaba Cloud", "", "kvm"),
    ("Tencent Cloud", "", "kvm"),
    ("DigitalOcean", "", "kvm"),
    ("Hetzner", "vServer", "kvm"),
)


def look(at: Looking) -> Facts:
    """Finish `host.kind`, and on macOS and Windows what the interpreter told of the system."""
    host = at.host
    if host.os != "linux":
        facts: Facts = {"host.virtualization": Absent(f"not looked for on {host.os}")}
        memory = at.told.get("memory")
        if isinstance(memory, int) and memory > 0:
            facts["host.memory_bytes"] = Known(memory, "interpreter")
        return facts
    facts = {"host.virtualization": _virtualization(at)}
    kind = _kind(at) if at.text("host.kind") == "bare" else None
    if kind is not None:
        facts["host.kind"] = kind
    return facts


def _kind(at: Looking) -> Known | None:
    """Tell a vGPU guest and an Arm server from an ordinary machine."""
    for name, fact in at.facts.items():
        if re.fullmatch(r"gpu\.\d+\.virtualization", name) and isinstance(fact, Known) and fact.value == "vgpu":
            return Known("vm-vgpu", f"{name} ({fact.source})")
    for name, fact in at.facts.items():
        told = re.fullmatch(r"(gpu\.\d+)\.name", name)
        # The driver's own word, where it gave one, counts before a name.
        if told is None or isinstance(at.facts.get(f"{told[1]}.virtualization"), Known):
            continue
        if isinstance(fact, Known) and isinstance(fact.value, str) and re.fullmatch(VGPU_NAME, fact.value):
            return Known("vm-vgpu", name)
    if at.text("host.platform") == "linux-aarch64":
        bus = at.facts.get("pci.nvidia")
        if isinstance(bus, Known) and bus.value:
            return Known("sbsa", "pci.nvidia")
        if isinstance(at.facts.get("driver.version"), Known):
            return Known("sbsa", "driver.version")
    return None


def _virtualization(at: Looking) -> Fact:
    if isinstance(at.facts.get("host.wsl"), Known):
        return Known("hyperv", "WSL")
    host = at.host
    vendor = text(host, f"{DMI}/sys_vendor", 256).strip()
    product = text(host, f"{DMI}/product_name", 256).strip() if vendor else ""
    for begins, holds, name in VENDORS:
        if vendor.startswith(begins) and holds in product:
            if name == "amazon" and product.endswith(".metal"):
                return Absent(f"{product} is a whole machine")
            return Known(name, f"{DMI}/sys_vendor")
    if text(host, "/sys/hypervisor/type", 64).strip() == "xen":
        return Known("xen", "/sys/hypervisor/type")
    if not vendor and _hypervisor(host):
        return Known("other", "/proc/cpuinfo")
    return Absent("no mark of a hypervisor")


def _hypervisor(host: Host) -> bool:
    """Whether x86 says that it is a guest (CPUID leaf 1, ECX bit 31), as microVMs without DMI do."""
    return re.search(r"^flags\s*:.* hypervisor( |$)", text(host, "/proc/cpuinfo", 8192), re.MULTILINE) is not None
