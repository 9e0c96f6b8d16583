"""What a lock demands of an environment: exactly what torch computes with, at least what a host may have more of.

Every value is one that a fixed pattern allows and that the reader of policies takes: a snapshot may come from a
stranger, and a lock is a file that others will trust.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.demand import BY_NAME, KEYS, PACKAGE, Kind
from envdoctor.model.fact import Absent, Unknown
from envdoctor.model.machine import parse_capability
from envdoctor.model.names import normalised
from envdoctor.model.smoke import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.model.fact import Value
    from envdoctor.model.snapshot import Snapshot

OF_GPUS = ("gpus", "compute-capability")
PACKAGES = ("nvidia.packages", "opencv.packages", "extensions.packages")
"""Facts that map distributions to their versions."""
MOST_PACKAGES = 1000
"""Packages written at most; real environments have about 30 that count."""

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,99}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_PYTHON = re.compile(r"([0-9]{1,3}\.[0-9]{1,3})(?![0-9]).{0,50}")
_GLIBC = re.compile(r"glibc ([0-9]{1,3}(?:\.[0-9]{1,3}){1,2})")


class Demanded(NamedTuple):
    """Specifiers by key in the order of `KEYS`, and those of distributions by name.

    `left_out` are keys, distributions and facts that tell too little, or no version that can be compared.
    """

    keys: dict[str, str]
    packages: dict[str, str]
    left_out: tuple[str, ...]


class Passed(NamedTuple):
    """The kernel tests that passed and failed nowhere, and the devices they passed on, each by name."""

    tests: list[str]
    devices: list[str]


def demanded_of(seen: Snapshot) -> Demanded:
    """Return what the lock of an environment demands. What is not there is not demanded."""
    keys: dict[str, str] = {}
    left_out: list[str] = []
    passed_over = _passed_over(seen)
    for key in KEYS:
        if key.name not in _WRITTEN or key.name in passed_over:
            continue
        specifier = _WRITTEN[key.name](seen, key.facts[0])
        if specifier and _is_readable(key.kind, specifier, key.name):
            keys[key.name] = specifier
        elif specifier or not isinstance(seen[key.facts[0]], Absent):
            left_out.append(key.name)
    left_out += (fact for fact in (*PACKAGES, "torch.dependents") if isinstance(seen[fact], Unknown))
    packages: dict[str, str] = {}
    for name, version in sorted(_distributions(seen).items())[:MOST_PACKAGES]:
        if isinstance(version, str) and _VERSION.fullmatch(version) and _is_readable(Kind.VERSION, f"=={version}"):
            packages[name] = f"=={version}"
        else:
            left_out.append(PACKAGE + name)
    return Demanded(keys, packages, tuple(left_out))


def passed_in(seen: Snapshot, tests: frozenset[str]) -> Passed:
    """Return what kernels proved, of the `tests` that exist.

    A test that was skipped on one device, since it does not apply there, counts by the others.
    """
    fine = (Status.PASSED.value, Status.SKIPPED.value)
    rows = seen.known_rows("smoke.tests")
    bad = {str(row.get("name")) for row in rows if row.get("status") not in fine}
    good = [row for row in rows if row.get("status") == fine[0] and str(row.get("name")) in tests - bad]
    return Passed(sorted({str(row["name"]) for row in good}), sorted({str(row.get("device")) for row in good}))


def _passed_over(seen: Snapshot) -> tuple[str, ...]:
    """Return the keys that say nothing of this environment: it computes on no NVIDIA GPU, or none is there."""
    if isinstance(seen["torch.cuda"], Absent):
        return ("driver", *OF_GPUS)
    return OF_GPUS if isinstance(seen["gpu.visible"], Absent) or seen.known("gpu.visible") == [] else ()


def _is_readable(kind: Kind, specifier: str, key: str = "") -> bool:
    """Whether a policy may say that."""
    from envdoctor.policy.words import NoDemand, specifier_of

    try:
        specifier_of(kind, specifier, key)
    except NoDemand:
        return False
    return True


def _told(seen: Snapshot, fact: str, form: re.Pattern[str] = _VERSION) -> str:
    """Return the text of a fact, or the group of `form` in it; "" where it has none of that form."""
    text = seen.known(fact)
    match = form.fullmatch(text) if isinstance(text, str) else None
    return match[form.groups] if match else ""


def _exact(seen: Snapshot, fact: str) -> str:
    version = _told(seen, fact)
    return version and f"=={version}"


def _at_least(seen: Snapshot, fact: str) -> str:
    version = _told(seen, fact)
    return version and f">={version}"


def _series(seen: Snapshot, fact: str) -> str:
    """Wheels are built for a series of Python: its patch releases are the same to them."""
    series = _told(seen, fact, _PYTHON)
    return series and f"=={series}.*"


def _glibc(seen: Snapshot, fact: str) -> str:
    """Another C library is not compared: what is built for it asks for no version."""
    version = _told(seen, fact, _GLIBC)
    return version and f">={version}"


def _count(seen: Snapshot, fact: str) -> str:
    visible = seen.known(fact)
    return f">={len(visible)}" if isinstance(visible, list) and visible else ""


def _lowest(seen: Snapshot, _: str) -> str:
    """The lowest compute capability of the visible GPUs, where that of each is known."""
    visible = seen.known("gpu.visible")
    told = [seen.known(f"gpu.{index}.compute_capability") for index in visible] if isinstance(visible, list) else []
    known = [capability for text in told if isinstance(text, str) and (capability := parse_capability(text))]
    return ">={}.{}".format(*min(known)) if known and len(known) == len(told) else ""


_WRITTEN: dict[str, Callable[[Snapshot, str], str]] = {
    "python": _series,
    "torch": _exact,
    "torchvision": _exact,
    "torchaudio": _exact,
    "triton": _exact,
    "numpy": _exact,
    "channel": _told,
    "cuda": _exact,
    "cudnn": _exact,
    "nccl": _exact,
    "driver": _at_least,
    "gpus": _count,
    "compute-capability": _lowest,
    "glibc": _glibc,
    "platform": _told,
}
"""How each key of a lock is made of its fact: "" where that has nothing that can be demanded."""


def _distributions(seen: Snapshot) -> dict[str, Value]:
    """Return the CUDA libraries, OpenCV, what is compiled against torch and what requires it: name to version."""
    found: dict[str, Value] = {}
    for fact in PACKAGES:
        named = seen.known(fact)
        for name, version in named.items() if isinstance(named, dict) else ():
            found[name] = version.get("version") if isinstance(version, dict) else version
    for row in seen.known_rows("torch.dependents"):
        found[str(row.get("name"))] = row.get("version")
    named_alike = {normalised(name): version for name, version in found.items() if _NAME.fullmatch(name)}
    return {name: version for name, version in named_alike.items() if name not in BY_NAME}
