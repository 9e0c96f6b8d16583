"""The processor as `lscpu`, /proc/cpuinfo and PowerShell print it, in a report of something else or by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Reading, Stated
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line

FORMAT = "lscpu"

NAME = Pattern(r"\s{0,8}(?:model name|name)\s{0,60}[:=]\s{0,60}(\S[^\n]{0,120})", re.IGNORECASE, words=("name",))
ARCHITECTURE = Pattern(
    r"\s{0,8}architecture\s{0,60}[:=]\s{0,60}(\w{1,12})\s{0,4}", re.IGNORECASE, words=("architecture",)
)
FLAGS = Pattern(r"\s{0,8}(?:flags|features)\s{0,60}:\s{0,60}", re.IGNORECASE, words=("flags", "features"))

IN_WINDOWS = {"9": "x86_64", "12": "arm64"}
"""Win32_Processor, property Architecture (learn.microsoft.com, "Win32_Processor class")."""

MAKERS = (
    "intel",
    "amd",
    "qemu",
    "apple",
    "arm",
    "cortex",
    "neoverse",
    "xeon",
    "epyc",
    "common kvm",
    "virtual",
    "ryzen",
)

OF_TORCH = Pattern(
    r"ssse3|sse4_[12]|popcnt|avx2?|avx512\w{1,20}|f16c|fma|amx_\w{1,12}|asimd\w{0,4}|atomics|sve2?|i8mm|bf16"
)
"""The instruction sets that matter to torch; the rest of the list is not kept."""

COMES_LATE = frozenset({"lahf_lm", "abm", "hypervisor", "cpuid", "asimddp", "evtstrm"})
"""Linux prints flags in the order of the processor's own words. A list with one of these was not cut before AVX."""

FLAG = Pattern(r"[a-z0-9_]{2,24}")

OTHER_ROW = Pattern(
    r"\s{0,8}(?:cpu(?: op-mode\(s\)|\(s\)(?: scaling mhz)?| family| m(?:ax|in) mhz| mhz)?|address sizes|byte order"
    r"|o(?:n|ff)-line cpu\(s\) list|vendor[ _]id|bios [\w ]{2,12}|model|thread\(s\) per core"
    r"|core\(s\) per (?:socket|cluster)"
    r"|socket\(s\)|cluster\(s\)|stepping|frequency boost|bogomips|virtualization(?: type| features)?|hypervisor vendor"
    r"|l[1-4][di]?(?: cache)?|caches \(sum of all\)|numa(?: node\(s\)| node\d{1,3} cpu\(s\))?"
    r"|vulnerabilit(?:ies|y [\w -]{2,40})"
    r"|manufacturer|family|processortype|deviceid|currentclockspeed|maxclockspeed|l2cachesize|l2cachespeed|revision)"
    r"\s{0,60}[:=]",
    re.IGNORECASE,
)
"""Rows that state nothing here, and that nobody else shall read as their own."""

NEAR = 50
"""Rows of one processor, at most."""


def read(lines: Sequence[Line]) -> Reading:
    """Read name, architecture and flags; of several processors the first."""
    stated: dict[str, Stated] = {}
    claimed: set[int] = set()
    last = -NEAR
    for index, line in enumerate(lines):
        if ":" not in line.text and "=" not in line.text:
            continue
        found = [*_stated(lines, index)]
        if found:
            last = index
            claimed |= {line.number, *(below.number for below in _wrapped(lines, index))}
        elif index - last < NEAR and OTHER_ROW.match(line.text):
            claimed.add(line.number)
        for one in found:
            stated.setdefault(one.name, one)
    return Reading(FORMAT, tuple(stated.values()), claimed=frozenset(claimed))


def _stated(lines: Sequence[Line], index: int) -> Iterator[Stated]:
    text, number = lines[index].text, lines[index].number
    name = NAME.match(text)
    if name and (text.lstrip()[:5].lower() == "model" or any(word in name[1].lower() for word in MAKERS)):
        yield Stated("cpu.model", Known(name[1].strip()[:120], FORMAT), number)
    architecture = ARCHITECTURE.fullmatch(text)
    if architecture:
        word = IN_WINDOWS.get(architecture[1], architecture[1].lower())
        if word in ("x86_64", "aarch64", "arm64"):
            yield Stated("cpu.architecture", Known(word, FORMAT), number)
    flags = FLAGS.match(text)
    if flags:
        words = [*text[flags.end() :].split(), *(word for line in _wrapped(lines, index) for word in line.text.split())]
        if COMES_LATE.intersection(words):
            has: list[Value] = [*sorted({word for word in words if OF_TORCH.fullmatch(word)})]
            yield Stated("cpu.flags", Known(has, FORMAT), number)


def _wrapped(lines: Sequence[Line], index: int) -> Iterator[Line]:
    """Yield the lines below the flags that hold nothing but flags."""
    if not FLAGS.match(lines[index].text):
        return
    for line in lines[index + 1 : index + NEAR]:
        words = line.text.split()
        if not words or not all(FLAG.fullmatch(word) for word in words):
            return
        yield line
