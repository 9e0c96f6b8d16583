"""`nvidia-smi -q`, and the tables of `--query-gpu=... --format=csv`, with their heading or without.

Driver Version                            : 535.104.05
CUDA Version                              : 12.2
Attached GPUs                             : 2
GPU 00000000:07:00.0
    Product Name                          : NVIDIA A100-SXM4-80GB

name, driver_version, memory.total [MiB], compute_cap
NVIDIA A100-SXM4-80GB, 535.104.05, 81920 MiB, 8.0
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Reading, Stated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line

FORMAT = "nvidia-smi"

_LOG = r"={3,40}\s{0,2}NVSMI LOG\s{0,2}={3,40}"
_DRIVER = r"(?:Driver|KMD) Version\s{1,60}:\s{1,4}(\d{3}\.\d{1,3}(?:\.\d{1,3})?)"
_CUDA = r"CUDA (?:UMD )?Version\s{1,60}:\s{1,4}(\d{1,2}\.\d{1,2})"
_ATTACHED = r"Attached GPUs\s{1,60}:\s{1,4}(\d{1,4})"
_GPU = r"GPU ((?:[0-9A-Fa-f]{4,8}:)[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-9A-Fa-f])"
_PAIR = r"([A-Za-z][\w /.()-]{1,60}?)\s{1,60}:\s{1,4}(\S.{0,200})"
_SECTION = r"[A-Z][\w /.()-]{1,60}"
_LONGEST = 400

_ON_OFF = {"Enabled": "on", "Disabled": "off"}
_COMPUTE = {
    "Default": "default",
    "Exclusive_Process": "exclusive-process",
    "Exclusive_Thread": "exclusive-thread",
    "Prohibited": "prohibited",
}
_VIRTUAL = {
    "None": "none",
    "Pass-Through": "passthrough",
    "VGPU": "vgpu",
    "Host VGPU": "host-vgpu",
    "Host VSGA": "host-vsga",
}

_FORMS = {
    "driver_version": r"\d{3}\.\d{1,3}(?:\.\d{1,3})?",
    "compute_cap": r"\d{1,2}\.\d",
    "memory.total": r"\d{1,7} MiB",
    "uuid": r"GPU-[\w-]{4,60}",
    "pci.bus_id": r"(?:[0-9A-Fa-f]{4,8}:)[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-9A-Fa-f]",
    "index": r"\d{1,3}",
    "name": r"(?:NVIDIA|Tesla|Quadro|GeForce|TITAN|GRID|RTX|GTX|Graphics Device)\b.{0,70}",
}
"""The cells of a table that are of interest."""
_ANY_CELL = r"\d{1,7}(?:\.\d{1,3})? ?(?:%|W|MHz|C|MiB)?|P\d{1,2}|\[?N/A\]?|\[Not Supported\]|Enabled|Disabled|Default"
_SURE = frozenset({"driver_version", "memory.total", "uuid", "pci.bus_id"})
_OTHER_NAMES = {"gpu_name": "name", "gpu_uuid": "uuid", "gpu_bus_id": "pci.bus_id"}
_COLUMN = r"([a-z_]{2,40}(?:\.[a-z_]{2,40}){0,4})(?: \[[^\]]{1,8}\])?"
_ASKED = r"--query-gpu[= ]([a-z_.,]{2,400})"


def read(lines: Sequence[Line]) -> Reading:
    """Read logs and tables."""
    stated: list[Stated] = []
    claimed: set[int] = set()
    _log(lines, stated, claimed)
    _tables(lines, stated, claimed)
    return Reading(FORMAT, tuple(stated), claimed=frozenset(claimed))


def _log(lines: Sequence[Line], stated: list[Stated], claimed: set[int]) -> None:
    """Read the log of -q: from its heading, or from "Attached GPUs", whatever follows that is a pair."""
    begun = False
    gpu = -1
    section = ""
    for at, line in enumerate(lines):
        text = line.text.strip() if len(line.text) <= _LONGEST else ""
        if re.fullmatch(_LOG, text) or re.fullmatch(_ATTACHED, text):
            if not begun:
                _versions(lines[max(0, at - 5) : at + 8], stated, claimed)
            begun = True
        if not begun or not text:
            continue
        device = re.fullmatch(_GPU, text)
        pair = re.fullmatch(_PAIR, text)
        if device:
            gpu += 1
            stated.append(Stated(f"gpu.{gpu}.pci", Known(device[1], FORMAT), line.number))
        elif pair and gpu >= 0:
            stated += [
                Stated(f"gpu.{gpu}.{what}", Known(value, FORMAT), line.number)
                for what, value in _of_gpu(section, pair[1], pair[2])
            ]
        elif pair is None and line.text.startswith((" ", "\t")) and re.fullmatch(_SECTION, text):
            section = text
        elif pair is None and not text.startswith("="):
            begun = False
            continue
        claimed.add(line.number)


def _versions(lines: Sequence[Line], stated: list[Stated], claimed: set[int]) -> None:
    for line in lines:
        text = line.text.strip() if len(line.text) <= _LONGEST else ""
        for name, pattern in (("driver.version", _DRIVER), ("driver.cuda_version", _CUDA)):
            match = re.match(pattern, text)
            if match:
                stated.append(Stated(name, Known(match[1], FORMAT), line.number))
                claimed.add(line.number)
        attached = re.fullmatch(_ATTACHED, text)
        if attached:
            stated.append(Stated("nvml.status", Known(0, FORMAT), line.number))
            stated.append(Stated("gpu.count", Known(int(attached[1]), FORMAT), line.number))


def _of_gpu(section: str, key: str, value: str) -> Iterator[tuple[str, Value]]:
    """Yield what one pair tells of a GPU; the keys of sections repeat, so that their heading decides."""
    if key == "Product Name":
        yield "name", value
    elif key == "Compute Mode" and value in _COMPUTE:
        yield "compute_mode", _COMPUTE[value]
    elif key == "Persistence Mode" and value in _ON_OFF:
        yield "persistence", _ON_OFF[value]
    elif key.lower() == "virtualization mode" and value in _VIRTUAL:
        yield "virtualization", _VIRTUAL[value]
    elif key == "Total" and section == "FB Memory Usage" and value.split(" ")[0].isdecimal():
        yield "memory_mib", int(value.split(" ")[0][:9])
    elif key == "Current" and section == "MIG Mode" and value in _ON_OFF:
        yield "mig_mode", _ON_OFF[value]
    elif key == "Current" and section in ("ECC Mode", "Ecc Mode") and value in _ON_OFF:
        yield "ecc", _ON_OFF[value]


def _tables(lines: Sequence[Line], stated: list[Stated], claimed: set[int]) -> None:
    """Read tables: below their heading or the command that asked for them, and rows that can be nothing else."""
    heading: list[str] | None = None
    gpus = 0
    first = 0
    for line in lines:
        text = line.text.strip() if len(line.text) <= _LONGEST else ""
        asked = re.search(_ASKED, text) if "query-gpu" in text else None
        if asked:
            heading = [_OTHER_NAMES.get(word, word) for word in asked[1].strip(",.").split(",")]
            continue
        cells = [cell.strip() for cell in text.split(",")] if text and (heading or "," in text or "_" in text) else []
        columns = _heading(cells)
        if columns:
            heading = columns
            claimed.add(line.number)
            continue
        row = _row(cells, heading)
        if not row:
            heading = heading if not text else None
            continue
        index = int(row["index"]) if "index" in row else gpus
        gpus, first = max(gpus, index + 1), first or line.number
        claimed.add(line.number)
        stated += _of_row(row, index, line.number)
    if gpus:
        stated.append(Stated("nvml.status", Known(0, FORMAT), first))
        stated.append(Stated("gpu.count", Known(gpus, FORMAT), first))


def _heading(cells: list[str]) -> list[str] | None:
    """Return the columns that a heading names: every cell is one, and one of interest is among them."""
    columns = [re.fullmatch(_COLUMN, cell) for cell in cells]
    if not cells or not all(columns):
        return None
    names = [_OTHER_NAMES.get(column[1], column[1]) for column in columns if column]
    telling = {"driver_version", "compute_cap", "memory.total", "uuid"} & set(names)
    return names if telling or (len(names) > 1 and "name" in names and "index" in names) else None


def _row(cells: list[str], heading: list[str] | None) -> dict[str, str]:
    """Return the cells of interest of one row by their columns; empty for what is no row."""
    if heading is not None and len(cells) == len(heading):
        row = {name: cell for name, cell in zip(heading, cells, strict=True) if name in _FORMS}
        told = {name: cell for name, cell in row.items() if re.fullmatch(_FORMS[name], _with_unit(name, cell))}
        return told if "name" in told or "name" not in row else {}
    row = {}
    for cell in cells:
        kind = next((kind for kind, form in _FORMS.items() if kind not in row and re.fullmatch(form, cell)), None)
        if kind is not None:
            row[kind] = cell
        elif not re.fullmatch(_ANY_CELL, cell):
            return {}
    if "memory.total" not in row:
        row.pop("compute_cap", None)  # "RTX 3090, 535.86, 12.1" names a CUDA version, most likely
    return row if "name" in row and _SURE & set(row) else {}


def _with_unit(name: str, cell: str) -> str:
    return f"{cell} MiB" if name == "memory.total" and cell.isdecimal() else cell


def _of_row(row: dict[str, str], index: int, line: int) -> Iterator[Stated]:
    if "driver_version" in row:
        yield Stated("driver.version", Known(row["driver_version"], FORMAT), line)
    told: dict[str, Value] = {}
    if "name" in row:
        told["name"] = row["name"]
    if "compute_cap" in row:
        told["compute_capability"] = row["compute_cap"]
    if "memory.total" in row:
        told["memory_mib"] = int(row["memory.total"].split(" ")[0])
    for what, value in told.items():
        yield Stated(f"gpu.{index}.{what}", Known(value, FORMAT), line)
