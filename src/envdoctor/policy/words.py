"""The words of a demand as a PEP 440 specifier: see `model.demand.Kind` for what they may be."""

from __future__ import annotations

import re

from envdoctor.model.demand import Kind

LONGEST = 200
"""Characters of a demand; what people write is far shorter."""

LEAST_ARCHITECTURE = 20
"""No GPU has so high a major number; "80", as nvcc writes it, is 8.0, and "<90" would hold of every GPU."""

ANY = "*"
"""Any version will do: it has to be there."""

UNITS = {
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
SHORT_UNITS = {"k": "KiB", "ki": "KiB", "m": "MiB", "mi": "MiB", "g": "GiB", "gi": "GiB", "t": "TiB", "ti": "TiB"}
"""What Docker and Kubernetes write for them (docs.docker.com, kubernetes.io: "g" and "Gi" are both GiB)."""

_COMPARISON = re.compile(r"(~=|==|!=|<=|>=|<|>)\s*([^\s<>=~!].*)")
_NUMBERS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,5}")
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))?\s*([A-Za-z]{0,3})")
_COUNT = re.compile(r"[0-9]{1,9}")
_CAPABILITY = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2})?")
_SM = re.compile(r"(?:sm|compute)_?([0-9]{1,2})([0-9])[af]?", re.IGNORECASE)

NAMES = {
    "channel": (
        re.compile(r"cpu|xpu|cu[0-9]{2,3}|rocm[0-9]{1,2}(\.[0-9]{1,2}){0,2}"),
        'write it like "cu126" or "cpu"',
    ),
    "platform": (re.compile(r"(linux|windows|macos)-[a-z0-9_]{1,20}(-jetson)?"), 'write it like "linux-x86_64"'),
}
"""What the words of a `Kind.NAME` look like, and what to write instead of others."""


class NoDemand(Exception):
    """Words that say nothing that could be compared; the text says what to write."""


def specifier_of(kind: Kind, words: str, key: str = "") -> str:
    """Return what is compared. `key` is asked for a `NAME` alone. Raises `NoDemand`."""
    text = words.strip()
    if len(text) > LONGEST:
        raise NoDemand(f"longer than {LONGEST} characters")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise NoDemand("the value is empty")
    if kind is Kind.NAME:
        return ",".join(dict.fromkeys(_name(part, key) for part in parts))
    if len(parts) > 1 and any(not _COMPARISON.fullmatch(part) for part in parts):
        alone = next(part for part in parts if not _COMPARISON.fullmatch(part))
        raise NoDemand(f'"{alone}" beside others needs a comparison: ">={alone}", "<{alone}"')
    made = ",".join(_PARTS[kind](part) for part in parts)
    _check(made, text)
    return made


def _check(made: str, text: str) -> None:
    """Raise `NoDemand` for what PEP 440 does not know."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(made)
    except InvalidSpecifier:
        raise NoDemand(f'"{text}" is no comparison; write it like ">=2.6,<2.9"') from None


def _divided(part: str) -> tuple[str, str]:
    """Return the comparison, empty for none, and what is compared with."""
    found = _COMPARISON.fullmatch(part)
    if found:
        return found[1], found[2].strip()
    if part[:1] in "=<>!~^":
        alone = part.lstrip("=<>!~^ ")
        raise NoDemand(f'"{part}" is no comparison; write it like ">={alone}" or "=={alone}"')
    return "", part


def _version(part: str) -> str:
    comparison, version = _divided(part)
    if comparison:
        return f"{comparison}{version}"
    if version == ANY:
        return ">=0.dev0"  # before every version there is
    number = version.removeprefix("v").removesuffix(".*").removesuffix(".x")
    return f"=={number}.*" if _NUMBERS.fullmatch(number) else f"=={number}"


def _count(part: str) -> str:
    comparison, number = _divided(part)
    if not _COUNT.fullmatch(number):
        raise NoDemand(f'"{part}" is no whole number; write it like ">=1"')
    return f"{comparison or '=='}{number}"


def _capability(part: str) -> str:
    comparison, number = _divided(part)
    named = _SM.fullmatch(number)
    if named:
        raise NoDemand(f'"{part}" names an architecture; as a compute capability it is "{named[1]}.{named[2]}"')
    plain = number.removesuffix(".*")
    if plain.isdigit() and int(plain) >= LEAST_ARCHITECTURE:
        advice = f'as a compute capability it is "{plain[:-1]}.{plain[-1]}"'
        raise NoDemand(f'"{part}" is an architecture without its point; {advice}')
    if not _CAPABILITY.fullmatch(plain):
        raise NoDemand(f'"{part}" is no compute capability; write it like ">=8.0"')
    return f"{comparison}{number}" if comparison else f"=={plain}.*"


def _size(part: str) -> str:
    comparison, size = _divided(part)
    found = _SIZE.fullmatch(size)
    if not found:
        raise NoDemand(f'"{part}" is no size; write it like ">=8 GiB"')
    unit = found[3].lower()
    if unit not in UNITS:
        number = size[: len(size) - len(found[3])].strip()
        raise NoDemand(f'"{part}" has no unit that is known; write it like "{number} {SHORT_UNITS.get(unit, "GiB")}"')
    decimals = found[2] or ""
    # Whole bytes, a part of one counted as one: nothing is left to rounding.
    size_bytes = -(-int(found[1] + decimals) * UNITS[unit] // 10 ** len(decimals))
    return f"{comparison or '>='}{size_bytes}"


def _name(part: str, key: str) -> str:
    form, advice = NAMES[key]
    if not form.fullmatch(part):
        raise NoDemand(f'"{part}" is unknown; {advice}')
    return part


_PARTS = {Kind.VERSION: _version, Kind.COUNT: _count, Kind.CAPABILITY: _capability, Kind.SIZE: _size}
