"""nvidia-smi: its box, of every generation and however it was cut, the list of `-L`, and what it says when it fails.

    | NVIDIA-SMI 470.82.01    Driver Version: 470.82.01    CUDA Version: 11.4     |    (before 410: no CUDA Version)
    | NVIDIA-SMI 610.43.02              KMD Version: 610.43.02     CUDA UMD Version: 13.3     |    (from 610)
    |   0  NVIDIA A100-SXM...  On   | 00000000:07:00.0 Off |                    0 |
    | N/A   31C    P0    61W / 400W |      2MiB / 81251MiB |      0%      Default |
    |                               |                      |             Disabled |

Source: the manual page of nvidia-smi; its rows differ between releases in their widths alone. Walls (`|`) may be lost,
and a row may be broken into two lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.fact import Known
from envdoctor.model.paste import Reading, Stated
from envdoctor.readers.paste.tools.nvml_refusals import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Line

FORMAT = "nvidia-smi"

_VERSION = r"(\d{3}\.\d{1,3}(?:\.\d{1,3})?)"
_TOOL = rf"NVIDIA-SMI\s{{1,20}}(?:version\s{{0,3}}:?\s{{0,3}})?{_VERSION}"
_DRIVER = rf"(?:Driver|KMD) Version\s{{0,5}}:?\s{{0,5}}{_VERSION}"
_CUDA = r"CUDA(?: UMD)? Version\s{0,5}:?\s{0,5}(\d{1,2}\.\d{1,2})"
_HEADING_WORDS = r"[Nn][Vv][Ii][Dd][Ii][Aa]-(?:SMI|smi)(?: version)?|(?:Driver|KMD|CUDA UMD|CUDA) Version"
_BUS = r"(?:[0-9A-Fa-f]{4,8}:)[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-9A-Fa-f]"
_ROW = (
    r"[|│]?\s{0,8}(\d{1,3})\s{1,6}(\S.{0,58}?)\s{1,40}(On|Off|N/A|TCC|WDDM|MCDM|ERR!)\s{0,30}[|│]?\s{0,20}"
    rf"({_BUS})"
)
_BROKEN_ROW = r"[|│]\s{0,8}\d{1,3}\s{1,6}\S.{0,58}?(?:\s{1,40}(?:On|Off|N/A|TCC|WDDM))?\s{0,30}[|│]?\s{0,20}"
_MEMORY = r"(?<!\d)\d{1,7}\s?MiB\s{0,4}/\s{0,8}(\d{1,7})\s?MiB"
_MODE = r"[|│\s]{0,120}(Enabled|Disabled)\*?[|│\s]{0,10}"
_COMPUTE = r"%?\s(Default|E\. ?Process|E\. ?Thread|Exclusive_Process|Prohibited)\s{0,4}[|│]?\s{0,4}$"
_COMPUTE_MODES = {
    "Default": "default",
    "E. Process": "exclusive-process",
    "E.Process": "exclusive-process",
    "Exclusive_Process": "exclusive-process",
    "E. Thread": "exclusive-thread",
    "E.Thread": "exclusive-thread",
    "Prohibited": "prohibited",
}
_SYSTEMS = {"On": "linux", "Off": "linux", "WDDM": "windows", "TCC": "windows", "MCDM": "windows"}
"""What the column after the name tells: persistence mode, which Windows lacks, or the model of Windows' drivers."""
_INSTANCE = r"[|│]?\s{0,6}(\d{1,3})\s{1,8}(\d{1,3})\s{1,8}(\d{1,3})\s{1,8}(\d{1,3})\s{1,6}[|│]?\s{1,20}\d{1,7}\s?MiB"
_LISTED = r"GPU\s{0,2}(\d{1,3})\s{0,2}:\s{0,3}(\S.{0,80}?)\s{0,4}\(\s{0,2}UUID\s{0,2}:"
_LISTED_INSTANCE = r"MIG\s{1,3}[\w.+]{1,30}\s{1,12}Device\s{1,4}(\d{1,3})\s{0,2}:"
_WALL = r"\s{0,8}(?:\+[-=+]{3,}|[|│].{0,400}$|[╒╞├└+┌][─═┬┼┴+┤┐┘-]{3,})"
_LONGEST = 400
_BETWEEN_ROWS = r"[|+][-=+]{6,200}[|+]|(?<=\|)\s(?=\|)"
_MOST_UNFOLDED = 8000
_MOST_BOXES = 20
_FOLLOWING = 5
"""Lines after the first of a GPU in which its memory and modes stand: two, or more where they were broken."""


class _Gpu(NamedTuple):
    number: int
    name: str
    mode: str
    line: int
    below: tuple[str, ...]


def read(lines: Sequence[Line]) -> Reading:
    """Read every box, list and refusal; a refusal counts before a box, which may be that of another machine."""
    refused = list(refusals(lines))
    stated = [one for _, facts in refused for one in facts]
    lines = [row for line in lines for row in _unfolded(line)]
    listed, claimed = _listed(lines)
    stated += listed
    for start, end in _boxes(lines):
        found, used = _box(lines[start:end])
        stated += found
        claimed |= used
    if any("wsl" in line.text.lower() for line in lines):
        # Somebody with WSL shows the box of either side, and it is torch's side that counts.
        stated = [one for one in stated if one.name != "host.os"]
    return Reading(FORMAT, tuple(stated), said=tuple(said for said, _ in refused), claimed=frozenset(claimed))


def _unfolded(line: Line) -> Sequence[Line]:
    """Return the rows of a box whose line feeds were lost, anything else as it is."""
    if len(line.text) <= _LONGEST or "NVIDIA-SMI" not in line.text:
        return (line,)
    return [line._replace(text=row.strip()) for row in re.split(_BETWEEN_ROWS, line.text[:_MOST_UNFOLDED])]


def _boxes(lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """Yield the stretches that begin with the heading of a box, or hold rows of one whose heading is not there."""
    starts = [at for at, line in enumerate(lines) if len(line.text) <= _LONGEST and _is_heading(line.text)]
    if not starts or starts[0] > 0:
        starts.insert(0, 0)
    del starts[_MOST_BOXES:]
    for at, start in enumerate(starts):
        yield start, starts[at + 1] if at + 1 < len(starts) else len(lines)


def _is_heading(text: str) -> bool:
    if "Version" not in text and "NVIDIA-SMI" not in text:
        return False
    return bool(re.search(_TOOL, text)) or bool(re.search(_DRIVER, text) and re.search(_CUDA, text))


def _box(lines: Sequence[Line]) -> tuple[list[Stated], set[int]]:
    stated: list[Stated] = []
    claimed: set[int] = set()
    heading = lines[0] if lines and len(lines[0].text) <= _LONGEST and _is_heading(lines[0].text) else None
    if heading:
        stated += _heading(lines)
        if not re.search("[a-z]", re.sub(_HEADING_WORDS, "", heading.text)):
            claimed.add(heading.number)  # somebody's sentence around it may tell more
    gpus, used = _rows(lines)
    claimed |= used
    if claimed:
        claimed |= {*_walls(lines, claimed)}
    if gpus:
        first = gpus[0].line
        stated.append(Stated("nvml.status", Known(0, FORMAT), first))
        stated.append(Stated("gpu.count", Known(max(gpu.number for gpu in gpus) + 1, FORMAT), first))
        stated += [
            Stated("host.os", Known(_SYSTEMS[gpu.mode], FORMAT), first) for gpu in gpus[:1] if gpu.mode in _SYSTEMS
        ]
    instances = _instances(lines)
    for gpu in gpus:
        stated += _of_gpu(gpu, instances)
    return stated, claimed


def _walls(lines: Sequence[Line], claimed: set[int]) -> Iterator[int]:
    """Yield the lines of the frame, from what was read on to the first line that is neither of it nor empty."""
    begun = False
    for line in lines:
        begun = begun or line.number in claimed
        if not begun or not line.text.strip() or line.number in claimed:
            continue
        if not re.match(_WALL, line.text[:_LONGEST]):
            return
        yield line.number


def _heading(lines: Sequence[Line]) -> Iterator[Stated]:
    """State the versions; the heading may be broken into two lines."""
    line = lines[0]
    texts = [line.text, f"{line.text} {lines[1].text[:_LONGEST]}" if len(lines) > 1 else line.text]
    for name, pattern in (("driver.version", _DRIVER), ("driver.cuda_version", _CUDA)):
        match = next((match for text in texts if (match := re.search(pattern, text))), None)
        if match is None and name == "driver.version":
            match = re.search(_TOOL, line.text)
        if match:
            yield Stated(name, Known(match[1], FORMAT), line.number)


def _rows(lines: Sequence[Line]) -> tuple[list[_Gpu], set[int]]:
    gpus: list[_Gpu] = []
    claimed: set[int] = set()
    for at, line in enumerate(lines):
        text = line.text
        if not text or len(text) > _LONGEST:
            continue
        match = re.match(_ROW, text) if text.count(":") > 1 else None
        if match is None and at + 1 < len(lines) and re.fullmatch(_BROKEN_ROW, text):
            match = re.match(_ROW, f"{text.rstrip()} {lines[at + 1].text.strip()[:_LONGEST]}")
        if match is None or any(gpu.number == int(match[1]) for gpu in gpus):
            continue
        below: list[str] = []
        for following in lines[at : at + 1 + _FOLLOWING]:
            if below and not _belongs_to_row(following.text[:_LONGEST]):
                break
            below.append(following.text[:_LONGEST])
            claimed.add(following.number)
        gpus.append(_Gpu(int(match[1]), match[2].strip(), match[3], line.number, tuple(below)))
    return gpus, claimed


def _belongs_to_row(text: str) -> bool:
    """Whether a line can be the rest of a GPU: its memory, its modes, or what was broken off the line before."""
    frame = text.lstrip().startswith(("+-", "|=", "|-"))
    return not frame and ("|" in text or "│" in text or "MiB" in text) and not re.match(_ROW, text)


def _of_gpu(gpu: _Gpu, instances: dict[int, int] | None) -> Iterator[Stated]:
    def state(what: str, value: Value) -> Stated:
        return Stated(f"gpu.{gpu.number}.{what}", Known(value, FORMAT), gpu.line)

    yield state("name", gpu.name)
    memory = re.search(_MEMORY, " ".join(gpu.below))
    if memory:
        yield state("memory_mib", int(memory[1]))
    mode = next((match[1] for text in gpu.below if (match := re.fullmatch(_MODE, text))), None)
    if mode:
        yield state("mig_mode", "on" if mode == "Enabled" else "off")
    if mode == "Enabled" and instances is not None:
        yield state("mig", [f"MIG-redacted-{gpu.number}{n:02}" for n in range(1, instances.get(gpu.number, 0) + 1)])
    compute = next((match[1] for text in gpu.below if (match := re.search(_COMPUTE, text))), None)
    if compute:
        yield state("compute_mode", _COMPUTE_MODES[compute])


def _instances(lines: Sequence[Line]) -> dict[int, int] | None:
    """Count the MIG instances of each GPU by their table, which is there where MIG is on; None without one."""
    counts: dict[int, int] | None = None
    for line in lines:
        text = line.text[:_LONGEST]
        if "MIG devices" in text:
            counts = counts or {}
        elif counts is not None:
            if "Processes" in text:
                break
            match = re.match(_INSTANCE, text)
            if match:
                counts[int(match[1])] = counts.get(int(match[1]), 0) + 1
    return counts


def _listed(lines: Sequence[Line]) -> tuple[list[Stated], set[int]]:
    """Read `nvidia-smi -L`; what identifies a device is left out, as it is in a saved snapshot."""
    stated: list[Stated] = []
    claimed: set[int] = set()
    instances: dict[int, list[Value]] = {}
    present: int | None = None
    for line in lines:
        text = line.text
        if len(text) > _LONGEST or ("UUID" not in text and "Device" not in text):
            continue
        gpu = re.search(_LISTED, text)
        if gpu:
            present = int(gpu[1])
            stated.append(Stated(f"gpu.{present}.name", Known(gpu[2], FORMAT), line.number))
            stated.append(Stated(f"gpu.{present}.uuid", Known(f"GPU-redacted-{present + 1}", FORMAT), line.number))
            claimed.add(line.number)
        elif present is not None and re.search(_LISTED_INSTANCE, text):
            names = instances.setdefault(present, [])
            names.append(f"MIG-redacted-{present}{len(names) + 1:02}")
            claimed.add(line.number)
            if len(names) == 1:
                stated.append(Stated("host.os", Known("linux", "MIG, which is for Linux alone"), line.number))
                stated.append(Stated(f"gpu.{present}.mig_mode", Known("on", FORMAT), line.number))
                stated.append(Stated(f"gpu.{present}.mig", Known(names, FORMAT), line.number))
    named = [int(one.name.split(".")[1]) for one in stated if one.name.endswith(".name")]
    if named:
        stated.append(Stated("nvml.status", Known(0, FORMAT), stated[0].line))
        stated.append(Stated("gpu.count", Known(max(named) + 1, FORMAT), stated[0].line))
    return stated, claimed
