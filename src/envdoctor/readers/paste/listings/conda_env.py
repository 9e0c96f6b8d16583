"""`conda env export`, `conda list --export` and `conda info`.

    - pytorch=1.9.0=py3.8_cuda11.1_cudnn8.0.5_0          (an environment file; `pytorch::pytorch=...` with its channel)
    pytorch=1.9.0=py3.8_cuda11.1_cudnn8.0.5_0          (--export)
           virtual packages : __cuda=12.2=0
                              __glibc=2.35=0

Source: conda's documentation, "Managing environments" and "Managing virtual packages". `__cuda` is the CUDA version of
the driver.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Package, Reading, Stated
from envdoctor.readers.paste.environment.system_words import system
from envdoctor.readers.paste.listings.package_words import NAME, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact
    from envdoctor.model.paste import Line

FORMAT = "conda"

_ROW = (
    rf"(?:-\s{{1,4}})?[\"']?(?:([\w./-]{{1,80}})::)?(_?{NAME})=({VERSION})="
    rf"([A-Za-z0-9][\w.+-]{{0,90}})[\"']?(?:\s{{0,4}}#.{{0,200}})?"
)
_ITEM = (
    rf"-\s{{1,4}}[\"']?(?:([\w./-]{{1,80}})::)?(_?{NAME})={{1,2}}(\d[\w.+!-]{{0,60}})[\"']?(?:\s{{0,4}}#.{{0,200}})?"
)
_PACKAGE_FILE = rf"https?://\S{{0,200}}/([\w.-]{{1,60}})/(?:linux|win|osx|noarch)[\w-]{{0,12}}/(_?{NAME})-({VERSION}?)-([\w.]{{1,90}})\.(?:conda|tar\.bz2)(?:#\w{{0,64}})?"
_VIRTUAL = r"(__(?:cuda|glibc|osx|win|linux))=(\d[\d.]{0,30})=\S{1,40}"
_PLATFORM = r"\s{0,40}platform\s{0,4}:\s{0,4}(linux-64|linux-aarch64|win-64|win-arm64|osx-64|osx-arm64)\s{0,8}"
_AGENT = r"\suser-agent\s{0,4}:.{0,200}?\s([a-z]{3,20})/(\d[\d.]{0,12})\s{1,4}glibc/(\d\.\d{1,3})"
_PREFIX = r"prefix\s{0,3}:\s{0,3}[\"']?([^\"'\s]\S{0,300})"
_PLATFORMS = {
    "linux-64": "linux-x86_64",
    "linux-aarch64": "linux-aarch64",
    "win-64": "windows-x86_64",
    "win-arm64": "windows-arm64",
    "osx-64": "macos-x86_64",
    "osx-arm64": "macos-arm64",
}
_TELLING = ("__", "platform", "user-agent", "prefix")
_LONGEST = 400


def read(lines: Sequence[Line]) -> Reading:
    """Read exports and `conda info`; a demand without an exact version is no installed package."""
    packages: list[Package] = []
    claimed: set[int] = set()
    stated: list[Stated] = []
    in_file = False
    for line in lines:
        text = line.text.strip() if len(line.text) <= _LONGEST else ""
        if not text:
            continue
        if not line.text.startswith((" ", "\t", "-")):
            in_file = text == "dependencies:"
        row = _row(text, line.number, in_file=in_file)
        if row:
            packages.append(row)
            claimed.add(line.number)
            if row.name == "python":
                stated.append(Stated("python.version", Known(row.version, FORMAT), row.line))
            continue
        facts = list(_facts(line.text))
        stated += [Stated(name, fact, line.number) for name, fact in facts]
        if facts:
            claimed.add(line.number)
    return Reading(FORMAT, tuple(stated), packages=tuple(packages), claimed=frozenset(claimed))


def _row(text: str, number: int, *, in_file: bool) -> Package | None:
    if "=" not in text and not text.startswith("http"):
        return None
    file = re.fullmatch(_PACKAGE_FILE, text) if "://" in text else None
    if file:
        return Package(file[2], file[3], number, "conda", file[4], file[1])
    match = re.fullmatch(_ROW, text)
    if match:
        if match[4].startswith("pypi_"):
            return Package(match[2], match[3], number, channel="pypi")
        return Package(match[2], match[3], number, "conda", match[4], match[1] or "")
    item = re.fullmatch(_ITEM, text) if in_file else None
    # Two numbers are conda's way to ask for any release of a series, except where releases have no more.
    if item and (item[3].count(".") >= 2 or item[2] in ("cudatoolkit", "pytorch-cuda", "cuda")):
        return Package(item[2], item[3], number, "conda", "", item[1] or "")
    return None


def _facts(text: str) -> Iterator[tuple[str, Fact]]:
    if not any(word in text for word in _TELLING):
        return
    virtual = re.search(_VIRTUAL, text)
    if virtual:
        if virtual[1] == "__cuda":
            yield "driver.cuda_version", Known(virtual[2], "conda info")
        elif virtual[1] == "__glibc":
            yield "host.libc", Known(f"glibc {virtual[2]}", "conda info")
        elif virtual[1] == "__osx":
            yield "host.version", Known(f"macos {virtual[2]}", "conda info")
        elif virtual[1] == "__linux":
            yield "host.kernel", Known(virtual[2], "conda info")
    platform = re.fullmatch(_PLATFORM, text)
    if platform:
        yield "host.platform", Known(_PLATFORMS[platform[1]], "conda info")
    agent = re.search(_AGENT, text)
    if agent:
        yield from ((told.name, Known(told.value, "conda info")) for told in system(f"{agent[1]} {agent[2]}"))
        yield "host.libc", Known(f"glibc {agent[3]}", "conda info")
    prefix = re.fullmatch(_PREFIX, text)
    if prefix:
        yield "env.CONDA_PREFIX", Known(prefix[1], FORMAT)
