"""When a check runs kernels by itself: a usable GPU, a driver that can, a torch that is whole, and no error."""

from __future__ import annotations

from typing import Any

import pytest

from envdoctor.commands.unasked import proves_something
from envdoctor.model.fact import Absent, Unknown
from envdoctor.model.finding import Confidence, Diagnosis, Finding, Severity, Verdict
from envdoctor.model.machine import Machine
from machines import machine_snapshot

CORE = {"libraries.loaded": [{"library": "libcudart.so.12", "file": "/venv/libcudart.so.12", "how": "RUNPATH"}]}
CALM = Diagnosis(Verdict.HEALTHY)


def begins(overrides: dict[str, Any], diagnosis: Diagnosis = CALM, **described: Any) -> bool:
    return proves_something(Machine(machine_snapshot(overrides=overrides, **described)), diagnosis)


def found(severity: Severity) -> Diagnosis:
    return Diagnosis(Verdict.BROKEN, (Finding("mig", severity, Confidence.PROVED, "gpu:0", "It is."),))


def test_where_all_is_there() -> None:
    assert begins(CORE)
    assert begins({"libraries.loaded": Unknown("no ELF"), "torch.kernels": {"files": 1}})
    assert begins(CORE, found(Severity.WARNING))


@pytest.mark.parametrize(
    ("overrides", "described"),
    [
        ({}, {"gpus": []}),
        ({}, {"driver": None, "gpus": []}),
        ({}, {"visible_devices": ""}),
        ({}, {"torch": None}),
        ({}, {"torch": "2.9.1+cpu"}),
        ({"cuda.can_launch": False}, {}),
        ({"cuda.can_launch": Unknown("libcuda hung")}, {}),
        ({"gpu.count": Unknown("NVML hung")}, {}),
        ({"torch.version": Unknown("it may not be read")}, {}),
        ({"libraries.loaded": Absent("no compiled core"), "torch.kernels": Absent("none")}, {}),
        ({"libraries.loaded": [], "torch.kernels": Unknown("not read")}, {}),
    ],
)
def test_where_something_is_not(overrides: dict[str, Any], described: dict[str, Any]) -> None:
    assert not begins({**CORE, **overrides}, **described)


def test_nothing_is_gained_by_running_into_an_error() -> None:
    assert not begins(CORE, found(Severity.ERROR))


def test_a_snapshot_of_before_is_not_smoked() -> None:
    snapshot = machine_snapshot(overrides=CORE)
    older = {name: fact for name, fact in snapshot.facts.items() if name != "cuda.can_launch"}
    assert not proves_something(Machine(type(snapshot)(older)), CALM)
