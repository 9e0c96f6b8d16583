"""Small commands that tell of a machine: uname, os-release, lsb_release, `ldd --version`, df, ulimit, wsl.

Linux box 5.15.167.4-microsoft-standard-WSL2 #1 SMP ... x86_64 GNU/Linux
ldd (Ubuntu GLIBC 2.35-0ubuntu3.4) 2.35
shm              64M     0   64M   0% /dev/shm
max locked memory           (kbytes, -l) 64
# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.model.paste import Reading, Stated
from envdoctor.readers.paste.environment.system_words import system

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact
    from envdoctor.model.paste import Line

FORMAT = "system tools"

_UNAME = (
    r"(?:^|[\s>:$#])Linux (?:version |(?!release )\S{1,80} )(\d\.\d{1,3}\.\d{1,3}[\w.+~-]{0,60})"
    r"(?: #\d{1,6}|\s\(|\s.{0,200}GNU/Linux)"
)
_RELEASE = r"\s{0,4}(\d\.\d{1,3}\.\d{1,3}(?:\.\d{1,3})?-(?:microsoft-standard[\w-]{0,12}|\d{5}-Microsoft|tegra))\s{0,4}"
_DARWIN = r"\bDarwin \S{1,80} (\d\d)\.\d{1,2}\.\d{1,2} Darwin Kernel Version.{0,200}\b(arm64|x86_64)\s{0,4}$"
_MACHINE = r"\b(x86_64|aarch64|ppc64le)\b(?!.{0,300}\b(?:x86_64|aarch64|ppc64le)\b)"
_MACHINE_ASKED = r".{0,120}\b(?:uname -[mpi]|arch)\s{0,4}"
_MACHINE_ALONE = r"\s{0,4}(x86_64|aarch64|arm64)\s{0,4}"
_OS_RELEASE = r"(ID|VERSION_ID)=[\"']?([a-z0-9._-]{1,30})[\"']?\s{0,4}"
_LONG_NAME = (
    r"(?:PRETTY_NAME=|Description:\s{1,8}|\s{0,12}Operating System:\s{1,4})[\"']?([A-Z][^\"']{2,80})[\"']?\s{0,4}"
)
_CENTOS = r"((?:CentOS|Red Hat|Rocky|AlmaLinux|Fedora|Oracle)[ \w]{0,40} release \d{1,2}(?:\.\d{1,4}){0,2})\b.{0,40}"
_MACOS = r"ProductVersion:\s{1,8}(\d{2}(?:\.\d{1,2}){0,2})\s{0,4}"
_WINDOWS = r"\s{0,4}Microsoft Windows \[\D{1,12} (10\.0\.\d{5})(?:\.\d{1,6})?\]\s{0,4}"
_WSL = r"(?i)\s{0,4}WSL (?:version|版本|バージョン)\s{0,2}:\s{0,2}2\.\d.{0,20}"
_GLIBC = r"ldd \((?:\w{1,20} E?GLIBC |GNU libc|GNU C Library)[^)]{0,60}\) (2\.\d{1,2})(?:\.\d{1,3})?\b"
_GLIBC_RUN = r"GNU C Library \([^)]{1,80}\) (?:stable|development) release version (2\.\d{1,2})\b"
_L4T = r"#? ?R(\d{2}) \(release\), REVISION: (\d{1,2}(?:\.\d{1,2}){0,2})\b"
_SHM = (
    r"\s{0,8}\S{1,60}\s{1,30}(\d{1,15}(?:\.\d{1,3})?)([KMGT]?)i?B?"
    r"\s{1,30}\d\S{0,15}\s{1,30}\d\S{0,15}\s{1,30}\d{1,3}%\s{1,4}/dev/shm\s{0,8}"
)
_SHM_MOUNT = r"(?:shm|tmpfs) on /dev/shm type tmpfs \(.{0,200}\bsize=(\d{1,12})([kKmMgG])\b"
_LOCKED = r"max locked memory\s{1,20}\(kbytes, -l\)\s{1,20}(unlimited|\d{1,15})\s{0,8}"
_UNITS = {"": 1024, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
"""What the letters of df count; a number without one counts blocks of 1024 bytes."""

_TELLING = (
    "Linux ", "Darwin ", "microsoft", "Microsoft", "tegra", "ID=", "PRETTY_NAME", "Description:", "Operating System:",
    " release ", "ProductVersion", "WSL", "ldd (", "GNU C Library", "REVISION", "/dev/shm", "locked memory",
)  # fmt: skip
_LONGEST = 400


def read(lines: Sequence[Line]) -> Reading:
    """Read each line for itself; the identifier and the version of os-release(5) stand in two."""
    stated: list[Stated] = []
    claimed: set[int] = set()
    release: dict[str, tuple[str, int]] = {}
    stated += _machine(lines)
    in_wsl = any("wsl" in line.text.lower() or "microsoft-standard" in line.text for line in lines)
    for line in lines:
        text = line.text
        if len(text) > _LONGEST or not any(word in text for word in _TELLING):
            continue
        part = re.fullmatch(_OS_RELEASE, text)
        if part:
            release.setdefault(part[1], (part[2], line.number))
        if not in_wsl and (windows := re.fullmatch(_WINDOWS, text)):
            stated.append(Stated("host.os", Known("windows", FORMAT), line.number))
            stated.append(Stated("host.version", Known(f"windows {windows[1]}", FORMAT), line.number))
        found = list(_facts(text))
        stated += [Stated(name, fact, line.number) for name, fact in found]
        if found or part:
            claimed.add(line.number)
    if "ID" in release:
        name, number = release["ID"]
        version = release.get("VERSION_ID", ("", 0))[0]
        stated.insert(0, Stated("host.version", Known(f"{name} {version}".strip(), "os-release"), number))
        stated.insert(0, Stated("host.os", Known("linux", "os-release"), number))
    return Reading(FORMAT, tuple(stated), claimed=frozenset(claimed))


def _machine(lines: Sequence[Line]) -> Iterator[Stated]:
    """Read the answer of `uname -m`: one word, below the command."""
    for asked, answer in pairwise(lines):
        machine = re.fullmatch(_MACHINE_ALONE, answer.text[:40]) if answer.text[:1] in " xa" else None
        if machine and re.fullmatch(_MACHINE_ASKED, asked.text[:200]):
            system = "macos" if machine[1] == "arm64" else "linux"
            yield Stated("host.platform", Known(f"{system}-{machine[1]}", "uname"), answer.number)


def _facts(text: str) -> Iterator[tuple[str, Fact]]:
    kernel = re.search(_UNAME, text) or re.fullmatch(_RELEASE, text)
    if kernel:
        yield from _linux(kernel[1], text)
    darwin = re.search(_DARWIN, text)
    if darwin:
        yield "host.os", Known("macos", "uname")
        yield "host.platform", Known(f"macos-{darwin[2]}", "uname")
    yield from _names(text)
    glibc = re.search(_GLIBC, text) or re.search(_GLIBC_RUN, text)
    if glibc:
        yield "host.libc", Known(f"glibc {glibc[1]}", "ldd --version")
    tegra = re.match(_L4T, text.strip())
    if tegra:
        yield "host.l4t", Known(f"{tegra[1]}.{tegra[2]}", "/etc/nv_tegra_release")
        yield "host.platform", Known("linux-aarch64-jetson", "/etc/nv_tegra_release")
    yield from _limits(text)


def _linux(kernel: str, text: str) -> Iterator[tuple[str, Fact]]:
    yield "host.os", Known("linux", "uname")
    yield "host.kernel", Known(kernel, "uname")
    machine = re.search(_MACHINE, text)
    if machine:
        jetson = "-jetson" if kernel.endswith("-tegra") else ""
        yield "host.platform", Known(f"linux-{machine[1]}{jetson}", "uname")
    elif kernel.endswith("-tegra"):
        yield "host.platform", Known("linux-aarch64-jetson", "uname")
    if "microsoft" in kernel.lower():
        yield "host.wsl", Known(value=True, source="uname")


def _names(text: str) -> Iterator[tuple[str, Fact]]:
    name = re.fullmatch(_LONG_NAME, text) or re.fullmatch(_CENTOS, text.strip())
    if name:
        yield from ((told.name, Known(told.value, "the name of the system")) for told in system(name[1]))
    macos = re.fullmatch(_MACOS, text)
    if macos:
        yield "host.os", Known("macos", "sw_vers")
        yield "host.version", Known(f"macos {macos[1]}", "sw_vers")
    if re.fullmatch(_WSL, text):
        yield "host.wsl", Known(value=True, source="wsl --version")


def _limits(text: str) -> Iterator[tuple[str, Fact]]:
    shm = re.fullmatch(_SHM, text) or re.search(_SHM_MOUNT, text)
    if shm:
        yield "shm.total_bytes", Known(int(float(shm[1]) * _UNITS[shm[2].upper()]), "/dev/shm")
    locked = re.fullmatch(_LOCKED, text)
    if locked:
        limit: Fact = Absent("unlimited") if locked[1] == "unlimited" else Known(int(locked[1]) * 1024, "ulimit -l")
        yield "limits.memlock_bytes", limit
