"""The CUDA libraries among the distributions: files that two of them both claim, and the pins of cuda-toolkit.

`nvidia-cudnn-cu12` and `nvidia-cudnn-cu13` put files of the same names into the same folders. Which of the two a
file is of is told by its size, which RECORD states. RECORDs are read only where two flavours are installed.
"""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.installed import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "nvidia.toolkit_requires": "Requires-Dist lines of cuda-toolkit, through whose extras torch 2.14 and later pin "
    "CUDA libraries",
    "nvidia.clashes": "shared libraries that two packages of CUDA libraries both record with other content, and the "
    "package whose size the file on disk has",
}

FLAVOUR = r"-cu\d{2,3}$"
LIBRARY = r"(?:.*/)?(?!libnvToolsExt\.)[^/]{1,200}(?:\.so\.\d[\d.]{0,20}|\.dll)"
"""Files that a program loads by their names; headers are shared by CUDA 11 and 12 as well, and the library of NVTX,
which marks ranges for profilers and calls nothing of CUDA. Those without a number (`libnvperf_host.so`) are loaded
by profilers alone."""
MOST = 200
"""Files listed at most; one of cuDNN's flavours has about forty."""
MOST_PAIRS = 64
"""Pairs compared at most; torch needs about fifteen libraries."""


def look(at: Looking) -> Facts:
    """Compare the RECORDs of libraries that are there in two flavours."""
    if at.unplaced:
        return dict.fromkeys(FACTS, at.unplaced)
    return {"nvidia.toolkit_requires": _toolkit(at), "nvidia.clashes": _clashes(at)}


def _toolkit(at: Looking) -> Fact:
    dist = at.distribution("cuda-toolkit")
    denied = at.denied_before(dist.site if dist else None)
    if denied:
        return Unknown(f"{denied} may not be read")
    if dist is None:
        return Absent("no distribution named cuda-toolkit")
    lines = records.requirements(at.host, dist)
    return Known([*lines], "dist-info") if lines is not None else Absent("cuda-toolkit has no METADATA to read")


def _clashes(at: Looking) -> Fact:
    if at.unlisted:
        return at.unlisted
    rows: list[Value] = []
    for one, other in islice(_flavours(at), MOST_PAIRS):
        rows += _shared(at, one, other)
        if len(rows) >= MOST:
            break
    return Known(rows[:MOST], "RECORD")


def _flavours(at: Looking) -> Iterator[tuple[Distribution, Distribution]]:
    """Yield each two distributions of one folder whose names differ in the CUDA they are for."""
    groups: dict[tuple[str, str], dict[str, Distribution]] = {}
    for name, found in at.by_name.items():
        if name.startswith("nvidia-"):
            for one in found:
                groups.setdefault((one.site, re.sub(FLAVOUR, "", name)), {}).setdefault(name, one)
    for flavours in groups.values():
        names = sorted(flavours)[:8]
        for index, name in enumerate(names):
            for other in names[index + 1 :]:
                yield flavours[name], flavours[other]


def _shared(at: Looking, one: Distribution, other: Distribution) -> Iterator[Value]:
    """Yield the libraries both record, save those that are the same in both."""
    first, second = records.files(at.host, one), records.files(at.host, other)
    if not first or not second:
        return
    for path in sorted(first.keys() & second.keys()):
        if first[path] == second[path] or ".." in path or path[:1] == "/" or not re.fullmatch(LIBRARY, path):
            continue
        sizes = {one.name: first[path][1], other.name: second[path][1]}
        try:
            there = os.stat(at.host.path(os.path.join(one.site, *path.split("/")))).st_size
        except (OSError, ValueError):
            there = None
        owners = [name for name, size in sizes.items() if size is not None and size == there]
        owner = owners[0] if len(owners) == 1 else None
        yield {"file": path[:300], "packages": [one.name, other.name], "owner": owner}
