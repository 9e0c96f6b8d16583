"""The kind of host that a described machine is: it says where its driver is changed."""

from __future__ import annotations

import pytest

from envdoctor.commands.describe import Description
from envdoctor.matrix.load import load_matrix
from envdoctor.model.machine import Machine
from envdoctor.plan.solve import Solver

MATRIX = load_matrix()


def described(platform: str | None, driver: str | None = "470.256.02", gpu: str = "NVIDIA H100 80GB HBM3") -> Machine:
    gpus = (gpu,) if driver else ()
    description = Description(driver, gpus, (), None, platform, None)
    return Machine(description.snapshot(MATRIX))


@pytest.mark.parametrize(
    ("platform", "kind"),
    [
        (None, "bare"),
        ("linux-x86_64", "bare"),
        ("linux-aarch64", "sbsa"),
        ("linux-aarch64-jetson", "jetson"),
        ("windows-x86_64", "windows"),
        ("macos-arm64", "macos"),
        ("macos-x86_64", "macos"),
    ],
)
def test_the_kind_follows_the_platform(platform: str | None, kind: str) -> None:
    driver = None if kind == "macos" else "470.256.02"
    assert described(platform, driver).text("host.kind") == kind


def test_an_arm_machine_without_nvidia_is_bare() -> None:
    assert described("linux-aarch64", driver=None).text("host.kind") == "bare"


def test_a_driver_of_windows_is_changed_in_windows() -> None:
    plan = Solver(described("windows-x86_64", "452.39", "NVIDIA GeForce RTX 5090"), MATRIX).wheel_set()
    steps = [step for way in plan.alternatives for step in way.steps if step.kind == "upgrade-driver"]
    assert steps
    assert all("in Windows" in step.why for step in steps)
