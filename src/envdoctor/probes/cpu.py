"""The processor: its name, its own architecture, and the instruction sets that builds of torch ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.host.host import LINUX_WORDS
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.container import text

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "cpu.model": "name of the processor",
    "cpu.architecture": "architecture of the hardware: x86_64, aarch64, arm64; arm64 also under Rosetta",
    "cpu.flags": "instruction sets it has, of those that matter to torch, as /proc/cpuinfo spells them",
    "cpu.count": "processors that the process may use",
}

CPUINFO = "/proc/cpuinfo"
FIRST = 8192
"""Bytes read of it: the first processor stands in 2 to 4 KB, and all of a large server take milliseconds."""

INTEL = frozenset({"x86_64", "i386", "i686"})
X86 = "ssse3 sse4_1 sse4_2 popcnt avx f16c fma avx2 avx512f avx512bw avx512_vnni avx512_bf16 amx_tile amx_bf16"
ARM = "asimd atomics asimdhp asimddp sve sve2 i8mm bf16"
WANTED = frozenset(f"{X86} {ARM}".split())

PARTS = {
    # implementer and part of the main ID register (Arm and NVIDIA reference manuals), as Linux prints them
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse N1",
    ("0x41", "0xd40"): "Neoverse V1",
    ("0x41", "0xd42"): "Cortex-A78AE",
    ("0x41", "0xd49"): "Neoverse N2",
    ("0x41", "0xd4f"): "Neoverse V2",
    ("0x4e", "0x004"): "NVIDIA Carmel",
}
LONGEST = 120


def look(at: Looking) -> Facts:
    """Read /proc/cpuinfo; elsewhere take the interpreter's word."""
    host = at.host
    count = host.cpus
    facts: Facts = {
        "cpu.architecture": Known(_architecture(at), "uname" if host.os == "linux" else "interpreter"),
        "cpu.count": Known(count, "affinity") if count else Unknown("the system does not tell"),
    }
    return facts | (_linux(host) if host.os == "linux" else _elsewhere(at))


def _linux(host: Host) -> Facts:
    told = text(host, CPUINFO, FIRST)
    flags = re.search(r"^(flags|Features)\s*:(.*)$", told, re.MULTILINE)
    has: list[Value] = [*sorted(WANTED.intersection(flags[2].split()))] if flags else []
    fact: Fact = Known(has, CPUINFO) if flags else Unknown(f"{CPUINFO} does not tell")
    if flags and (flags[1] == "flags") != (host.machine in INTEL):
        # Under an emulator of user programs (an image for Intel on an Arm host) the file can be the host's.
        fact = Absent(f"{CPUINFO} tells of a processor other than {host.machine}")
    return {"cpu.model": _model(told), "cpu.flags": fact}


def _model(told: str) -> Fact:
    """Return the name; Arm processors have an implementer and a part instead."""
    name = re.search(r"^model name\s*:(.*)$", told, re.MULTILINE)
    if name and name[1].strip():
        return Known(name[1].strip()[:LONGEST], CPUINFO)
    maker = re.search(r"^CPU implementer\s*:\s*(0x[0-9a-f]{1,4})\s*$", told, re.MULTILINE)
    part = re.search(r"^CPU part\s*:\s*(0x[0-9a-f]{1,4})\s*$", told, re.MULTILINE)
    if maker and part:
        known = PARTS.get((maker[1], part[1]))
        return Known(known or f"implementer {maker[1]}, part {part[1]}", CPUINFO)
    return Unknown(f"{CPUINFO} does not tell")


def _elsewhere(at: Looking) -> Facts:
    brand = at.told.get("cpu_brand")
    return {
        "cpu.model": Known(brand[:LONGEST], "interpreter")
        if isinstance(brand, str) and brand
        else Unknown("the interpreter did not tell"),
        "cpu.flags": Absent(f"{at.host.os} does not list them in a file"),
    }


def _architecture(at: Looking) -> str:
    """Tell the hardware's own architecture: uname and the environment speak of the process, which may be translated."""
    host = at.host
    process = at.text("python.machine")
    if host.os == "macos":
        return "arm64" if at.told.get("arm64") is True or "arm64" in (host.machine, process) else host.machine
    if host.os == "windows":
        # Set in translated processes alone, where PROCESSOR_ARCHITECTURE says what they see.
        native = host.environ.get("PROCESSOR_ARCHITEW6432", "")
        arm = "ARM" in host.environ.get("PROCESSOR_IDENTIFIER", "").partition(" ")[0].upper()
        return "arm64" if arm else LINUX_WORDS.get(native, host.machine)
    return host.machine
