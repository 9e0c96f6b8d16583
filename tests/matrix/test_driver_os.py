"""Whose driver floors count: those of the system that the driver runs on."""

from __future__ import annotations

import pytest

from envdoctor.matrix.serving import driver_os
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.model.machine import Machine
from machines import machine_snapshot

NO_WSL: Fact = Absent("the kernel is not that of WSL")
WSL: Fact = Known(True, "/proc/sys/kernel/osrelease")
OLDER: Fact = Unknown("not looked at")


@pytest.mark.parametrize(
    ("platform", "kind", "wsl", "system"),
    [
        ("linux-x86_64", "bare", NO_WSL, "linux"),
        ("linux-x86_64", "container", NO_WSL, "linux"),
        ("linux-x86_64", "wsl2", WSL, "windows"),
        ("linux-x86_64", "container", WSL, "windows"),
        ("windows-x86_64", "windows", NO_WSL, "windows"),
        # Snapshots of before host.wsl.
        ("linux-x86_64", "wsl2", OLDER, "windows"),
        ("linux-x86_64", "bare", OLDER, "linux"),
        ("linux-x86_64", "container", OLDER, "linux"),
    ],
)
def test_the_driver_is_that_of_its_system(platform: str, kind: str, wsl: Fact, system: str) -> None:
    snapshot = machine_snapshot(platform=platform, kind=kind, overrides={"host.wsl": wsl})
    assert driver_os(Machine(snapshot)) == system
