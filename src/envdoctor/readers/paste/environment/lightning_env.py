"""The report of Lightning's `collect_env_details.py`: `* CUDA:`, `* Packages:` and `* System:`, each a list below it.

Source: requirements/collect_env_details.py of pytorch-lightning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.model.paste import Package, Reading, Stated
from envdoctor.readers.paste.environment.library_env import without_libcuda
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact
    from envdoctor.model.paste import Line

FORMAT = "collect_env of Lightning"

SECTION = Pattern(
    r"\s{0,12}\*?\s{0,4}(CUDA|Packages|System|Lightning)\s?:\s{0,8}",
    re.IGNORECASE,
    words=("cuda", "packages", "system", "lightning"),
)
ROW = Pattern(r"\s{0,40}(?:[-\u2022]\s{0,4})?([A-Za-z][\w. -]{0,100}?)\s{0,4}:(?:\s{1,40}(\S.{0,300}))?")
ITEM = Pattern(r"\s{1,60}(?:[-\u2022]\s{0,4})?([A-Z][^:]{2,99})")
TORCH = frozenset({"torch", "pytorch_version", "pytorch version"})
MOST_ROWS = 5000
"""Rows that are read; an environment with a thousand distributions is a large one."""

SYSTEMS = {"linux": "linux", "windows": "windows", "darwin": "macos"}


def read(lines: Sequence[Line]) -> Reading:
    """Read the sections; one counts where its first rows are those of this report."""
    stated: list[Stated] = []
    packages: list[Package] = []
    claimed: set[int] = set()
    section = ""
    gpus: int | None = None
    own = any(_begins(lines, index) for index in range(len(lines)))
    for line in lines if own else ():
        if len(stated) + len(packages) > MOST_ROWS:
            break
        heading = SECTION.fullmatch(line.text)
        row = ROW.fullmatch(line.text)
        if heading:
            section, gpus = heading[1].lower(), None
            claimed.add(line.number)
        elif not line.text.strip():
            continue
        elif row and section:
            key, value = row[1].lower(), row[2] or ""
            gpus = 0 if section == "cuda" and key == "gpu" else None
            found = [Stated(name, fact, line.number) for name, fact in _facts(section, key, value)]
            if section in ("packages", "lightning") and key not in TORCH and re.match(r"\d", value):
                packages.append(Package(row[1], value.split()[0], line.number))
            claimed.add(line.number)
            stated += found
        elif gpus is not None and (item := ITEM.fullmatch(line.text)):
            stated.append(Stated(f"gpu.{gpus}.name", Known(item[1].strip(), FORMAT), line.number))
            claimed.add(line.number)
            gpus += 1
        elif line.text[:1] not in (" ", "\t", "-"):
            section = ""
    return Reading(FORMAT, tuple(without_libcuda(stated)), tuple(packages), claimed=frozenset(claimed))


def _begins(lines: Sequence[Line], index: int) -> bool:
    """Whether this is the heading of the CUDA section: GPUs or their absence, and `available`, stand below it."""
    heading = SECTION.fullmatch(lines[index].text)
    if heading is None or heading[1].lower() != "cuda":
        return False
    below = [line.text.strip(" \t-").lower() for line in lines[index + 1 : index + 20]]
    return any(text.startswith("gpu:") for text in below) and any(text.startswith("available:") for text in below)


def _facts(section: str, key: str, value: str) -> Iterator[tuple[str, Fact]]:
    version = re.match(r"\d{1,3}\.\d[\w.+-]{0,80}", value)
    if section == "cuda" and key == "available":
        yes = value.lower().startswith("true")
        yield "said.cuda_available", Known(yes, FORMAT)
        if yes:
            yield "cuda.init", Known(0, FORMAT)
    elif section == "cuda" and key == "version":
        if version:
            yield "torch.cuda", Known(version[0], FORMAT)
        elif value == "None":
            yield "torch.cuda", Absent("torch.version.cuda is None, by this report")
    elif section in ("packages", "lightning") and key in TORCH and version:
        yield "torch.version", Known(version[0], FORMAT)
    elif section == "system" and key == "python" and version:
        yield "python.version", Known(version[0], FORMAT)
    elif section == "system" and key == "processor" and value in ("x86_64", "aarch64"):
        # Linux alone spells them so.
        yield "host.platform", Known(f"linux-{value}", FORMAT)
    elif section == "system" and key == "os" and value.lower() in SYSTEMS:
        yield "host.os", Known(SYSTEMS[value.lower()], FORMAT)
