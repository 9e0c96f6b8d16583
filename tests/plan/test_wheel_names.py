"""The versions that builds are called by, and what happens where two builds of a release are called alike."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.matrix import Matrix
from envdoctor.model.fact import Absent, Known
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Status
from envdoctor.plan.predict import predicted
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.repair import put_back
from envdoctor.plan.solve import Solver
from envdoctor.plan.wheel_index import exactly
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.plan import Plan

MATRIX = load_matrix()
ARM: dict[str, Any] = {"platform": "linux-aarch64", "kind": "sbsa", "gpus": [("NVIDIA GH200 480GB", "9.0")],
                       "driver": "550.54.15", "torch": None}  # fmt: skip
CPU_BUILD = {"torch.local": Absent("none"), "torch.cuda": Absent("a CPU build"), "torch.channel": Known("cpu", "test"),
             "torch.version": Known("2.5.1", "test")}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "channel", "platform"),
    [
        # As URLs of the wheel index in public repositories name them.
        ("torch-2.5.1-cp311-cp311-linux_aarch64.whl", "cu124", "linux-aarch64"),
        ("torch-2.6.0+cu126-cp312-cp312-linux_aarch64.whl", "cu126", "linux-aarch64"),
        ("torch-2.10.0+cpu-cp312-cp312-manylinux_2_28_aarch64.whl", "cpu", "linux-aarch64"),
        ("torch-2.5.1+cu124-cp311-cp311-linux_x86_64.whl", "cu124", "linux-x86_64"),
        ("torchvision-0.20.1-cp311-cp311-linux_aarch64.whl", "cu124", "linux-aarch64"),
        ("torchvision-0.24.1-cp312-cp312-manylinux_2_28_aarch64.whl", "cu130", "linux-aarch64"),
        ("torchvision-0.24.1-cp312-cp312-manylinux_2_28_aarch64.whl", "cpu", "linux-aarch64"),
        ("torchvision-0.25.0+cu130-cp312-cp312-manylinux_2_28_aarch64.whl", "cu130", "linux-aarch64"),
        ("torchvision-0.25.0+cpu-cp312-cp312-manylinux_2_28_aarch64.whl", "cpu", "linux-aarch64"),
        ("torchaudio-2.10.0-cp312-cp312-manylinux_2_28_aarch64.whl", "cpu", "linux-aarch64"),
        ("torchaudio-2.11.0+cu130-cp312-cp312-manylinux_2_28_aarch64.whl", "cu130", "linux-aarch64"),
        ("torch-2.6.0-cp312-none-macosx_11_0_arm64.whl", "cpu", "macos-arm64"),
    ],
)
def test_a_requirement_names_the_file(file: str, channel: str, platform: str) -> None:
    package, version = file.split("-")[:2]
    assert exactly(package, version.partition("+")[0], channel, platform) == f"{package}=={version}"


def planned(wish: str, **told: Any) -> tuple[Plan, Machine]:
    machine = Machine(machine_snapshot(**{**ARM, **told}), Wishes(torch=wish))
    return Solver(machine, MATRIX).wheel_set(), machine


def test_the_partners_on_arm_are_named_as_their_own_wheels_are() -> None:
    plan, _ = planned("2.9.1", driver="580.65.06")
    assert plan.steps[0].argv[-2:] == ("torch==2.9.1+cu130", "torchvision==0.24.1")


def test_the_same_name_is_put_there_again_and_known_for_the_build_of_its_channel() -> None:
    plan, machine = planned("2.5.1", torch="2.5.1+cpu", torchvision="0.20.1", overrides=CPU_BUILD)
    (step,) = plan.steps
    assert step.argv[3:6] == ("install", "--force-reinstall", "--no-deps")
    assert step.argv[-2:] == ("torch==2.5.1", "torchvision==0.20.1")
    after = Machine(predicted(machine.snapshot, plan, MATRIX))
    assert after.torch is not None
    assert (after.torch.channel, after.torch.cuda, after.torch.text) == ("cu124", "12.4", "2.5.1")


def test_a_partner_that_is_new_comes_with_what_it_requires() -> None:
    snapshot = machine_snapshot(**{**ARM, "torch": "2.5.1+cpu", "torchvision": None}, overrides=CPU_BUILD)
    machine = Machine(snapshot, Wishes(torch="2.5.1", partners=("torchvision",)))
    again, added = Solver(machine, MATRIX).wheel_set().steps
    assert again.argv[-1] == "torch==2.5.1"
    assert "--no-deps" in again.argv
    assert added.argv[-2:] == ("torch==2.5.1", "torchvision==0.20.1")
    assert "--no-deps" not in added.argv


def test_another_release_is_no_reinstall() -> None:
    plan, _ = planned("2.5.1", torch="2.6.0+cu126")
    assert not any(re.match("--(force-)?reinstall", word) for step in plan.steps for word in step.argv)


def test_a_partner_of_another_build_is_replaced_though_its_name_fits() -> None:
    """Torchvision 0.24.1 has no tag on Arm, so that one of another builder meets `torchvision==0.24.1`."""
    told = {**ARM, "driver": "580.65.06", "torch": "2.9.1+cu130", "torchvision": "0.24.1+cu118"}
    machine = Machine(machine_snapshot(**told))
    found = diagnose(machine.snapshot, MATRIX)
    assert [one.rule for one in found.findings if one.severity is Severity.ERROR] == ["torch-torchvision-mismatch"]
    (step,) = plan_for(found, Solver(machine, MATRIX)).steps
    assert "--force-reinstall" in step.argv
    assert step.argv[-1] == "torchvision==0.24.1"


@pytest.mark.parametrize(("withheld", "status"), [(None, Status.SOLVED), ("breaks our loader", Status.IMPOSSIBLE)])
def test_what_is_gone_and_withheld_is_not_put_back(withheld: str | None, status: Status) -> None:
    document = copy.deepcopy(dict(MATRIX.root.cells))
    if withheld:
        document["torch"]["2.14.0"]["withheld"] = withheld
    machine = Machine(machine_snapshot(torch="2.14.0+cu130", driver="580.65.06", gpus=[("NVIDIA GH200 480GB", "9.0")]))
    plan = put_back(Solver(machine, Matrix(document, "test")))
    assert plan.status is status
    assert any(withheld in text for text in plan.because) if withheld else plan.steps


def test_conda_forge_is_the_channel_where_its_build_is_installed() -> None:
    told = {"python.environment": "conda", "python.manager": "conda"}
    snapshot = machine_snapshot(driver="580.65.06", gpus=["Tesla V100-SXM2-16GB"], torch="2.7.1+cpu",
                                provenance="conda-forge",
                                overrides={name: Known(value, "test") for name, value in told.items()})  # fmt: skip
    machine = Machine(snapshot, Wishes(torch="2.7.1"))
    plan = Solver(machine, MATRIX).wheel_set()
    assert plan.target is not None
    assert (plan.target.channel, plan.target.index_url) == ("conda-forge", None)
    wheels = Solver(machine, MATRIX, installer="docker").wheel_set()
    assert wheels.target is not None
    assert wheels.target.channel.startswith("cu")
    assert wheels.target.index_url
