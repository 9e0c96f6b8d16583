"""Machines with a torch of 2018 to 2022: judged by the history of the matrix, and never sent back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.machine import Machine, Wishes
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
K40 = ("Tesla K40c", "3.5")
K80 = ("Tesla K80", "3.7")
GTX_670M = ("GeForce GTX 670M", "2.1")
TITAN_XP = ("TITAN Xp", "6.1")
V100 = ("Tesla V100-SXM2-16GB", "7.0")
T4 = ("Tesla T4", "7.5")
RTX_2080_TI = ("GeForce RTX 2080 Ti", "7.5")
TITAN_RTX = ("TITAN RTX", "7.5")
A100 = ("A100-SXM4-80GB", "8.0")
A40 = ("NVIDIA A40", "8.6")
RTX_3080_TI = ("NVIDIA GeForce RTX 3080 Ti", "8.6")
RTX_3090 = ("GeForce RTX 3090", "8.6")
WINDOWS = {"platform": "windows-x86_64", "kind": "windows"}


def machine(
    torch: str,
    cuda: str,
    gpus: list[tuple[str, str]],
    driver: str | None,
    torchvision: str | None = None,
    **more: object,
) -> Snapshot:
    """`cuda` is torch.version.cuda, `driver` a version and the CUDA it answers for."""
    version, _, api = (driver or "").partition(" ")
    channel = "cu{}{}".format(*cuda.split("."))
    described: dict[str, object] = {
        "torch": torch, "torch_cuda": cuda, "gpus": gpus, "driver": version or None, "cuda": api or None,
        "torchvision": torchvision, "triton": None, "requires": [], "nvidia": {}, "python": "3.7.16",
        "provenance": "pytorch-index" if "+" in torch else "pypi",
    }  # fmt: skip
    return machine_snapshot(**{**described, "overrides": {"torch.channel": channel}, **more})


def judged(snapshot: Snapshot) -> Diagnosis:
    return diagnose(snapshot, MATRIX)


def planned(snapshot: Snapshot, wishes: Wishes | None = None) -> Plan:
    return plan_for(judged(snapshot), Solver(Machine(snapshot, wishes), MATRIX, live=False))


def whole(plan: Plan) -> list[Plan]:
    return [plan, *(inner for way in plan.alternatives for inner in whole(way))]


HEALTHY = {
    "K40c under the last release with its kernels": machine("1.2.0", "10.0.130", [K40], "440.33.01 10.2", "0.4.0"),
    "K80 under 1.3.1": machine("1.3.1", "10.1.243", [K80], "418.39 10.1", "0.4.2"),
    "the oldest driver of CUDA 9.0": machine("1.1.0", "9.0.176", [TITAN_XP], "384.81 9.0", "0.3.0"),
    "the oldest driver of CUDA 9.1": machine("0.4.0", "9.1.85", [TITAN_XP], "390.46 9.1", "0.2.1"),
    "the oldest driver of CUDA 9.2": machine("1.4.0+cu92", "9.2", [V100], "396.26 9.2", "0.5.0+cu92"),
    "the oldest driver of CUDA 10.0": machine("1.2.0", "10.0.130", [T4], "410.48 10.0", "0.4.0"),
    "the oldest driver of CUDA 10.1": machine("1.4.0", "10.1", [T4], "418.39 10.1", "0.5.0"),
    "the oldest driver of CUDA 10.2 on Windows": machine(
        "1.5.0", "10.2", [TITAN_RTX], "441.22 10.2", "0.6.0", **WINDOWS
    ),
    "RTX 3090 served by sm_80": machine("1.7.1+cu110", "11.0", [RTX_3090], "455.45.01 11.1", "0.8.2+cu110"),
    "Turing served by sm_70": machine("1.9.0+cu102", "10.2", [T4], "450.80.02 11.0", "0.10.0+cu102"),
    "two RTX 2080 Ti under the wheel": machine("1.6.0+cu101", "10.1", [RTX_2080_TI] * 2, "450.80.02 11.0", "0.7.0"),
    "two RTX 2080 Ti under conda": machine(
        "1.6.0", "10.1.243", [RTX_2080_TI] * 2, "450.80.02 11.0", "0.7.0", provenance="conda-pytorch"
    ),
    "two TITAN RTX on Windows": machine(
        "1.5.0+cu101", "10.1", [TITAN_RTX] * 2, "442.92 10.2", "0.6.0+cu101", **WINDOWS
    ),
    "V100 under a build from source": machine("1.8.0a0+d462109", "10.2", [V100], "440.33.01 10.2", provenance="source"),
    "a K20 under a build from source": machine(
        "1.8.0a0+d462109", "10.2", [("Tesla K20m", "3.5")], "440.33.01 10.2", provenance="source"
    ),
    "1.0.1.post2": machine("1.0.1.post2", "9.0.176", [TITAN_XP], "390.46 9.1", "0.2.2.post3"),
    "0.4.1.post2": machine("0.4.1.post2", "9.0.176", [TITAN_XP], "384.81 9.0", "0.2.1"),
    "1.8.2, partners of which no METADATA was read": machine(
        "1.8.2+cu111", "11.1", [RTX_3090], "460.32.03 11.2", "0.9.2+cu111"
    ),
    "1.8.0+cu111, whose kernels nobody told": machine(
        "1.8.0+cu111", "11.1", [TITAN_XP], "460.32.03 11.2", "0.9.0+cu111"
    ),
    "a wheel of Windows without a row": machine("1.2.0+cu92", "9.2", [TITAN_XP], "441.28 10.2", **WINDOWS),
    "a node without a GPU": machine("1.7.1", "10.2", [], None, "0.8.2"),
}

BROKEN = {
    "TITAN Xp, CUDA 10.1 on driver 410": (
        machine("1.3.1", "10.1.243", [TITAN_XP], "410.48 10.0", "0.4.2"), "driver-too-old", "418.39"
    ),
    "the same under conda": (
        machine("1.3.0", "10.1.243", [T4], "410.104 10.0", "0.4.1", provenance="conda-pytorch"),
        "driver-too-old", "418.39",
    ),
    "CUDA 10.2 on driver 418: no minor-version compatibility": (
        machine("1.7.0", "10.2", [T4], "418.67 10.1", "0.8.0"), "driver-too-old", "440.33"
    ),
    "CUDA 10.0 on a driver for 9.0": (
        machine("1.2.0", "10.0.130", [TITAN_XP], "384.81 9.0", "0.4.0"), "driver-too-old", "410.48"
    ),
    "CUDA 9.2 one number below": (
        machine("1.4.0+cu92", "9.2", [V100], "396.24 9.1", "0.5.0+cu92"), "driver-too-old", "396.26"
    ),
    "CUDA 10.1 on a Windows driver for 10.0": (
        machine("1.4.0", "10.1", [T4], "411.31 10.0", "0.5.0", **WINDOWS), "driver-too-old", "418.96"
    ),
    "K40c under 1.3.1": (
        machine("1.3.1", "10.1.243", [K40], "440.33.01 10.2", "0.4.2"), "gpu-arch-dropped", "sm_37"
    ),
    "K40c under the flags of 1.8.1": (
        machine("1.8.1+cu102", "10.2", [K40], "440.33.01 10.2", "0.9.1"), "gpu-arch-dropped", "sm_37"
    ),
    "Fermi under 1.0.0 on Windows": (
        machine("1.0.0", "8.0", [GTX_670M], "391.35 9.1", "0.2.1", **WINDOWS), "gpu-arch-dropped", "sm_35"
    ),
    "RTX 3090 under the default of 1.7.0": (
        machine("1.7.0", "10.2", [RTX_3090], "455.45.01 11.1", "0.8.1"), "gpu-arch-not-in-wheel", "sm_75"
    ),
    "A40 under the default of 1.7.1": (
        machine("1.7.1", "10.2", [A40], "460.32.03 11.2", "0.8.2"), "gpu-arch-not-in-wheel", "sm_75"
    ),
    "A100 under 1.7.1+cu101": (
        machine("1.7.1+cu101", "10.1", [A100], "535.104.05 12.2", "0.8.2+cu101"), "gpu-arch-not-in-wheel", "sm_75"
    ),
    "torchvision of 1.6 beside 1.9": (
        machine("1.9.0+cu102", "10.2", [], None, "0.7.0"), "torch-torchvision-mismatch", "partner of torch 1.6.0"
    ),
}  # fmt: skip


@pytest.mark.parametrize("snapshot", HEALTHY.values(), ids=HEALTHY)
def test_an_old_machine_that_works_is_silent(snapshot: Snapshot) -> None:
    found = judged(snapshot)
    assert [(one.rule, one.message) for one in found.findings if one.severity is not Severity.NOTE] == []
    assert found.verdict is Verdict.HEALTHY
    assert found.crashed == ()


@pytest.mark.parametrize(("snapshot", "rule", "says"), BROKEN.values(), ids=BROKEN)
def test_an_old_machine_that_does_not_work(snapshot: Snapshot, rule: str, says: str) -> None:
    found = judged(snapshot)
    first = found.findings[0]
    assert (first.rule, first.severity) == (rule, Severity.ERROR)
    assert says in first.message
    assert found.verdict is Verdict.BROKEN


def test_one_gpu_served_beside_one_that_is_not() -> None:
    found = judged(machine("1.3.1", "10.1.243", [K80, K40], "440.33.01 10.2", "0.4.2"))
    assert [(one.rule, one.subject, one.severity) for one in found.findings] == [
        ("gpu-arch-dropped", "gpu:1", Severity.WARNING)
    ]


def test_ptx_of_a_cuda_older_than_the_gpu() -> None:
    found = judged(machine("1.5.1+cu101", "10.1", [RTX_3080_TI], "470.57.02 11.4", "0.6.1+cu101"))
    assert [one.rule for one in found.findings] == ["gpu-arch-not-in-wheel"]
    assert "only PTX" in found.findings[0].message


@pytest.mark.parametrize("snapshot", [*HEALTHY.values(), *(one for one, _, _ in BROKEN.values())])
def test_no_plan_names_a_release_of_history(snapshot: Snapshot) -> None:
    targets = [plan.target.torch for plan in whole(planned(snapshot)) if plan.target]
    assert set(targets).isdisjoint(MATRIX.past_versions)
    commands = [part for plan in whole(planned(snapshot)) for step in plan.steps for part in step.argv]
    assert [part for part in commands for past in MATRIX.past_versions if f"torch=={past}" in part.split("+")] == []


def test_a_wish_for_one_is_not_met() -> None:
    plan = planned(BROKEN["A100 under 1.7.1+cu101"][0], Wishes(torch="==1.8.1"))
    assert plan.target is None


def test_an_a100_under_an_old_release_is_told_the_present_one_that_fits() -> None:
    plan = planned(machine("1.4.0", "10.1", [A100], "535.104.05 12.2", "0.5.0", python="3.11.7"))
    assert plan.target is not None
    assert plan.target.torch in MATRIX.versions
