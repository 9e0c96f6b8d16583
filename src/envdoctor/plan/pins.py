"""What others demand of the torch set: the lines of constraint files, and the distributions installed beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.machine import Undecidable
from envdoctor.model.pin import PINNED, Pin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine

MOST = 1000
"""Demands of installed distributions heeded at most; a snapshot may come from a stranger."""

LONGEST = 500
"""Characters of a demand; a specifier stays far below."""


def pins_of(machine: Machine) -> tuple[Pin, ...]:
    """Return every demand that a plan stays within, those of the user first, each once.

    Never raises: where the machine does not tell what depends on torch, only the user's own are known, and an entry
    that says nothing (no specifier, or text that is none) demands nothing.
    """
    name = "torch.dependents"
    entries = machine.value(name) if machine.is_known(name) else None
    found = list(machine.wishes.pins)
    for entry in entries if isinstance(entries, list) else ():
        if len(found) >= len(machine.wishes.pins) + MOST:
            break
        found += _demands(entry)
    return tuple(dict.fromkeys(found))


def unmet(machine: Machine, pins: tuple[Pin, ...]) -> tuple[Pin, ...]:
    """Return those pins that an installed package of the torch set does not meet; what is not installed meets all."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    found = []
    for pin in pins:
        try:
            version = machine.told(f"{pin.package}.version")
            if version is not None and not SpecifierSet(pin.specifier).contains(Version(version), prereleases=True):
                found.append(pin)
        except (Undecidable, InvalidSpecifier, InvalidVersion):  # a snapshot may say anything
            continue
    return tuple(found)


def _demands(entry: Value) -> Iterator[Pin]:
    """Yield the pins of one entry of the fact `torch.dependents`."""
    if not isinstance(entry, dict):
        return
    name, version, requires = entry.get("name"), entry.get("version"), entry.get("requires")
    if not (isinstance(name, str) and isinstance(version, str) and isinstance(requires, list)):
        return
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requires[:MOST]:
        if not isinstance(text, str) or len(text) > LONGEST:
            continue
        try:
            required = Requirement(text)
        except (InvalidRequirement, RecursionError):  # the latter where brackets are nested without end
            continue
        package = required.name.lower()
        if package in PINNED and required.specifier and required.marker is None:
            yield Pin(package, str(required.specifier), f"{name} {version}")
