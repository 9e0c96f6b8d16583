"""`conda list`, `mamba list` and `pixi list`: name, version, build, channel; and such rows without their heading.

    # packages in environment at /opt/conda:
    # Name                    Version                   Build  Channel
    pytorch                   1.9.0           py3.8_cuda11.1_cudnn8.0.5_0    pytorch
    torch                     2.1.0+cu118              pypi_0    pypi
    torch                     1.0.0                     <pip>                 (conda before 4.6)
    pytorch   2.5.1   cuda126_py312h1763f6d_306   24.3 MiB   conda   conda-forge        (pixi)

Rows that pip installed are called so by their channel or build.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Package, Reading, Stated
from envdoctor.readers.paste.listings.package_words import NAME, VERSION, is_telling
from envdoctor.readers.paste.tools.folder_words import system_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.paste import Line

FORMAT = "conda list"

_AT = r"(?i)#?\s{0,4}(?:packages in environment at|List of packages in environment:)\s{0,4}(\S.{0,300}?):?\s{0,4}"
_HEADING = r"(?i)#?\s{0,4}Name\s{1,60}Version\s{1,60}Build\b.{0,80}"
_PIXI_HEADING = r"(?i)\s{0,4}(?:Package|Name)\s{1,60}Version\s{1,60}Build\s{1,60}Size\b.{0,80}"
# conda's own naming: a hash or a variant, an underscore, the number of the build; old ones are the number alone.
_BUILD = r"(?:[A-Za-z0-9.+-][A-Za-z0-9.+_-]{0,80}_\d{1,5}|<pip>|\d{1,4}|[A-Za-z]\w{0,40})"
_ROW = rf"(_?{NAME})\s{{1,60}}({VERSION})\s{{1,60}}({_BUILD})(?:\s{{1,60}}(\S{{1,200}}))?(?:\s.{{0,200}})?"
_SURE_BUILD = (
    r"pypi_0|<pip>|(?:py\d[\w.]{0,60}|h[0-9a-f]{6,8}|[\w.]{0,60}h[0-9a-f]{6,8}|cuda[\w.]{0,60}|cpu_?[\w.]{0,60})_\d{1,4}"
    r"|py\d{2,3}_cu\d{2,3}|py\d{2,3}_cpu"
)
_PIXI_ROW = (
    rf"(_?{NAME})\s{{1,60}}({VERSION})\s{{1,60}}(?:({_BUILD})\s{{1,60}})?[\d.]{{1,8}}\s[KMG]?i?B\s{{1,60}}(conda|pypi)"
    rf"(?:\s{{1,40}}(\S{{1,300}}))?(?:\s.{{0,200}})?"
)
_PLANNED = (
    rf"(_?{NAME})\s{{1,60}}(?:.{{1,120}}\s-->\s{{1,20}})?([\w./-]{{1,60}})::{NAME}-({VERSION})-({_BUILD})"
    r"(?:\s.{0,80})?"
)
"""What conda is about to install: `pytorch  pytorch/win-64::pytorch-1.10.0-py3.6_cpu_0`."""
_DOWNLOADED = (
    rf"(_?{NAME})-({VERSION})\s{{1,60}}\|\s{{1,60}}({_BUILD})\s{{1,60}}[\d.]{{1,8}} [KMG]?B(?:\s{{1,40}}(\S{{1,200}}))?"
)
_INTRODUCED = r"\s{0,8}(?:[$>#]?\s{0,3}conda list\b[^:\n]{0,40}:\s{1,4})"
_CHANNELS = frozenset(
    {"pypi", "nvidia", "conda-forge", "pytorch", "pytorch-nightly", "defaults", "anaconda", "pkgs/main"}
)
_FOR_ONE_SYSTEM = {
    "linux": frozenset({"_libgcc_mutex", "libgcc-ng", "libstdcxx-ng"}),
    "windows": frozenset({"vs2015_runtime", "vc14_runtime", "ucrt", "pywin32"}),
    "macos": frozenset({"pyobjc-core", "pyobjc-framework-cocoa", "appnope"}),
}
_LOADERS = {"ld_impl_linux-64": "linux-x86_64", "ld_impl_linux-aarch64": "linux-aarch64"}
_LONGEST = 300
_FEWEST = 10


def read(lines: Sequence[Line]) -> Reading:
    """Read listings below their heading, and rows of telling names with a build of conda's form anywhere."""
    packages: list[Package] = []
    claimed: set[int] = set()
    stated: list[Stated] = []
    below: list[Package] | None = None
    whole = False
    for line in lines:
        text = line.text.strip() if len(line.text) <= _LONGEST else ""
        folder = re.fullmatch(_AT, text)
        if folder:
            stated.append(Stated("env.CONDA_PREFIX", Known(folder[1], FORMAT), line.number))
            system = system_of(folder[1])
            stated += [Stated("host.os", Known(system, FORMAT), line.number)] if system else []
        if folder or re.fullmatch(_HEADING, text) or re.fullmatch(_PIXI_HEADING, text):
            claimed.add(line.number)
            packages += _installed(below)
            below = []
            continue
        row = _row(text, line.number, below=below is not None)
        if row:
            (packages if below is None else below).append(row)
            claimed.add(line.number)
        elif below is not None and text and not set(text) <= set("-─━ #") and not text.startswith("#"):
            whole = whole or _is_whole(below, text)
            packages += _installed(below)
            below = None
    whole = whole or (below is not None and _is_whole(below, ""))
    packages += _installed(below)
    stated += _machine(packages)
    return Reading(FORMAT, tuple(stated), packages=tuple(packages), claimed=frozenset(claimed), whole=whole)


def _machine(packages: Sequence[Package]) -> Iterator[Stated]:
    """State Python, and the system by packages that are for one alone: its loader, its runtime of the compiler."""
    for package in packages:
        name = package.name.lower()
        system = next((system for system, names in _FOR_ONE_SYSTEM.items() if name in names), None)
        if system:
            yield Stated("host.os", Known(system, FORMAT), package.line)
        if name == "python" and package.manager == "conda":
            yield Stated("python.version", Known(package.version, FORMAT), package.line)
        if name in _LOADERS:
            yield Stated("host.platform", Known(_LOADERS[name], FORMAT), package.line)


def _installed(rows: Sequence[Package] | None) -> Sequence[Package]:
    """Return the rows of a listing; `conda search` has the same columns, and names one package over and over."""
    if not rows or len({row.name for row in rows}) * 2 <= len(rows):
        return ()
    return rows


def _row(text: str, number: int, *, below: bool) -> Package | None:
    introduced = re.match(_INTRODUCED, text)
    if introduced:
        text = text[introduced.end() :]
    pixi = re.fullmatch(_PIXI_ROW, text)
    if pixi and (below or is_telling(pixi[1]) or pixi[1] == "pytorch"):
        channel = "" if pixi[4] == "pypi" else (pixi[5] or "").rstrip("/").rsplit("/", 1)[-1]
        return Package(pixi[1], pixi[2], number, "pip" if pixi[4] == "pypi" else "conda", pixi[3] or "", channel)
    planned = re.fullmatch(_PLANNED, text) if "::" in text else None
    if planned:
        return Package(planned[1], planned[3], number, "conda", planned[4], planned[2].split("/")[0])
    fetched = re.fullmatch(_DOWNLOADED, text) if "|" in text else None
    if fetched:
        return Package(fetched[1], fetched[2], number, "conda", fetched[3], (fetched[4] or "").rsplit("/", 1)[-1])
    match = re.fullmatch(_ROW, text)
    if match is None:
        return None
    name, version, build, channel = match[1], match[2], match[3], match[4] or ""
    # A sentence can begin like a row; only conda's own form of a build tells them apart.
    if not below and not (
        (re.fullmatch(_SURE_BUILD, build) or channel in _CHANNELS) and (is_telling(name) or _is_conda_s(name))
    ):
        return None
    if build in ("pypi_0", "<pip>") or channel in ("pypi", "<pip>"):
        return Package(name, version, number, channel="pypi")
    return Package(name, version, number, "conda", build, channel.rstrip("/").rsplit("/", 1)[-1])


def _is_conda_s(name: str) -> bool:
    return name.lower() in (
        "pytorch",
        "pytorch-cpu",
        "pytorch-gpu",
        "pytorch-cuda",
        "pytorch-mutex",
        "python",
        "cuda",
        "libtorch",
    )


def _is_whole(rows: Sequence[Package], after: str) -> bool:
    """Whether a listing below its heading was neither filtered nor cut: every environment has Python, and z follows."""
    names = {row.name for row in rows}
    return (
        len(rows) >= _FEWEST
        and "python" in names
        and not after.startswith(("..", "…", "[..."))
        and (bool(after) or rows[-1].name[:1].lower() >= "x")
    )
