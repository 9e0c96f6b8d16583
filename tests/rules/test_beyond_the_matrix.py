"""What the matrix does not know is never called broken, and no plan goes back to what it knows."""

from __future__ import annotations

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.versions import parts
from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

MATRIX = load_matrix()
FUTURE = "2.99.0+cu140"
NEW_GPU = ("NVIDIA X100", "13.0")
MACHINES: dict[str, dict[str, object]] = {
    "all of it": {"driver": "700.10", "cuda": "14.0", "gpus": (NEW_GPU,), "torch": FUTURE},
    "two of the new GPUs": {"driver": "700.10", "cuda": "14.0", "gpus": (NEW_GPU, NEW_GPU), "torch": FUTURE},
    "a new and a known GPU": {"driver": "700.10", "cuda": "14.0", "gpus": (NEW_GPU, "NVIDIA H200"), "torch": FUTURE},
    "torch and driver": {"driver": "700.10", "cuda": "14.0", "torch": FUTURE},
    "the driver alone": {"driver": "700.10", "cuda": "14.0", "torch": "2.14.1+cu130"},
    "the driver alone, on Windows": {
        "driver": "700.10", "cuda": "14.0", "torch": "2.14.1+cu130", "platform": "windows-x86_64", "kind": "windows",
    },
    "torch alone, of a CUDA that is known": {"driver": "580.65.06", "torch": "2.99.0+cu130"},
    "a channel that is not known": {"driver": "700.10", "cuda": "14.0", "torch": "2.15.0+cu140"},
    "a Python that is not known": {
        "driver": "700.10", "cuda": "14.0", "gpus": (NEW_GPU,), "torch": FUTURE, "python": "3.19.0",
    },
    "on Arm": {
        "driver": "700.10", "cuda": "14.0", "gpus": (NEW_GPU,), "torch": FUTURE, "platform": "linux-aarch64",
        "kind": "sbsa",
    },
}  # fmt: skip


def every_plan(plan: Plan) -> list[Plan]:
    return [plan, *(one for other in plan.alternatives for one in every_plan(other))]


@pytest.mark.parametrize("require", [False, True], ids=["", "GPU required"])
@pytest.mark.parametrize("name", MACHINES)
def test_no_error_and_no_way_back(name: str, require: bool) -> None:
    described = MACHINES[name]
    wishes = Wishes(require_gpu=require, cuda=require)
    partners = {"torchvision": "0.99.0+cu140", "triton": "9.9.0"} if described["torch"] == FUTURE else {}
    machine = Machine(machine_snapshot(**{**partners, **described}), wishes)
    diagnosis = diagnose(machine.snapshot, MATRIX, wishes)
    assert [one for one in diagnosis.findings if one.severity >= Severity.WARNING] == []
    assert diagnosis.crashed == ()
    assert diagnosis.verdict in (Verdict.HEALTHY, Verdict.UNDETERMINED)
    plan = plan_for(diagnosis, Solver(machine, MATRIX))
    assert plan.status is Status.NOTHING_TO_DO
    installed = str(described["torch"]).partition("+")[0]
    for one in every_plan(plan):
        assert one.target is None or parts(one.target.torch) >= parts(installed)
        assert [step for step in one.steps if step.kind in ("install-wheels", "downgrade-driver")] == []


def test_the_snapshot_is_one_that_would_be_judged() -> None:
    """A release that is known to lack kernels for the GPU is an error there: nothing is switched off."""
    snapshot = machine_snapshot(driver="700.10", cuda="14.0", gpus=("Tesla V100-SXM2-16GB",), torch="2.14.1+cu130")
    assert diagnose(snapshot, MATRIX, Wishes()).verdict is Verdict.BROKEN
