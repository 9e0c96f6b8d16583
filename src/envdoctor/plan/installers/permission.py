"""Why this user may not, or should not, change the environment as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.machine import Machine

STORES = {"nix": "Nix", "guix": "Guix"}
"""Managers whose files nothing but they may change, whatever the permissions say."""


def hindrance(machine: Machine) -> str | None:
    """Return the reason in words, None where nothing is in the way or nothing is known."""
    manager, kind = machine.told("python.manager"), machine.told("python.environment")
    if manager in STORES:
        return f"this Python lies in the store of {STORES[manager]}, which no installer may change"
    if _is(machine, "python.externally_managed", True):
        return "this Python belongs to the operating system (PEP 668)"
    if kind == "conda-base":
        return "this is conda's base environment, which conda itself runs on"
    if _is(machine, "python.prefix_writable", False):
        return "the folder of this environment's packages is not yours to write to"
    return None


def _is(machine: Machine, name: str, value: bool) -> bool:
    return machine.is_known(name) and machine.value(name) is value
