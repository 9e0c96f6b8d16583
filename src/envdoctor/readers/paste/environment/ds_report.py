"""`ds_report` of DeepSpeed: its general section, keys with dots to their values.

Source: deepspeed/env_report.py. A None is what the imported torch says of itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.model.paste import Package, Reading, Stated
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact
    from envdoctor.model.paste import Line

FORMAT = "ds_report"

ROW = Pattern(
    r"\s{0,8}(torch install path|torch version|torch cuda version|torch hip version|nvcc version|deepspeed info"
    r"|deepspeed install path|deepspeed wheel compiled w\.|shared memory \(/dev/shm\) size)"
    r"\s{0,8}\.{2,40}\s{0,8}(.{0,300})"
)
SIZE = Pattern(r"(\d{1,6}(?:\.\d{1,3})?)\s?([KMGT]?)i?B", re.IGNORECASE)
POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def read(lines: Sequence[Line]) -> Reading:
    """Read the rows, wherever they stand."""
    stated: list[Stated] = []
    packages: list[Package] = []
    claimed: set[int] = set()
    for line in lines:
        match = ROW.fullmatch(line.text) if "..." in line.text else None
        if match is None:
            continue
        claimed.add(line.number)
        value = match[2].strip()
        stated += [Stated(name, fact, line.number) for name, fact in _facts(match[1], value)]
        version = re.match(r"\d[\w.]{0,40}", value) if match[1] == "deepspeed info" else None
        if version:
            packages.append(Package("deepspeed", version[0], line.number))
    return Reading(FORMAT, tuple(stated), tuple(packages), claimed=frozenset(claimed))


def _facts(key: str, value: str) -> Iterator[tuple[str, Fact]]:
    version = re.match(r"\d{1,2}\.\d[\w.+-]{0,80}", value)
    if key == "torch install path":
        folder = re.match(r"\['([^']{1,280})'", value)
        if folder:
            yield "torch.location", Known(folder[1], FORMAT)
    elif key == "shared memory (/dev/shm) size":
        size = SIZE.match(value)
        if size:
            yield "shm.total_bytes", Known(int(float(size[1]) * 1024 ** POWERS[size[2].upper()]), FORMAT)
    elif key in FACTS:
        name, part = FACTS[key]
        if version:
            yield name, Known(version[0], FORMAT)
        elif value == "None" and part:
            yield name, Absent(f"torch.version.{part} is None, by ds_report")


FACTS = {
    "torch version": ("torch.version", ""),
    "torch cuda version": ("torch.cuda", "cuda"),
    "torch hip version": ("torch.hip", "hip"),
    "nvcc version": ("toolkit.nvcc_version", ""),
}
