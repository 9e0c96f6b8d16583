"""The system that people name: "Windows 11", "Ubuntu 20.04", "CentOS release 6.8, glibc 2.12", "Apple M1", "WSL2"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Stated
from envdoctor.readers.paste.written.clauses import Stance
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.readers.paste.written.clauses import Clause

DISTRIBUTIONS = {
    "ubuntu": r"[kxl]?ubuntu", "debian": "debian", "fedora": "fedora", "centos": r"cent ?os",
    "rhel": r"rhel|red ?hat(?: enterprise)?", "rocky": "rocky", "almalinux": r"alma(?:linux)?",
    "arch": r"arch ?linux", "manjaro": "manjaro", "opensuse-leap": r"open ?suse(?: leap)?",
    "sles": r"sles|suse linux enterprise", "linuxmint": r"linux ?mint", "pop": r"pop!?_?os", "amzn": "amazon linux",
    "kali": "kali", "nixos": "nixos", "alpine": "alpine", "gentoo": "gentoo",
}  # fmt: skip
"""The IDs of os-release(5) and what people write for them."""

_DISTRIBUTION = Pattern(
    "|".join(rf"(?<![\w/-])(?P<{name.replace('-', '_')}>{words})" for name, words in DISTRIBUTIONS.items()),
    re.IGNORECASE,
    words=(
        "buntu",
        "debian",
        "fedora",
        "cent",
        "rhel",
        "red",
        "rocky",
        "alma",
        "arch",
        "manjaro",
        "suse",
        "sles",
        "mint",
        "pop",
        "amazon",
        "kali",
        "nixos",
        "alpine",
        "gentoo",
    ),
)
_NUMBER_OF_IT = Pattern(
    r"(?:[\s:_-]{0,3}(?:linux|gnu/linux|release|server|stream|version|lts|v)){0,3}[\s:_-]{0,2}"
    r"(?P<number>\d{1,2}(?:\.\d{1,4}){0,2})?(?![\w])",
    re.IGNORECASE,
)
_LINUX = Pattern(r"(?<![\w/-])linux(?![\w/])|\bcolab\b|\bkaggle\b", re.IGNORECASE, words=("linux", "colab", "kaggle"))
_WINDOWS = Pattern(
    r"(?<![\w/-])win(?:dows)?[\s:]{0,2}(?P<server>server)?[\s:]{0,2}"
    r"(?:\[version (?P<full>\d{1,2}\.\d\.\d{4,6})|(?P<number>11|10|8\.1|8|7|20[12]\d))(?:[ -]?x?(?:64|86))?(?![\w])"
    r"|(?<![\w/-])windows(?![\w/])(?! subsystem)",
    re.IGNORECASE,
    words=("win",),
)
_MACOS = Pattern(
    r"(?<![\w/])(?:mac ?os(?: ?x)?|os x)(?:[\s:]{0,2}[a-z]{4,10})?[\s:]{0,3}"
    r"(?P<number>\d{2}(?:\.\d{1,2}){0,2})?(?![\w])",
    re.IGNORECASE,
    words=("mac", "os x"),
)
_APPLE = Pattern(
    r"(?<![\w-])(?:Apple (?:Silicon|silicon)|(?:Apple )?(?P<model>[Mm][1-5](?: (?:Pro|Max|Ultra))?)(?![\w.-]))"
)
_MAC = Pattern(
    r"\b(?:mac ?book|imac|mac ?mini|mac studio|mac pro)\b|\bmac\b|\bApple Silicon\b",
    re.IGNORECASE,
    words=("mac", "apple"),
)
_INTEL_MAC = Pattern(r"\bintel\b[^.,;]{0,20}\bmac|\bmac\w{0,5}\b[^.,;]{0,20}\bintel\b", re.IGNORECASE, words=("intel",))
_WSL = Pattern(r"\bwsl(?: ?2)?\b|windows subsystem for linux", re.IGNORECASE, words=("wsl", "subsystem"))
_JETSON = Pattern(
    r"\bjetson\b|\bjetpack\b|\b(?:agx|nx) (?:orin|xavier)\b", re.IGNORECASE, words=("jet", "orin", "xavier")
)
_L4T = Pattern(r"\bl4t[\s:-]{0,3}r?(?P<release>\d{2}(?:\.\d{1,2}){1,2})(?![\w])", re.IGNORECASE, words=("l4t",))
_GLIBC = Pattern(
    r"(?<![\w`'])g?libc[\s:=-]{1,3}(?:version )?(?:is )?(?P<number>2\.\d{1,2})(?![\w]|\.\d)",
    re.IGNORECASE,
    words=("libc",),
)
_ARM = Pattern(r"(?<![\w])(?:aarch64|arm64)(?![\w])", re.IGNORECASE, words=("aarch64", "arm64"))
_IS_NOT = Pattern(r"\s(?:is not|isn't|not) (?:used|involved|installed)\b", re.IGNORECASE)
_NOT = Pattern(
    r"\b(?:not(?! (?:available|found|detected|working|supported|recogni[sz]ed) on)|no|without|native|isn't|never)\b"
    r"[^,;]{0,20}$",
    re.IGNORECASE,
)


def host_facts(clauses: Sequence[Clause], source: str) -> Iterator[Stated]:
    """State the system. What is said of the machine around a container tells its kernel, and not its distribution."""
    # A marker of a requirement names the system it is for, in pip's complaints as well.
    told = [one for one in clauses if one.stance >= Stance.ASIDE and "platform_system" not in one.text]
    wsl = next((clause for clause in told if _affirmed(_WSL, clause.text)), None)
    if wsl:
        yield Stated("host.wsl", Known(True, source), wsl.line)
        yield Stated("host.os", Known("linux", source), wsl.line)
    yield from _jetson(told, source)
    seen: set[str] = set()
    for clause in told:
        for stated in _system(clause, source, wsl=wsl is not None):
            if stated.name not in seen:
                seen.add(stated.name)
                yield stated
        glibc = _GLIBC.search(clause.text)
        if glibc and not clause.host:
            yield Stated("host.libc", Known(f"glibc {glibc['number']}", source), clause.line)


def _affirmed(pattern: Pattern, text: str) -> re.Match[str] | None:
    match = pattern.search(text)
    return None if match and (_NOT.search(text[: match.start()]) or _IS_NOT.match(text, match.end())) else match


def _jetson(clauses: Sequence[Clause], source: str) -> Iterator[Stated]:
    for clause in clauses:
        release = _L4T.search(clause.text)
        if release:
            yield Stated("host.l4t", Known(release["release"], source), clause.line)
        if release or _affirmed(_JETSON, clause.text):
            yield Stated("host.os", Known("linux", source), clause.line)
            yield Stated("host.platform", Known("linux-aarch64-jetson", source), clause.line)


def _system(clause: Clause, source: str, *, wsl: bool) -> Iterator[Stated]:
    text = clause.text
    distribution, windows = _affirmed(_DISTRIBUTION, text), _affirmed(_WINDOWS, text)
    macos = _affirmed(_MACOS, text)
    found: list[tuple[str, str]] = []
    if distribution:
        found.append(("host.os", "linux"))
        if not clause.host:
            found.append(("host.version", _distribution(distribution)))
    elif windows and not wsl:
        found.append(("host.os", "windows"))
        version = windows["full"] or windows["number"]
        if version:
            found.append(("host.version", f"windows {'server ' if windows['server'] else ''}{version}"))
    elif macos or _affirmed(_MAC, text):
        found.append(("host.os", "macos"))
        if macos and macos["number"]:
            found.append(("host.version", f"macos {macos['number']}"))
    elif _affirmed(_LINUX, text):
        found.append(("host.os", "linux"))
    if found:
        found += _processor(text, found[0][1])
    for name, value in found:
        yield Stated(name, Known(value, source), clause.line)


def _distribution(match: re.Match[str]) -> str:
    name = str(match.lastgroup).replace("_", "-")
    number = _NUMBER_OF_IT.match(match.string, match.end())
    return f"{name} {number['number']}" if number and number["number"] else name


def _processor(text: str, system: str) -> list[tuple[str, str]]:
    """Return what is said of the processor of that system."""
    apple = _APPLE.search(text) if system == "macos" else None
    if apple:
        told = [("host.platform", "macos-arm64"), ("cpu.architecture", "arm64")]
        return [*told, ("cpu.model", f"Apple M{apple['model'][1:]}")] if apple["model"] else told
    if system == "macos":
        intel = _INTEL_MAC.search(text)
        return [("host.platform", "macos-x86_64"), ("cpu.architecture", "x86_64")] if intel else []
    arm = "aarch64" if system == "linux" else "arm64"
    return [("host.platform", f"{system}-{arm}")] if _ARM.search(text) else []
