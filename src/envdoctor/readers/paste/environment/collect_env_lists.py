"""What stands below the keys of PyTorch's report: GPUs, files of cuDNN, and the rows of [pip3] and [conda]."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Package, Stated
from envdoctor.readers.paste.environment.collect_env_values import COULD_NOT, SOURCE, is_told
from envdoctor.readers.paste.environment.keyed import near
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line

ROW = Pattern(r"(?<![^\s*>|])\[(pip3?|conda)\](?=\s)", re.IGNORECASE)
PIP_ROW = Pattern(
    r"\*?\s{0,4}([A-Za-z0-9][\w.-]{0,100}?)(?:\s{0,4}==\s{0,4}|\s{1,60}\(?)(\d[\w.!+*-]{0,80})(?:[\s),]|$)"
)
CONDA_ROW = Pattern(
    r"\*?\s{0,4}([A-Za-z0-9_][\w.-]{0,100})\s{1,60}(v?\d[\w.!+-]{0,80})(?:\s{1,60}(\S{1,120}))?(?:\s{1,60}(\S{1,120}))?"
)
GPU = Pattern(r"GPU\s?(\d{1,2})\s?:\s{0,8}")
UUID = Pattern(r"\s{0,4}\(UUID:\s?([A-Za-z0-9-]{1,60})\)?", words=("uuid",))
MIG = Pattern(
    r"MIG\s{1,4}(\d\w{0,4}\.\d{1,3}gb\S{0,12})\s{1,8}Device\s{1,4}(\d{1,2})\s?:", re.IGNORECASE, words=("mig",)
)
AMD = Pattern(r"\(?(gfx[0-9a-f]{3,5})\b", words=("gfx",))
CUDNN = Pattern(r"((?:[A-Za-z]:)?[\\/].{0,300}[\\/])((?:lib)?cudnn[^\\/\s]{0,80})", words=("cudnn",))
CUDNN_VERSION = Pattern(r"(?:\.so\.|64_|libcudnn\.)(\d{1,2}(?:\.\d{1,3}){0,3})")

MOST_GPUS = 64
MOST_FILES = 64
MOST_ROWS_IN_A_LINE = 300


def _gpus(value: str, lines: Sequence[Line], claimed: set[int]) -> list[Stated]:
    """Read what nvidia-smi -L lists, or the one name that torch gives of an AMD GPU."""
    stated: list[Stated] = []
    instances: dict[int, list[Value]] = {}
    first = lines[0].number
    index = -1
    for text, number in _below(value, lines):
        if number != first and not text.startswith(("GPU", "MIG")):
            continue
        found = list(islice(GPU.finditer(text), MOST_GPUS))
        for one, match in enumerate(found):
            ends = found[one + 1].start() if one + 1 < len(found) else len(text)
            index = int(match[1])
            if index < MOST_GPUS:
                stated += _gpu(index, text[match.end() : ends], number)
            claimed.add(number)
        for match in islice(MIG.finditer(text), MOST_GPUS):
            if 0 <= index < MOST_GPUS:
                instances.setdefault(index, []).append(f"MIG {match[1]} Device {match[2]}")
                claimed.add(number)
    for at, names in instances.items():
        marks: tuple[tuple[str, Value], ...] = (("mig", names), ("mig_mode", "on"))
        stated += [Stated(f"gpu.{at}.{name}", Known(value, SOURCE), first) for name, value in marks]
    if stated:
        count = 1 + max(int(one.name.split(".")[1]) for one in stated)
        return [*stated, Stated("gpu.count", Known(count, SOURCE), first)]
    if "no devices" in value.lower():
        return [Stated("gpu.count", Known(0, SOURCE), first)]
    amd: list[Value] = [*AMD.findall(value)[:MOST_GPUS]]
    if amd:
        return [Stated("amd.gpus", Known(amd, SOURCE), first)]
    return [] if is_told(value) or not value else [Stated("gpu.count", COULD_NOT, first)]


def _gpu(index: int, words: str, line: int) -> Iterator[Stated]:
    uuid = UUID.search(words)
    name = UUID.sub("", words).strip(" ,;\t")[:100]
    mig = MIG.search(name)
    name = name[: mig.start()].strip() if mig else name
    if name:
        yield Stated(f"gpu.{index}.name", Known(name, SOURCE), line)
    if uuid:
        yield Stated(f"gpu.{index}.uuid", Known(uuid[1], SOURCE), line)


def _below(value: str, lines: Sequence[Line]) -> Iterator[tuple[str, int]]:
    """Yield the value and the lines below it that go on with it."""
    yield value, lines[0].number
    for line in lines[1:]:
        yield line.text.strip(), line.number


def _cudnn(value: str, lines: Sequence[Line], claimed: set[int]) -> list[Stated]:
    """Read the files of cuDNN in the folders of the system: of each folder and version the first."""
    files: dict[tuple[str, str], Value] = {}
    for text, number in _below(value, lines):
        if ROW.match(text):
            break
        for path in re.split(r"\s(?=/)", text, maxsplit=MOST_FILES):
            match = CUDNN.fullmatch(path.strip())
            if match is None:
                continue
            claimed.add(number)
            version = CUDNN_VERSION.search(match[2])
            if len(files) < MOST_FILES:
                files.setdefault((match[1], version[1] if version else ""), path.strip())
    rows: list[Value] = [{"path": path, "version": version or None} for (_, version), path in files.items()]
    return [Stated("toolkit.system_cudnn", Known(rows, SOURCE), lines[0].number)] if rows else []


def _cpu(value: str, lines: Sequence[Line], claimed: set[int]) -> list[Stated]:
    """Read a name alone, as macOS gives it; the block of Linux and Windows has keys of its own."""
    told = ((text, number) for text, number in _below(value, lines[:3]) if text)
    words, number = next(told, ("", 0))
    if ":" in words or not words.startswith(("Apple ", "Intel(R) ")):
        return []
    claimed.add(number)
    stated = [Stated("cpu.model", Known(words[:120], SOURCE), number)]
    if words.startswith("Apple "):
        stated.append(Stated("cpu.architecture", Known("arm64", SOURCE), number))
    return stated


BELOW: Mapping[str, Callable[[str, Sequence[Line], set[int]], list[Stated]]] = {
    "gpu models and configuration": _gpus,
    "cudnn version": _cudnn,
    "cpu": _cpu,
}
"""Readers of what stands below a key: its value, its lines with that of the key, and the lines they claim."""


def package_rows(lines: Sequence[Line], claimed: set[int]) -> Iterator[Package]:
    """Yield the rows of [pip], [pip3] and [conda]; several may stand in one line."""
    for line in lines:
        if "[" not in line.text:
            continue
        marks = list(islice(ROW.finditer(line.text), MOST_ROWS_IN_A_LINE))
        for place, mark in enumerate(marks):
            ends = marks[place + 1].start() if place + 1 < len(marks) else len(line.text)
            row = line.text[mark.end() : ends].strip()
            claimed.add(line.number)
            if mark[1].lower() == "conda":
                yield from _conda_row(row, line.number)
            elif found := PIP_ROW.match(row):
                yield Package(found[1], found[2], line.number)


def _conda_row(row: str, line: int) -> Iterator[Package]:
    found = CONDA_ROW.match(row)
    if found is None:
        return
    name, version, build, channel = found[1], found[2], found[3] or "", found[4] or ""
    if channel == "pypi" or build == "pypi_0":
        # conda lists what pip installed beside its own.
        yield Package(name, version, line, channel="pypi")
    else:
        yield Package(name, version, line, "conda", build, channel)


def loose_gpus(lines: Sequence[Line], own: Sequence[int], most: int, claimed: set[int]) -> list[Stated]:
    """Read the list of GPUs of a report whose heading was cut off; `own` are the places of its keys."""
    first = next((at for at, line in enumerate(lines) if GPU.match(line.text.strip()) and near(own, at, most)), None)
    return _gpus("", lines[first : first + most], claimed) if first is not None else []
