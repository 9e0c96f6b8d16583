"""The other ways out, by the kind of machine that has them."""

from __future__ import annotations

import pytest
from change_in_thought import requirements

from envdoctor.commands.describe import Description
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.tables import CERTAINTIES
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.pin import Pin
from envdoctor.model.plan import Applicability, Plan, Status
from envdoctor.plan.candidates import PROVEN
from envdoctor.plan.proof import prove
from envdoctor.plan.remedies import plan_for, plan_for_wishes
from envdoctor.plan.solve import Solver
from machines import SCENARIOS, machine_snapshot, snapshot_of

MATRIX = load_matrix()
A100 = "NVIDIA A100-SXM4-80GB"
V100 = "Tesla V100-SXM2-16GB"
K80 = "Tesla K80"
H100 = "NVIDIA H100 80GB HBM3"
RTX_5090 = "NVIDIA GeForce RTX 5090"


def planned(**described: object) -> Plan:
    snapshot = machine_snapshot(**described)
    found = diagnose(snapshot, MATRIX)
    solver = Solver(Machine(snapshot), MATRIX)
    return prove(plan_for(found, solver), solver, lambda after: diagnose(after, MATRIX))


def wished(wishes: Wishes, **described: object) -> Plan:
    solver = Solver(Machine(machine_snapshot(**described), wishes), MATRIX)
    return prove(plan_for_wishes(solver), solver, lambda after: diagnose(after, MATRIX, wishes))


def kinds(plan: Plan) -> list[list[str]]:
    return [[step.kind for step in way.steps] for way in plan.alternatives]


def targets(plan: Plan) -> list[tuple[str, str]]:
    return [(way.target.torch, way.target.channel) for way in plan.alternatives if way.target]


def test_a_wish_that_no_wheel_meets_is_given_up_for_the_nearest_release() -> None:
    plan = wished(Wishes(torch="2.15"), gpus=[V100], torch=None, driver="580.82.07")
    assert plan.status is Status.IMPOSSIBLE
    assert plan.target is None
    assert targets(plan) == [("2.14.0", "cu126")]
    assert "--torch 2.15" in plan.alternatives[0].because[0]


def test_from_an_old_wish_the_nearest_release_is_the_next_one_up() -> None:
    plan = wished(Wishes(torch="2.1"), gpus=[RTX_5090], torch=None, driver="580.82.07")
    serving = [
        wheel.torch
        for release in MATRIX.releases
        for wheel in MATRIX.wheels(release.version)
        if wheel.platform == "linux-x86_64" and (12, 0) in (wheel.sass or ()) and wheel.standing != "planned"
        if {wheel.certainty, wheel.pins_certainty} <= set(PROVEN)
    ]
    assert targets(plan)[0][0] == serving[0]


def test_a_wish_may_be_kept_with_a_newer_driver() -> None:
    plan = wished(Wishes(torch="2.15"), gpus=[H100], torch=None, driver="535.104.05")
    assert kinds(plan) == [["install-wheels"], ["upgrade-driver", "install-wheels"]]
    assert targets(plan) == [("2.14.0", "cu126"), ("2.15.0", "cu132")]


def test_of_two_wishes_each_is_given_up_by_itself() -> None:
    plan = wished(Wishes(torch="2.15", partners=("torchaudio",)), gpus=[H100], torch=None, driver="595.58.03")
    assert plan.status is Status.IMPOSSIBLE
    named = [
        {word.partition("==")[0] for word in requirements(step.argv)} for way in plan.alternatives for step in way.steps
    ]
    assert {"torch"} in named
    assert {"torch", "torchaudio"} in named


def test_a_pin_of_a_constraint_file_is_named_where_it_is_gone_against() -> None:
    pin = Pin("torch", "==2.1.2", "constraints.txt, line 3")
    plan = wished(Wishes(torch=">=2", pins=(pin,)), gpus=[RTX_5090], torch=None, driver="580.82.07")
    assert plan.status is Status.IMPOSSIBLE
    assert any("constraints.txt, line 3" in way.because[0] for way in plan.alternatives)


def test_beside_a_set_that_nobody_looked_at_there_is_a_proven_one() -> None:
    plan = wished(Wishes(torch="2.14.1"), gpus=[H100], torch=None, driver="535.104.05")
    assert plan.target is not None
    wheel = MATRIX.wheel(plan.target.torch, plan.target.channel, "linux-x86_64")
    assert wheel is not None
    if wheel.certainty in PROVEN and wheel.pins_certainty in PROVEN:
        pytest.skip("that row has been looked at since")
    assert targets(plan)[0] == ("2.14.0", "cu126")


def test_a_healthy_machine_has_none() -> None:
    assert planned(torch="2.9.1+cu128").alternatives == ()


def test_the_newest_is_offered_where_an_older_release_is_kept() -> None:
    plan = planned(gpus=["NVIDIA GeForce GTX 1080"], torch="2.9.1+cu128")
    assert plan.target is not None
    assert plan.target.torch == "2.9.1"
    assert targets(plan) == [("2.14.0", "cu126")]


@pytest.mark.parametrize(("kind", "offered"), [("container", True), ("bare", False)])
def test_a_container_may_be_built_anew_on_an_image(kind: str, offered: bool) -> None:
    plan = planned(gpus=[V100], torch="2.14.0+cu130", driver="580.82.07", kind=kind)
    images = [step for way in plan.alternatives for step in way.steps if step.kind == "rebuild-image"]
    assert bool(images) is offered
    for step in images:
        assert step.applicability is Applicability.MANUAL
        assert step.argv == ("docker", "pull", "pytorch/pytorch:2.14.0-cuda12.6-cudnn9-runtime")
        assert step.edit is not None
        assert step.edit.text == f"FROM {step.argv[2]}\n"


@pytest.mark.parametrize("described", [{"python": "3.8.18"}, {"glibc": "2.17"}])
def test_an_image_is_offered_where_the_system_is_too_old_for_the_wish(described: dict[str, str]) -> None:
    plan = wished(Wishes(torch="2.14"), gpus=[H100], torch=None, driver="535.104.05", **described)
    assert ["rebuild-image"] in kinds(plan)


def test_no_image_is_offered_that_only_follows_from_a_pattern() -> None:
    """Neither for any set of the matrix, as a container with that very set would get it."""
    known = {image.tag: image for image in MATRIX.images}
    for release in MATRIX.releases:
        plan = wished(
            Wishes(torch=f"=={release.version}"), gpus=[A100], torch=None, kind="container", driver="580.82.07"
        )
        for way in plan.alternatives:
            for step in way.steps:
                if step.kind == "rebuild-image":
                    image = known[step.argv[2]]
                    assert CERTAINTIES.index(image.certainty) <= CERTAINTIES.index("sourced")
                    assert way.target is not None
                    assert (image.torch, f"cu{image.cuda.replace('.', '')}") == (way.target.torch, way.target.channel)


def test_no_image_for_x86_is_offered_to_an_arm_machine() -> None:
    plan = planned(
        gpus=[("NVIDIA GH200 480GB", "9.0")], torch="2.14.0+cu130", driver="570.86.15", kind="container",
        platform="linux-aarch64",
    )  # fmt: skip
    assert plan.status is Status.SOLVED
    assert "rebuild-image" not in [kind for way in kinds(plan) for kind in way]


def test_the_worse_gpu_is_hidden_by_its_index_on_a_saved_machine() -> None:
    plan = planned(gpus=[K80, RTX_5090], torch="2.5.1+cu124", driver="570.86.15")
    hiding = plan.alternatives[0]
    assert hiding.steps[0].argv == ("export", "CUDA_VISIBLE_DEVICES=1", "CUDA_DEVICE_ORDER=PCI_BUS_ID")
    assert hiding.proved is True


def test_the_better_gpu_is_hidden_where_the_driver_runs_the_other_alone() -> None:
    plan = planned(gpus=[A100, RTX_5090], torch=None, driver="470.256.02")
    assert plan.status is Status.IMPOSSIBLE
    assert kinds(plan)[-1] == ["set-env", "install-wheels"]
    assert plan.alternatives[-1].steps[0].argv == ("export", "CUDA_VISIBLE_DEVICES=0", "CUDA_DEVICE_ORDER=PCI_BUS_ID")
    assert plan.alternatives[-1].proved is True


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_upgrade_says_where_and_carries_the_target(name: str) -> None:
    snapshot = snapshot_of(SCENARIOS[name])
    solver = Solver(Machine(snapshot), MATRIX)
    plan = prove(plan_for(diagnose(snapshot, MATRIX), solver), solver, lambda after: diagnose(after, MATRIX))
    for way in plan.alternatives:
        for step in way.steps:
            if step.kind == "upgrade-driver":
                assert "on this machine" in step.why
                assert way.target is not None


@pytest.mark.parametrize(("name", "rank"), [("S2", 0), ("S10", 0)])
def test_a_driver_is_the_first_other_way_where_it_is_what_is_missing(name: str, rank: int) -> None:
    snapshot = snapshot_of(SCENARIOS[name])
    solver = Solver(Machine(snapshot), MATRIX)
    plan = plan_for(diagnose(snapshot, MATRIX), solver)
    assert plan.alternatives[rank].steps[0].kind == "upgrade-driver"


def test_a_described_machine_has_proofs_too() -> None:
    seen = Description("535.104.05", ("V100",), (), None, None, None).snapshot(MATRIX)
    wishes = Wishes(cuda=True, torch="2.15")
    solver = Solver(Machine(seen, wishes), MATRIX)
    plan = prove(plan_for_wishes(solver), solver, lambda after: diagnose(after, MATRIX, wishes))
    assert [way.proved for way in plan.alternatives] == [True]
