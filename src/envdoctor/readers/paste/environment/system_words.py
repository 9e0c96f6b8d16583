"""What reports call an operating system, as facts: `Ubuntu 20.04.3 LTS (x86_64)`, and `platform.platform()`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value

PROCESSORS = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "x64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "arm64",
    "ppc64le": "ppc64le",
    "i386": "i386",
    "i686": "i386",
}

IDS = (
    # What the PRETTY_NAME of os-release(5) or lsb_release begin with, and the ID beside it.
    ("red hat", "rhel"),
    ("rhel", "rhel"),
    ("opensuse leap", "opensuse-leap"),
    ("opensuse tumbleweed", "opensuse-tumbleweed"),
    ("suse linux enterprise", "sles"),
    ("amazon linux", "amzn"),
    ("oracle linux", "ol"),
    ("linux mint", "linuxmint"),
    ("pop!_os", "pop"),
    ("arch linux", "arch"),
    ("kali", "kali"),
    ("void", "void"),
    ("common base linux mariner", "mariner"),
    ("microsoft azure linux", "azurelinux"),
    ("alibaba cloud linux", "alinux"),
    ("tencentos", "tencentos"),
    ("deepin", "deepin"),
    ("uos", "uos"),
    ("kylin", "kylin"),
    ("openeuler", "openeuler"),
    *((name, name) for name in ("ubuntu", "debian", "centos", "fedora", "rocky", "almalinux", "manjaro", "gentoo")),
    *((name, name) for name in ("alpine", "nixos", "garuda", "endeavouros", "cachyos", "zorin", "raspbian")),
    ("scientific", "scientific"),
)

_PROCESSOR = Pattern(r"(?<![A-Za-z0-9])(x86_64|amd64|x64|aarch64|arm64|ppc64le|i[36]86)(?![A-Za-z0-9])", re.IGNORECASE)
_WINDOWS = Pattern(r"\bwindows\b[^\d\n]{0,40}(\d{1,4})?", re.IGNORECASE)
_WINDOWS_BUILD = Pattern(r"\b(?:10|6)\.\d\.\d{4,5}\b")
_MAC = Pattern(r"\b(?:mac ?os ?x?|darwin)\b[ -]{0,4}(\d{1,2}(?:\.\d{1,2}){0,2})?", re.IGNORECASE)
_NUMBER = Pattern(r"\d{1,2}(?:\.\d{1,2})?")
_SUSE = Pattern(r"\b(\d{2}) SP(\d)\b")
_LINUX = Pattern(r"Linux-(?P<kernel>[^-\s]{1,40}(?:-[^\s]{1,80}?)??)-(?:x86_64|aarch64|ppc64le|i[36]86)(?:-|$)")
_GLIBC = Pattern(r"-with-glibc(\d\.\d{1,2})\b")

TWO_PARTS = frozenset(
    {"ubuntu", "rhel", "rocky", "almalinux", "opensuse-leap", "linuxmint", "pop", "ol", "alpine", "nixos"}
)
"""Distributions whose VERSION_ID has a part behind the point; the others count whole numbers."""

SCREENED = "10.16"
"""What macOS 11 and later tell programs that were built for an older SDK."""


class Told(NamedTuple):
    """A fact by its name, as words of a report tell it."""

    name: str
    value: Value


def processor_in(words: str) -> str | None:
    """Return the first processor that is named: "(AMD64)" is x86_64."""
    found = _PROCESSOR.search(words)
    return PROCESSORS[found[1].lower()] if found else None


def system(words: str) -> Iterator[Told]:
    """Tell what the name of a system says: kind, version, and platform where the processor stands beside it."""
    processor = processor_in(words)
    mac, windows = _MAC.search(words), _WINDOWS.search(words)
    if mac:
        yield from _mac(mac[1], processor)
    elif windows:
        yield from _windows(words, windows[1], processor)
    elif re.search(r"linux|gnu", words, re.IGNORECASE) or _distribution(words):
        yield Told("host.os", "linux")
        if "microsoft" in words.lower() and "wsl" in words.lower():
            yield Told("host.wsl", True)
        version = _distribution(words)
        if version:
            yield Told("host.version", version)
        if processor:
            yield Told("host.platform", f"linux-{'aarch64' if processor == 'arm64' else processor}")


def python_platform(words: str) -> Iterator[Told]:
    """Tell what `platform.platform()` says, but for the C library (`glibc_of_platform`)."""
    linux = _LINUX.match(words)
    if linux:
        yield Told("host.os", "linux")
        kernel = linux["kernel"]
        processor = processor_in(words[linux.end("kernel") :])
        jetson = "-jetson" if processor == "aarch64" and kernel.endswith("-tegra") else ""
        yield Told("host.platform", f"linux-{processor}{jetson}")
        yield Told("host.kernel", kernel)
        if "microsoft" in kernel.lower():
            yield Told("host.wsl", True)
    elif words.startswith(("macOS-", "Darwin-")):
        version = None if words.startswith("Darwin") else _MAC.search(words)
        yield from _mac(version[1] if version else None, processor_in(words))
    elif words.startswith("Windows-"):
        yield from _windows(words, None, processor_in(words))


def glibc_of_platform(words: str) -> str | None:
    """Return "glibc 2.31" of "...-with-glibc2.31"; before Python 3.9 this is what the executable asks for at least."""
    found = _GLIBC.search(words)
    return f"glibc {found[1]}" if found else None


def _mac(version: str | None, processor: str | None) -> Iterator[Told]:
    yield Told("host.os", "macos")
    if version and version != SCREENED:
        yield Told("host.version", f"macos {version}")
    if processor in ("arm64", "x86_64"):
        yield Told("host.platform", f"macos-{processor}")
        yield Told("python.machine", processor)


def _windows(words: str, release: str | None, processor: str | None) -> Iterator[Told]:
    """The number of the build tells more than the name: Windows 11 calls itself 10.0 as well."""
    yield Told("host.os", "windows")
    build = _WINDOWS_BUILD.search(words)
    if build:
        yield Told("host.version", f"windows {build[0]}")
    elif release:
        yield Told("host.version", f"windows {release}")
    if processor in ("arm64", "x86_64"):
        yield Told("host.platform", f"windows-{processor}")


def _distribution(words: str) -> str | None:
    """Return a distribution as os-release(5) names it: "ubuntu 20.04"."""
    lower = words.lower()
    name = next((name for begins, name in IDS if lower.startswith(begins)), None)
    if name is None:
        return None
    suse = _SUSE.search(words) if name == "sles" else None
    # The processor stands behind the name, in brackets.
    number = _NUMBER.search(words.partition("(")[0])
    if suse:
        return f"sles {suse[1]}.{suse[2]}"
    if number is None:
        return name
    return f"{name} {number[0] if name in TWO_PARTS else number[0].partition('.')[0]}"
