"""The kind of machine, its system, WSL, Jetson Linux and what virtualises it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes import container, host_kind, host_system, interpreter
from envdoctor.probes.looking import Looking
from envdoctor.probes.target import Target
from recorded_tree import TOLD, value

if TYPE_CHECKING:
    from recorded_tree import Tree

PROBES = (container, host_system, interpreter, host_kind)

WSL_KERNEL = "5.15.167.4-microsoft-standard-WSL2\n"
TEGRA = "# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic, EABI: aarch64, DATE: Fri Sep 13 2024\n"
OLD_TEGRA = "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t186ref, EABI: aarch64\n"


def with_driver(tree: Tree, **facts: Fact) -> dict[str, Fact]:
    """What host_kind says after the given facts of bus and driver."""
    at = Looking(tree.host(), Target("/venv/bin/python", "named by --python"), deadline=0)
    at.facts.update(host_system.look(at))
    at.facts.update(facts)
    at.facts.update(host_kind.look(at))
    return at.facts


def test_an_ordinary_machine_is_bare(tree: Tree) -> None:
    tree.file("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
    tree.file("/etc/os-release", 'PRETTY_NAME="Ubuntu 22.04.4 LTS"\nVERSION_ID="22.04"\nID=ubuntu\nID_LIKE=debian\n')
    tree.file("/proc/meminfo", "MemTotal:       65809124 kB\nMemFree:  1 kB\n")
    seen = tree.look(PROBES)
    assert value(seen, "host.kind") == "bare"
    assert value(seen, "host.version") == "ubuntu 22.04"
    assert value(seen, "host.memory_bytes") == 65809124 * 1024
    assert all(isinstance(seen[name], Absent) for name in ("host.wsl", "host.l4t", "host.virtualization"))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("ID=arch\n", "arch"),
        ("ID='fedora'\nVERSION_ID=40\n", "fedora 40"),
        ('VERSION_ID="9.4"\nID="rhel"\n', "rhel 9.4"),
    ],
)
def test_distributions_name_themselves(tree: Tree, text: str, version: str) -> None:
    tree.file("/usr/lib/os-release", text)
    (tree.folder("/etc") / "os-release").symlink_to("/usr/lib/os-release")
    assert value(tree.look(PROBES), "host.version") == version


def test_a_system_without_a_name(tree: Tree) -> None:
    tree.file("/etc/os-release", "x" * 100_000 + "\n\x1b]0;ID=\n")
    assert isinstance(tree.look(PROBES)["host.version"], Absent)


@pytest.mark.parametrize("kernel", [WSL_KERNEL, "4.4.0-19041-Microsoft\n"])
def test_wsl_by_its_kernel(tree: Tree, kernel: str) -> None:
    tree.file("/proc/sys/kernel/osrelease", kernel)
    seen = tree.look(PROBES)
    assert [value(seen, f"host.{name}") for name in ("kind", "wsl", "virtualization")] == ["wsl2", True, "hyperv"]


def test_wsl_with_a_kernel_of_ones_own(tree: Tree) -> None:
    tree.file("/proc/sys/kernel/osrelease", "6.6.36-mine\n")
    tree.folder("/run/WSL")
    assert value(tree.look(PROBES), "host.kind") == "wsl2"


def test_a_container_inside_wsl_is_a_container_there(tree: Tree) -> None:
    tree.file("/proc/sys/kernel/osrelease", WSL_KERNEL)
    tree.file("/.dockerenv")
    seen = tree.look(PROBES)
    assert (value(seen, "host.kind"), value(seen, "host.wsl")) == ("container", True)


@pytest.mark.parametrize(("text", "release"), [(TEGRA, "36.4.0"), (OLD_TEGRA, "32.7.1")])
def test_a_jetson(tree: Tree, text: str, release: str) -> None:
    tree.machine["machine"] = "aarch64"
    tree.file("/etc/nv_tegra_release", text)
    seen = tree.look(PROBES)
    assert [value(seen, f"host.{name}") for name in ("kind", "l4t", "platform")] == [
        "jetson", release, "linux-aarch64-jetson",
    ]  # fmt: skip


def test_a_container_on_a_jetson_keeps_its_platform(tree: Tree) -> None:
    tree.machine["machine"] = "aarch64"
    tree.file("/proc/device-tree/compatible", "nvidia,p3737-0000+p3701-0000\0nvidia,tegra234\0")
    tree.file("/.dockerenv")
    seen = tree.look(PROBES)
    assert (value(seen, "host.kind"), value(seen, "host.platform")) == ("container", "linux-aarch64-jetson")
    assert isinstance(seen["host.l4t"], Absent)


def test_a_release_file_of_another_form(tree: Tree) -> None:
    tree.machine["machine"] = "aarch64"
    tree.file("/etc/nv_tegra_release", "something else\n")
    seen = tree.look(PROBES)
    assert value(seen, "host.kind") == "jetson"
    assert isinstance(seen["host.l4t"], Unknown)


def test_a_raspberry_pi_is_no_jetson(tree: Tree) -> None:
    tree.machine["machine"] = "aarch64"
    tree.file("/proc/device-tree/compatible", "raspberrypi,4-model-b\0brcm,bcm2711\0")
    seen = tree.look(PROBES)
    assert (value(seen, "host.kind"), value(seen, "host.platform")) == ("bare", "linux-aarch64")


CARD: Fact = Known([{"address": "0009:01:00.0", "device": "0x2342", "class": "0x030200", "driver": "nvidia"}], "sysfs")


@pytest.mark.parametrize("seen", [{"pci.nvidia": CARD}, {"driver.version": Known("580.95.05", "nvml")}])
def test_an_arm_server_with_nvidia_hardware(tree: Tree, seen: dict[str, Fact]) -> None:
    tree.machine["machine"] = "aarch64"
    assert value(with_driver(tree, **seen), "host.kind") == "sbsa"
    tree.machine["machine"] = "x86_64"
    assert value(with_driver(tree, **seen), "host.kind") == "bare"


def test_an_arm_server_without_nvidia_hardware_is_bare(tree: Tree) -> None:
    tree.machine["machine"] = "aarch64"
    assert value(with_driver(tree, **{"pci.nvidia": Known([], "sysfs")}), "host.kind") == "bare"


@pytest.mark.parametrize(
    "name", ["GRID A100D-40C", "NVIDIA A10-12Q", "GRID P40-1B4", "NVIDIA RTX6000-Ada-48Q", "GRID T4-16Q"]
)
def test_a_slice_of_a_gpu_by_its_name(tree: Tree, name: str) -> None:
    assert value(with_driver(tree, **{"gpu.0.name": Known(name, "nvml")}), "host.kind") == "vm-vgpu"


@pytest.mark.parametrize(
    "name",
    ["GRID K520", "NVIDIA A100-SXM4-80GB", "Tesla V100-PCIE-32GB", "NVIDIA A10", "NVIDIA L40S", "NVIDIA H100L-94"],
)
def test_a_whole_gpu_by_its_name(tree: Tree, name: str) -> None:
    assert value(with_driver(tree, **{"gpu.0.name": Known(name, "nvml")}), "host.kind") == "bare"


def test_the_driver_knows_better_than_a_name(tree: Tree) -> None:
    name: dict[str, Fact] = {"gpu.0.name": Known("NVIDIA A10-12Q", "nvml")}
    passed = with_driver(tree, **name, **{"gpu.0.virtualization": Known("passthrough", "nvml")})
    assert value(passed, "host.kind") == "bare"
    sliced = with_driver(tree, **{"gpu.0.name": Known("odd", "nvml"), "gpu.0.virtualization": Known("vgpu", "nvml")})
    assert value(sliced, "host.kind") == "vm-vgpu"


def test_a_container_on_a_vgpu_guest_stays_a_container(tree: Tree) -> None:
    tree.file("/.dockerenv")
    assert value(with_driver(tree, **{"gpu.0.virtualization": Known("vgpu", "nvml")}), "host.kind") == "container"


@pytest.mark.parametrize(
    ("vendor", "product", "guest_of"),
    [
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "kvm"),
        ("VMware, Inc.", "VMware7,1", "vmware"),
        ("Microsoft Corporation", "Virtual Machine", "hyperv"),
        ("Amazon EC2", "g5.xlarge", "amazon"),
        ("Google", "Google Compute Engine", "google"),
        ("Xen", "HVM domU", "xen"),
    ],
)
def test_hypervisors_by_the_firmware(tree: Tree, vendor: str, product: str, guest_of: str) -> None:
    tree.file("/sys/class/dmi/id/sys_vendor", f"{vendor}\n")
    tree.file("/sys/class/dmi/id/product_name", f"{product}\n")
    assert value(tree.look(PROBES), "host.virtualization") == guest_of


@pytest.mark.parametrize(
    ("vendor", "product"),
    [
        ("Dell Inc.", "PowerEdge R750"),
        ("Microsoft Corporation", "Surface Laptop"),
        ("Amazon EC2", "p4d.metal"),
        ("Google", "Pixel"),
    ],
)
def test_machines_by_the_firmware(tree: Tree, vendor: str, product: str) -> None:
    tree.file("/sys/class/dmi/id/sys_vendor", f"{vendor}\n")
    tree.file("/sys/class/dmi/id/product_name", f"{product}\n")
    assert isinstance(tree.look(PROBES)["host.virtualization"], Absent)


def test_a_guest_without_firmware_tables(tree: Tree) -> None:
    tree.file("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2 hypervisor lahf_lm\n")
    assert value(tree.look(PROBES), "host.virtualization") == "other"


def test_xen_without_firmware_tables(tree: Tree) -> None:
    tree.file("/sys/hypervisor/type", "xen\n")
    assert value(tree.look(PROBES), "host.virtualization") == "xen"


@pytest.mark.parametrize(("system", "version"), [("macos", "14.5"), ("windows", "10.0.22631")])
def test_other_systems_are_told_by_the_interpreter(tree: Tree, system: str, version: str) -> None:
    tree.machine["os"] = system
    tree.machine["machine"] = "arm64" if system == "macos" else "x86_64"
    tree.python({**TOLD, "libc": None, "os_version": version, "memory": 17179869184})
    seen = tree.look(PROBES)
    assert value(seen, "host.kind") == system
    assert value(seen, "host.version") == f"{system} {version}"
    assert value(seen, "host.memory_bytes") == 17179869184


def test_what_could_not_be_looked_for_makes_no_bare_machine(tree: Tree) -> None:
    at = Looking(tree.host(), Target("/venv/bin/python", "named by --python"), deadline=0)
    at.facts["container.runtime"] = Unknown("probe container failed")
    assert host_system.look(at)["host.kind"] == Unknown("probe container failed")
