"""What would not help is true: each sentence is held against every row of the matrix, one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.serving import need_of, obstacles
from envdoctor.matrix.versions import minor, parts
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.not_helping import MOST, would_not_help
from envdoctor.plan.remedies import plan_for, plan_for_wishes
from envdoctor.plan.solve import Solver
from machines import SCENARIOS, machine_snapshot, snapshot_of

if TYPE_CHECKING:
    from envdoctor.matrix.serving import Need
    from envdoctor.matrix.tables import Wheel
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
V100 = "Tesla V100-SXM2-16GB"
DRIVERS = ["450.80.02", "470.256.02", "535.104.05", "560.35.03", "580.82.07", "595.58.03"]
CAPABILITIES = ["3.7", "5.2", "6.1", "7.0", "8.0", "9.0", "10.0", "12.0"]
TORCHES = ["2.1.2+cu121", "2.5.1+cu124", "2.7.1+cu118", "2.9.1+cu128", "2.13.0+cpu", "2.14.0+cu130", "2.15.0+cu132"]
NEWEST_DRIVERS = [f"{row.branch}.99.99" for row in MATRIX.driver_branches]


def planned(snapshot: Snapshot) -> Plan:
    return plan_for(diagnose(snapshot, MATRIX), Solver(Machine(snapshot), MATRIX))


def about(plan: Plan, beginning: str) -> list[str]:
    return [text for text in plan.would_not_help if text.startswith(beginning)]


def test_a_v100_on_cuda_13_needs_no_driver_no_newer_torch_and_no_nightly() -> None:
    plan = planned(snapshot_of(SCENARIOS["S3"]))
    driver, torch, nightly = plan.would_not_help
    assert driver == (
        f"a newer driver, since no CUDA 13 wheel holds kernels for {V100} (compute capability 7.0), and driver branch "
        "580 is the last that runs it"
    )
    assert torch.startswith("a newer torch, since 2.14.1 is the last release with kernels for")
    assert nightly.startswith("a nightly or a build of one's own with CUDA 13, since CUDA 12 is the last")


def test_a_driver_too_old_for_cuda_13_is_so_for_every_channel_of_it() -> None:
    plan = planned(snapshot_of(SCENARIOS["S10"]))
    assert [text.partition(",")[0] for text in plan.would_not_help] == [
        "another CUDA 13 build of torch",
        "installing a CUDA toolkit",
    ]


def test_where_driver_and_wheel_are_both_too_old_each_alone_does_not_help() -> None:
    plan = planned(snapshot_of(SCENARIOS["S2"]))
    assert [text.partition(",")[0] for text in plan.would_not_help][:2] == [
        "another torch alone",
        "a newer driver alone",
    ]


def test_a_cpu_build_is_no_matter_of_the_driver() -> None:
    assert about(planned(snapshot_of(SCENARIOS["S6"])), "a newer driver or a CUDA toolkit, since torch 2.13.0 from cpu")


def test_a_kepler_card_on_a_newer_driver_goes_back() -> None:
    snapshot = machine_snapshot(gpus=["Tesla K80"], torch="2.3.1+cu118", driver="535.104.05")
    machine = Machine(snapshot)
    said = would_not_help(Plan(Status.IMPOSSIBLE), machine, MATRIX)
    assert said[0].startswith("a newer driver or another torch, since branch 470 is the last that runs Tesla K80")
    assert not any(text.startswith("a newer driver,") for text in said)


@pytest.mark.parametrize("name", [name for name, one in SCENARIOS.items() if one.rule is None])
def test_nothing_is_said_where_nothing_fails(name: str) -> None:
    assert planned(snapshot_of(SCENARIOS[name])).would_not_help == ()


def test_nothing_is_said_of_what_the_matrix_does_not_know() -> None:
    for torch, provenance in (("2.99.0+cu140", "pytorch-index"), ("2.9.1", "conda-forge")):
        machine = Machine(machine_snapshot(gpus=[V100], torch=torch, provenance=provenance, torch_cuda="13.0"))
        assert would_not_help(Plan(Status.IMPOSSIBLE), machine, MATRIX) == ()


def test_a_wish_is_what_is_spoken_of() -> None:
    wishes = Wishes(torch="2.15")
    snapshot = machine_snapshot(gpus=[V100], torch="2.14.0+cu126", driver="580.82.07")
    plan = plan_for_wishes(Solver(Machine(snapshot, wishes), MATRIX))
    assert about(plan, "a newer torch, since 2.14.1 is the last release")


def machines() -> list[tuple[Machine, Plan]]:
    found = []
    for driver, capability, torch in product(DRIVERS, CAPABILITIES, TORCHES):
        snapshot = machine_snapshot(driver=driver, gpus=[("", capability)], torch=torch)
        found.append((Machine(snapshot), planned(snapshot)))
    return found


def test_every_sentence_is_true_of_every_row() -> None:
    checked = dict.fromkeys(CHECKS, 0)
    for machine, plan in machines():
        assert len(plan.would_not_help) <= MOST
        for text in plan.would_not_help:
            check = next(beginning for beginning in CHECKS if text.startswith(beginning))
            CHECKS[check](text, machine, need_of(machine, MATRIX))
            checked[check] += 1
    assert [beginning for beginning, count in checked.items() if count == 0] == []


def present(machine: Machine) -> Wheel:
    torch = machine.torch
    assert torch is not None
    wheel = MATRIX.wheel(torch.release, torch.channel or "", machine.platform)
    assert wheel is not None
    return wheel


def broken(wheel: Wheel, need: Need) -> set[str]:
    release = MATRIX.release(wheel.torch)
    assert release is not None
    return {one.constraint.partition(":")[0] for one in obstacles(MATRIX, release, wheel, need)}


def with_driver(need: Need, driver: str) -> Need:
    return replace(need, driver=driver, api=MATRIX.driver_cuda(driver))


def newer_driver(text: str, machine: Machine, need: Need) -> None:
    """The installed build fails under every driver there is."""
    assert all(broken(present(machine), with_driver(need, driver)) for driver in NEWEST_DRIVERS)
    major = re.search(r"no CUDA (\d+) wheel", text)
    for wheel in every(need):
        if major and wheel.cuda and minor(wheel.cuda)[0] == int(major[1]):
            assert wheel.sass is not None
            assert kernels_for(wheel.sass, wheel.ptx, need.capabilities[0]) is None
    last = re.search(r"branch (\d+) is the last", text)
    if last:
        assert MATRIX.last_driver_branch(need.capabilities[0]) == int(last[1])


def newer_torch(text: str, _machine: Machine, need: Need) -> None:
    last = re.search(r"since ([\d.]+) is the last release", text)
    assert last is not None
    holding = [
        wheel.torch
        for wheel in every(need)
        if kernels_for(wheel.sass or (), wheel.ptx, need.capabilities[0]) is not None
    ]
    assert max(holding, key=parts) == last[1]


def nightly(text: str, _machine: Machine, need: Need) -> None:
    last = re.search(r"CUDA (\d+), since CUDA (\d+) is the last", text)
    assert last is not None
    assert MATRIX.last_toolkit(need.capabilities[0]) == last[2]
    built = {minor(wheel.cuda)[0] for wheel in every(need) if wheel.torch == MATRIX.newest_torch and wheel.cuda}
    assert min(built) == int(last[1]) > int(last[2])


def another_torch(_text: str, _machine: Machine, need: Need) -> None:
    assert all(broken(wheel, need) for wheel in every(need))


def another_build(text: str, _machine: Machine, need: Need) -> None:
    major = re.match(r"another CUDA (\d+) build", text)
    assert major is not None
    alike = [wheel for wheel in every(need) if wheel.cuda and minor(wheel.cuda)[0] == int(major[1])]
    assert all("driver" in broken(wheel, need) for wheel in alike)


def toolkit(_text: str, machine: Machine, need: Need) -> None:
    assert broken(present(machine), need) & {"driver", "gpu-driver"}


def cpu_build(_text: str, machine: Machine, _need: Need) -> None:
    assert present(machine).cuda is None


def every(need: Need) -> list[Wheel]:
    return [
        wheel
        for release in MATRIX.releases
        for wheel in MATRIX.wheels(release.version)
        if wheel.platform == need.platform and wheel.channel != "cpu"
    ]


CHECKS = {
    "a newer driver or another torch, ": another_torch,
    "a newer driver or a CUDA toolkit, ": cpu_build,
    "a newer driver alone or a CUDA toolkit, ": cpu_build,
    "a newer driver, ": newer_driver,
    "a newer driver alone, ": newer_driver,
    "a newer torch, ": newer_torch,
    "a nightly or a build of one's own ": nightly,
    "another torch alone, ": another_torch,
    "another CUDA ": another_build,
    "installing a CUDA toolkit, ": toolkit,
}


def test_a_newer_driver_that_helps_one_of_two_gpus_does_not_help_alone() -> None:
    """The A100 would be served by it, the other by no driver."""
    plan = planned(machine_snapshot(gpus=[("", "8.0"), ("", "6.1")], torch="2.14.0+cu130", driver="418.87.00"))
    (said,) = about(plan, "a newer driver")
    assert said.startswith("a newer driver alone, since no CUDA 13 wheel holds kernels for")


def test_of_a_build_that_conda_may_have_nothing_is_said() -> None:
    """Sentences are worked out for wheels; conda-forge has other builds of the release."""
    overrides = {"python.environment": "conda", "python.manager": "mamba", "python.prefix": "/opt/conda/envs/ml"}
    described = {"gpus": [("", "5.2")], "torch": None, "driver": "418.87.00", "glibc": "2.12"}
    for place, expected in ((overrides, False), ({}, True)):
        snapshot = machine_snapshot(**described, overrides=place)
        plan = plan_for_wishes(Solver(Machine(snapshot, Wishes(torch="2.8")), MATRIX))
        assert plan.status is Status.IMPOSSIBLE
        assert bool(plan.would_not_help) is expected
