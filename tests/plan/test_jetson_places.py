"""Where the torch of a Jetson board comes from: by its Jetson Linux, by the CUDA of its driver, as far as known."""

from __future__ import annotations

from typing import Any

import pytest

from envdoctor.commands.describe import Description
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Known
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Applicability, Plan, Status
from envdoctor.plan.not_helping import would_not_help
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

MATRIX = load_matrix()
ORIN, XAVIER, THOR = ("Orin", "8.7"), ("Xavier", "7.2"), ("NVIDIA Thor", "11.0")


def board(gpu: tuple[str, str], l4t: str | None = None, **told: Any) -> Machine:
    described = {"torch": None, "platform": "linux-aarch64-jetson", "kind": "jetson", **told}
    overrides = {"host.l4t": Known(l4t, "/etc/nv_tegra_release")} if l4t else {}
    return Machine(machine_snapshot(gpus=[gpu], **described, overrides=overrides))


def planned(machine: Machine) -> Plan:
    return Solver(machine, MATRIX).wheel_set()


JETPACK_6 = {"driver": "540.4.0", "cuda": "12.6"}
CUDA_13 = {"driver": "595.58.03", "cuda": "13.2"}


@pytest.mark.parametrize(
    ("gpu", "l4t", "told", "named", "silent"),
    [
        (ORIN, "35.4.1", {"driver": "35.00", "cuda": "11.4"}, ("JetPack 5", "NVIDIA"), ("JetPack 6",)),
        (ORIN, "36.4.0", JETPACK_6, ("JetPack 6", "jp6/cu126"), ("JetPack 5", "conda-forge")),
        (ORIN, None, JETPACK_6, ("JetPack 6", "jp6/cu126"), ("JetPack 5", "conda-forge")),
        (ORIN, "39.2.0", CUDA_13, ("conda-forge", "13.0"), ("JetPack 6",)),
        (XAVIER, "35.4.1", {"driver": "35.00", "cuda": "11.4"}, ("NVIDIA's builds for Jetson", "not known"), ("see",)),
        (ORIN, "41.0.0", CUDA_13, ("NVIDIA's builds for Jetson", "not known"), ("see",)),
        (ORIN, "REVISION", CUDA_13, ("not known",), ("see",)),
    ],
)
def test_a_board_that_no_wheel_serves_is_told_the_place_of_its_jetpack(
    gpu: tuple[str, str], l4t: str | None, told: dict[str, str], named: tuple[str, ...], silent: tuple[str, ...]
) -> None:
    plan = planned(board(gpu, l4t, **told))
    assert plan.status is Status.IMPOSSIBLE
    way = plan.alternatives[-1]
    (step,) = way.steps
    assert (step.applicability, step.argv, way.target) == (Applicability.MANUAL, (), None)
    assert all(word in step.why for word in named), step.why
    assert not any(word in step.why for word in silent), step.why
    assert bool(way.because) == ("not known" not in step.why)


def test_what_a_source_leaves_open_is_called_open() -> None:
    """Code for 8.0 under CUDA 13 was reported to run on an Orin: not a way out, and not a refusal either."""
    plan = planned(board(ORIN, "39.2.0", **CUDA_13))
    assert any("no source says for certain" in text for text in plan.because)
    assert would_not_help(plan, board(ORIN, "39.2.0", **CUDA_13), MATRIX) == ()


def test_thor_takes_the_wheels_for_arm_servers() -> None:
    plan = planned(board(THOR, "38.4.0", driver="580.00", cuda="13.0"))
    assert plan.target is not None
    assert plan.target.channel == "cu130"
    assert any("JetPack 7 (" in text for text in plan.because)


def test_a_thor_of_unknown_jetpack_takes_the_channel_that_is_vouched_for() -> None:
    """Not the newest: no source says that a JetPack of CUDA 13.0 runs cu132."""
    described = Description(None, ("Jetson AGX Thor",), (), None, None, None)
    plan = planned(Machine(described.snapshot(MATRIX)))
    assert plan.target is not None
    assert plan.target.channel == "cu130"
    asked = planned(Machine(described.snapshot(MATRIX), Wishes(torch="2.15")))
    assert asked.target is not None
    assert asked.target.torch == "2.15.0"
