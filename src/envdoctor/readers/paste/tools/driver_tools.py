"""What Linux tells of NVIDIA's driver and hardware: the kernel's files and log, lspci, /dev, packages of the driver.

    NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023
    01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3090] [10de:2204] (rev a1)
            Kernel driver in use: nouveau
    ii  libnvidia-compute-535:amd64    535.129.03-0ubuntu0.22.04.1    amd64    NVIDIA libcompute package
    NVRM: API mismatch: the client has the version 470.141.03, but
    NVRM: this kernel module has the version 470.129.06.

Where lspci shows no driver in use for a card (it does so with -k alone), it is taken for bound to none: what a driver
says elsewhere in the paste counts before that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.model.paste import Reading, SaidLine, Stated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact, Value
    from envdoctor.model.paste import Line

FORMAT = "driver and hardware"

_VERSION = r"(\d{3}\.\d{1,3}(?:\.\d{1,3})?)"
_MODULE = rf"NVRM version:\s{{0,3}}NVIDIA UNIX.{{0,60}}?Kernel Module.{{0,40}}?\s{_VERSION}(?:\s|$)"
_LOADED = rf"/sys/module/nvidia/version\W{{1,8}}{_VERSION}\s{{0,4}}"
_MISMATCH = rf"(?i)API mismatch: the client(?: \(PID \d{{1,10}}\))? has the version {_VERSION}"
_MISMATCH_MODULE = rf"(?i)kernel module has the version {_VERSION}"
_LIBRARY_PACKAGE = (
    rf"(?:ii\s{{1,4}}|\s{{0,4}})(?:libnvidia-compute-\d{{3}}(?:-server)?(?::amd64|:arm64)?[\s/].{{0,60}}?|nvidia-utils-\d{{3}}(?:-server)?[\s/].{{0,60}}?"
    rf"|nvidia-driver-cuda-libs-(?:\d:)?){_VERSION}[-\s]"
)
_CARD = (
    r"\s{0,8}(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) "
    r"(VGA compatible controller|3D controller|Display controller)(?: \[0?(3\d\d)\])?: NVIDIA Corporation.{0,120}"
)
_ANOTHER_DEVICE = r"\s{0,8}(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] [A-Z]"
_DEVICE_ID = r"\[10de:([0-9a-f]{4})\]"
_IN_USE = r"\s{0,12}Kernel driver in use:\s{0,3}([\w-]{1,30})"
_CLASSES = {"VGA compatible controller": "0x030000", "3D controller": "0x030200", "Display controller": "0x038000"}
_NODE = r"/dev/(nvidia(?:\d{1,3}|ctl|-uvm|-uvm-tools|-modeset)|dxg)(?![\w*-])"
_NO_NODE = r"(?i)/dev/nvidia(?:\*|0|ctl)'?\s{0,2}:? No such file or directory"
_XID = r"NVRM: Xid \(PCI:[^)]{1,30}\): \d{1,3},.{0,200}|GPU has fallen off the bus.{0,60}"
# rocminfo, rocm-smi and hipInfo, and rocm_agent_enumerator, which calls the processor gfx000.
_GFX = (
    r"(?:.{0,40}\b(?:Name|GFX Version|gcnArchName)\s{0,4}:\s{1,30})?\s{0,8}"
    r"(gfx(?!000)[0-9a-f]{3,4})(?::[\w:+-]{1,40})?\s{0,8}"
)
_TELLING = ("NVRM", "NVIDIA Corporation", "/nvidia", "nvidia-", "has the version", "fallen off", "gfx", "/dev/dxg")
_LONGEST = 400


def read(lines: Sequence[Line]) -> Reading:
    """Read each line for itself, but cards with the driver below them and a mismatch with its other half."""
    stated: list[Stated] = []
    said: list[SaidLine] = []
    claimed: set[int] = set()
    cards: list[dict[str, Value]] = []
    nodes: list[Value] = []
    archs: list[Value] = []
    first: dict[str, int] = {}
    in_card = False
    for at, line in enumerate(lines):
        text = line.text
        if len(text) > _LONGEST or not (in_card or any(word in text for word in _TELLING)):
            continue
        card = re.match(_CARD, text)
        if card:
            in_card = True
            cards.append(_card(card, text))
            first.setdefault("pci.nvidia", line.number)
            claimed.add(line.number)
            continue
        bound = re.fullmatch(_IN_USE, text) if in_card else None
        if bound:
            cards[-1]["driver"] = bound[1]
            claimed.add(line.number)
        elif re.match(_ANOTHER_DEVICE, text):
            in_card = False
        if "/dev/" in text:
            names = [name for name in re.findall(_NODE, text) if name not in nodes]
            if names and "No such file" not in text:
                nodes += names
                first.setdefault("device.nodes", line.number)
        gfx = re.fullmatch(_GFX, text)
        if gfx:
            archs.append(gfx[1])
            first.setdefault("amd.gpus", line.number)
        following = lines[at + 1].text[:_LONGEST] if at + 1 < len(lines) else ""
        facts = dict(_facts(text, f"{text} {following}"))
        stated += [Stated(name, fact, line.number) for name, fact in facts.items()]
        if _module(text):
            claimed.add(line.number)
        if re.search(_MISMATCH, text) or re.search(_XID, text):
            said.append(SaidLine(text.strip(), line.number))
    of_linux = [one.line for one in stated] + [line for name, line in first.items() if name != "amd.gpus"]
    if of_linux:
        stated.append(Stated("host.os", Known("linux", FORMAT), min(of_linux)))
    lists: dict[str, list[Value]] = {"pci.nvidia": [*cards], "device.nodes": nodes, "amd.gpus": archs}
    stated += [Stated(name, Known(found, FORMAT), first[name]) for name, found in lists.items() if found]
    return Reading(FORMAT, tuple(stated), said=tuple(said), claimed=frozenset(claimed))


def _module(text: str) -> re.Match[str] | None:
    at = text.find("NVRM version:")
    return re.match(_MODULE, text[at:]) if at >= 0 else None


def _card(match: re.Match[str], text: str) -> dict[str, Value]:
    device = re.search(_DEVICE_ID, text)
    return {
        "address": f"{match[1] or '0000'}:{match[2]}",
        "device": f"0x{device[1]}" if device else None,
        "class": _CLASSES[match[3]],
        "driver": None,
    }


def _facts(text: str, wrapped: str) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of one line; `wrapped` is the line with the one after it."""
    module = _module(text)
    if module:
        yield "driver.version.proc", Known(module[1], "/proc/driver/nvidia/version")
        yield "driver.version", Known(module[1], "/proc/driver/nvidia/version")
    loaded = re.search(_LOADED, text)
    if loaded:
        yield "driver.version.sys", Known(loaded[1], "/sys/module/nvidia/version")
        yield "driver.version", Known(loaded[1], "/sys/module/nvidia/version")
    mismatch = re.search(_MISMATCH, text)
    if mismatch:
        yield "nvml.status", Known(18, "the kernel's log")
        yield "driver.library_version", Known(mismatch[1], "the kernel's log")
        other = re.search(_MISMATCH_MODULE, wrapped)
        if other:
            yield "driver.version.proc", Known(other[1], "the kernel's log")
    package = re.match(_LIBRARY_PACKAGE, text)
    if package:
        yield "driver.library_version", Known(package[1], "the packages of the driver")
    if re.search(_NO_NODE, text):
        yield "device.nodes", Absent("there is no /dev/nvidia*")
