"""The processor, by the first block of /proc/cpuinfo or the interpreter's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import cpu, interpreter
from recorded_tree import TOLD, value

if TYPE_CHECKING:
    from recorded_tree import Tree

XEON = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
flags\t\t: fpu vme sse sse2 ssse3 sse4_1 sse4_2 popcnt avx f16c fma avx2 avx512f amx_tile amx_bf16
bogomips\t: 4000.00

"""
PI = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""


def test_an_intel_server(tree: Tree) -> None:
    tree.machine["cpus"] = 24
    tree.file("/proc/cpuinfo", XEON + XEON.replace(" avx2", "") * 500)
    seen = tree.look((cpu,))
    assert value(seen, "cpu.model") == "Intel(R) Xeon(R) Platinum 8480+"
    assert value(seen, "cpu.architecture") == "x86_64"
    assert value(seen, "cpu.count") == 24
    has = value(seen, "cpu.flags")
    assert {"sse4_1", "avx2", "avx512f", "amx_tile"} <= set(has)
    assert "vme" not in has
    assert has == sorted(has)


def test_a_raspberry_pi(tree: Tree) -> None:
    tree.machine["machine"] = "aarch64"
    tree.file("/proc/cpuinfo", PI * 4)
    seen = tree.look((cpu,))
    assert [value(seen, f"cpu.{name}") for name in ("model", "architecture", "flags")] == [
        "Cortex-A72", "aarch64", ["asimd"],
    ]  # fmt: skip


def test_an_arm_processor_that_is_not_in_the_list(tree: Tree) -> None:
    tree.file("/proc/cpuinfo", PI.replace("0xd08", "0xfff"))
    assert value(tree.look((cpu,)), "cpu.model") == "implementer 0x41, part 0xfff"


@pytest.mark.parametrize("text", [None, "", "processor : 0\n", "flags" * 10_000])
def test_what_is_not_told_is_unknown(tree: Tree, text: str | None) -> None:
    if text is not None:
        tree.file("/proc/cpuinfo", text)
    seen = tree.look((cpu,))
    assert all(isinstance(seen[f"cpu.{name}"], Unknown) for name in ("model", "flags", "count"))


def test_a_name_is_bounded(tree: Tree) -> None:
    tree.file("/proc/cpuinfo", f"model name\t: {'x' * 5000}\nflags\t: avx\n")
    assert len(value(tree.look((cpu,)), "cpu.model")) == cpu.LONGEST


@pytest.mark.parametrize(
    ("machine", "told", "architecture"),
    [
        ("arm64", {"machine": "arm64"}, "arm64"),
        ("arm64", {"machine": "x86_64"}, "arm64"),
        ("x86_64", {"machine": "x86_64", "translated": True, "arm64": True}, "arm64"),
        ("x86_64", {"machine": "arm64"}, "arm64"),
        ("x86_64", {"machine": "x86_64", "translated": False, "arm64": False}, "x86_64"),
    ],
)
def test_the_hardware_of_a_mac(tree: Tree, machine: str, told: dict[str, object], architecture: str) -> None:
    tree.machine.update(os="macos", machine=machine)
    tree.python({**TOLD, "libc": None, "cpu_brand": "Apple M2", **told})
    seen = tree.look((interpreter, cpu))
    assert value(seen, "cpu.architecture") == architecture
    assert value(seen, "cpu.model") == "Apple M2"
    assert isinstance(seen["cpu.flags"], Absent)


@pytest.mark.parametrize(
    ("machine", "environ", "architecture"),
    [
        ("AMD64", {"PROCESSOR_IDENTIFIER": "Intel64 Family 6 Model 158 Stepping 10, GenuineIntel"}, "x86_64"),
        ("x86", {"PROCESSOR_ARCHITEW6432": "AMD64"}, "x86_64"),
        ("AMD64", {"PROCESSOR_IDENTIFIER": "ARMv8 (64-bit) Family 8 Model 1 Revision 201, Qualcomm"}, "arm64"),
    ],
)
def test_the_hardware_of_a_windows_machine(
    tree: Tree, machine: str, environ: dict[str, str], architecture: str
) -> None:
    tree.machine.update(os="windows", machine=machine)
    tree.set(**environ)
    assert value(tree.look((cpu,)), "cpu.architecture") == architecture


def test_this_machine_counts_its_processors() -> None:
    count = Host().cpus
    assert count is not None
    assert count >= 1


@pytest.mark.parametrize(("machine", "kind"), [("x86_64", Absent), ("i686", Absent), ("aarch64", Known)])
def test_flags_of_another_architecture_are_those_of_an_emulator_s_host(tree: Tree, machine: str, kind: type) -> None:
    tree.machine["machine"] = machine
    tree.file("/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd atomics\n")
    assert isinstance(tree.look([cpu])["cpu.flags"], kind)
