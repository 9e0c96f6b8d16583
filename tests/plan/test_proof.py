"""A plan is carried out in thought and the machine judged again: what holds is said, what does not is dropped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envdoctor.codec.read import load_snapshot
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.change import ChangesDriver, Installs, Into, ShowsGpus
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan.predict import predicted
from envdoctor.plan.proof import MOST_WAYS, prove
from envdoctor.plan.remedies import NOTHING, plan_for, plan_for_wishes
from envdoctor.plan.solve import Solver
from machines import MODELS, SCENARIOS, Scenario, machine_snapshot, snapshot_of

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
CASES = {path.parent.name: path for path in (Path(__file__).parents[1] / "cases").glob("*/snapshot.json")}
A100 = "NVIDIA A100-SXM4-80GB"
V100 = "Tesla V100-SXM2-16GB"
K80 = "Tesla K80"
RTX_5090 = "NVIDIA GeForce RTX 5090"


def judge(snapshot: Snapshot) -> Diagnosis:
    return diagnose(snapshot, MATRIX)


def proved(snapshot: Snapshot, wishes: Wishes | None = None) -> Plan:
    solver = Solver(Machine(snapshot, wishes), MATRIX)
    plan = plan_for_wishes(solver) if wishes and wishes.torch else plan_for(judge(snapshot), solver)
    return prove(plan, solver, judge)


def errors(snapshot: Snapshot) -> list[str]:
    return [one.message for one in judge(snapshot).findings if one.severity is Severity.ERROR]


def ways(plan: Plan) -> tuple[Plan, ...]:
    return (plan, *plan.alternatives)


def foreseen(plan: Plan) -> bool:
    return bool(plan.steps) and all(step.change is not None for step in plan.steps)


def installing(*requirements: str, into: Into = Into.PRESENT) -> Plan:
    step = Step("install-wheels", Applicability.UNSAFE, "a test", ("pip",), change=Installs(requirements, into))
    return Plan(Status.SOLVED, None, (step,))


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_each_way_out_of_a_scenario_leaves_no_error(scenario: Scenario) -> None:
    snapshot = snapshot_of(scenario)
    plan = proved(snapshot)
    for way in ways(plan):
        assert way.proved is (True if foreseen(way) else None)
        if foreseen(way):
            assert errors(predicted(snapshot, way, MATRIX)) == []


def case(name: str) -> Snapshot:
    return load_snapshot(CASES[name].read_bytes(), name)


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_way_out_of_the_gallery_leaves_no_error(name: str) -> None:
    plan = proved(case(name))
    for way in ways(plan):
        assert way.proved is not False, way.because
        if way.proved:
            assert errors(predicted(case(name), way, MATRIX)) == []


def test_most_plans_of_the_gallery_that_can_be_foreseen_are_proved() -> None:
    """The others hang on what the environment of conda, NVIDIA or a project would hold then."""
    plans = [way for name in CASES for way in ways(proved(case(name))) if foreseen(way)]
    assert len(plans) > 40
    assert sum(way.proved is True for way in plans) >= 0.9 * len(plans)


machines = st.fixed_dictionaries(
    {
        "driver": st.sampled_from(["450.80.02", "470.256.02", "525.60.13", "550.54.15", "570.86.15", "580.82.07"]),
        "gpus": st.lists(st.sampled_from(sorted(set(MODELS) - {"Orin", "NVIDIA Thor"})), min_size=1, max_size=2),
        "torch": st.sampled_from([None, "2.1.2+cu121", "2.5.1+cu124", "2.9.1+cu128", "2.13.0+cpu", "2.14.0+cu130"]),
        "torchvision": st.sampled_from(["partner", "0.18.0+cu121"]),
        "python": st.sampled_from(["3.8.18", "3.10.13", "3.12.1", "3.14.0"]),
        "kind": st.sampled_from(["bare", "container", "wsl2"]),
        "glibc": st.sampled_from(["2.17", "2.36"]),
    }
)


@settings(max_examples=150, deadline=None)
@given(described=machines, wish=st.sampled_from([None, "2.6", ">=2.15", "2.14.1"]))
def test_no_other_way_out_that_leaves_an_error_is_offered(described: dict[str, object], wish: str | None) -> None:
    snapshot = machine_snapshot(**described)
    plan = proved(snapshot, Wishes(torch=wish))
    assert len(plan.alternatives) <= MOST_WAYS
    told = [tuple((step.kind, step.argv, step.why) for step in way.steps) for way in ways(plan)]
    assert len(set(told)) == len(told)
    for way in plan.alternatives:
        assert way.proved is not False
        assert way.steps
        if foreseen(way):
            assert errors(predicted(snapshot, way, MATRIX)) == []


def test_a_way_out_that_does_not_hold_is_dropped() -> None:
    snapshot = machine_snapshot(gpus=[V100], torch="2.14.0+cu130", driver="580.82.07")
    solver = Solver(Machine(snapshot), MATRIX)
    plan = plan_for(judge(snapshot), solver)
    bait = Plan(
        Status.SOLVED,
        steps=(Step("upgrade-driver", Applicability.MANUAL, "a bait", change=ChangesDriver("595.58.03")),),
        because=("a newer driver",),
    )
    assert prove(replace(plan, alternatives=(bait,)), solver, judge).alternatives == ()


def test_what_a_plan_leaves_is_named_where_no_step_mends_it() -> None:
    """A card that its driver no longer runs, and a plan that changes nothing about it."""
    snapshot = machine_snapshot(gpus=[RTX_5090], torch="2.5.1+cu124", driver="535.104.05")
    solver = Solver(Machine(snapshot), MATRIX)
    plan = prove(installing("torch==2.9.1+cu128", "torchvision==0.24.1+cu128"), solver, judge)
    assert plan.proved is False
    assert plan.because[-1].startswith("this remains after it: ")
    assert "570" in plan.because[-1]


def test_a_step_that_mends_what_is_left_is_added() -> None:
    snapshot = machine_snapshot(torch="2.5.1+cu124", driver="470.256.02", torchvision="0.18.0+cu121")
    solver = Solver(Machine(snapshot), MATRIX)
    driver = Step("upgrade-driver", Applicability.MANUAL, "a test", change=ChangesDriver("535.104.05"))
    plan = prove(Plan(Status.SOLVED, None, (driver,)), solver, judge)
    assert plan.proved is True
    assert [step.kind for step in plan.steps] == ["upgrade-driver", "install-wheels"]
    assert "torchvision==0.20.1+cu124" in plan.steps[1].argv


@pytest.mark.parametrize("described", [{"nvml_status": 18}, {"driver": None}, {"lost": [0]}])
def test_what_a_person_does_is_not_foreseen(described: dict[str, object]) -> None:
    plan = proved(machine_snapshot(torch="2.14.0+cu130", **described))
    assert plan.status is Status.SOLVED
    assert plan.proved is None


def test_nothing_to_do_is_not_proved() -> None:
    snapshot = snapshot_of(SCENARIOS["S5"])
    solver = Solver(Machine(snapshot), MATRIX)

    def never(snapshot: Snapshot) -> Diagnosis:
        raise AssertionError(snapshot)

    assert prove(NOTHING, solver, never) == NOTHING


def test_a_fact_that_kernels_hang_on_and_nobody_knows_leaves_it_open() -> None:
    """The name of no matrix row, and a driver that does not tell the capability after all."""
    snapshot = machine_snapshot(gpus=[A100], torch="2.5.1+cu124", driver="470.256.02")
    solver = Solver(Machine(snapshot), MATRIX)
    plan = plan_for(judge(snapshot), solver)
    dark = snapshot.having({"driver.version": Unknown("no answer"), "driver.cuda_version": Unknown("no answer")})
    assert prove(plan, Solver(Machine(dark), MATRIX), judge).proved is None


# What is predicted.


def test_facts_of_the_old_build_do_not_stand_for_the_new_one() -> None:
    snapshot = machine_snapshot(
        torch="2.14.0+cu130",
        gpus=[V100],
        nvidia={"nvidia-cublas": "13.1.1.3", "nvidia-cudnn-cu13": "9.24.0.43"},
        overrides={"torch.git": "abc", "packages.installed": {"torch": "2.14.0", "nvidia-cublas": "13.1.1.3"}},
    )
    plan = proved(snapshot)
    after = predicted(snapshot, plan, MATRIX)
    assert after["torch.version"] == Known("2.14.0+cu126", "after the plan")
    assert after["torch.cuda"] == Known("12.6", "after the plan")
    assert isinstance(after["torch.git"], Unknown)
    assert isinstance(after["nvidia.packages"], Unknown)
    installed = after["packages.installed"]
    assert isinstance(installed, Known)
    assert isinstance(installed.value, dict)
    assert "nvidia-cublas" not in installed.value
    assert installed.value["torch"] == "2.14.0+cu126"
    old = {name for name, fact in snapshot.facts.items() if isinstance(fact, Known) and "cu130" in str(fact.value)}
    assert old >= {"torch.version", "torch.channel", "torchvision.version"}
    assert [name for name in old if after[name] == snapshot[name]] == []


def test_what_is_not_replaced_stays() -> None:
    snapshot = machine_snapshot(torch="2.5.1+cu124", driver="470.256.02", overrides={"numpy.version": "1.26.4"})
    after = predicted(snapshot, proved(snapshot), MATRIX)
    same = ("numpy.version", "driver.version", "gpu.visible", "python.tag", "extensions.packages", "torch.location")
    assert [name for name in same if after[name] != snapshot[name]] == []


def test_a_reinstalled_build_keeps_what_it_tells_and_is_whole() -> None:
    snapshot = snapshot_of(SCENARIOS["S9"])
    after = predicted(snapshot, proved(snapshot), MATRIX)
    assert after["libraries.missing"] == Known([], "after the plan")
    assert after["torch.requires"] == snapshot["torch.requires"]


@pytest.mark.parametrize(("python", "triton"), [("3.11.7", "3.1.0"), ("3.13.0", None)])
def test_triton_comes_where_its_marker_holds(python: str, triton: str | None) -> None:
    """Torch 2.5.1 pins triton 3.1.0 below Python 3.13."""
    snapshot = machine_snapshot(torch=None, python=python)
    after = predicted(snapshot, installing("torch==2.5.1+cu124"), MATRIX)
    fact = after["triton.version"]
    assert (fact.value if isinstance(fact, Known) else None) == triton


def test_a_triton_that_serves_is_not_replaced() -> None:
    snapshot = machine_snapshot(torch="2.14.0+cu130", triton="3.8.4")
    after = predicted(snapshot, installing("torch==2.14.0+cu126"), MATRIX)
    assert after["triton.version"] == snapshot["triton.version"]


def test_the_default_build_is_named_without_its_local_version() -> None:
    after = predicted(machine_snapshot(torch=None), installing("torch==2.9.1"), MATRIX)
    assert after["torch.version"] == Known("2.9.1+cu128", "after the plan")
    assert after["torch.dist_version"] == Known("2.9.1", "after the plan")
    assert after["torch.provenance"] == Known("pypi", "after the plan")


def test_a_release_that_the_matrix_does_not_know_tells_its_version_alone() -> None:
    after = predicted(machine_snapshot(torch="2.9.1+cu128"), installing("torch==2.99.0+cu140"), MATRIX)
    assert after["torch.version"] == Known("2.99.0+cu140", "after the plan")
    assert isinstance(after["torch.cuda"], Unknown)
    assert isinstance(after["torch.requires"], Unknown)


def test_a_new_environment_holds_nothing_of_the_old_one() -> None:
    snapshot = machine_snapshot(
        torch="2.5.1", torch_cuda="12.4", provenance="conda-forge", torchvision="0.18.0",
        overrides={"packages.conda": {"pytorch": {"version": "2.5.1"}}, "numpy.version": "1.26.4"},
    )  # fmt: skip
    after = predicted(snapshot, installing("torch==2.5.1+cu118", into=Into.NEW), MATRIX)
    assert isinstance(after["packages.conda"], Absent)
    assert isinstance(after["torchvision.version"], Absent)
    assert not isinstance(after["numpy.version"], Known)
    assert after["python.tag"] == snapshot["python.tag"]


def test_an_image_brings_a_python_and_keeps_the_driver() -> None:
    snapshot = machine_snapshot(torch=None, python="3.8.18", glibc="2.17", gpus=[A100])
    after = predicted(snapshot, installing("torch==2.14.0+cu126", into=Into.IMAGE), MATRIX)
    assert after["python.tag"] == Known("cp310", "after the plan")
    assert isinstance(after["host.libc"], Unknown)
    assert after["driver.version"] == snapshot["driver.version"]
    assert errors(after) == []


def test_another_driver_answers_in_one_voice() -> None:
    snapshot = machine_snapshot(driver="470.256.02")
    step = Step("upgrade-driver", Applicability.MANUAL, "a test", change=ChangesDriver("580.65.06"))
    after = predicted(snapshot, Plan(Status.SOLVED, None, (step,)), MATRIX)
    names = [f"driver.version{rung}" for rung in ("", ".nvml", ".proc", ".sys")]
    assert {after[name] for name in names} == {Known("580.65.06", "after the plan")}
    assert after["driver.cuda_version"] == Known("13.0", "after the plan")
    assert after["cuda.library_version"] == Known("580.65.06", "after the plan")
    assert "470.256.02" not in str({name: fact for name, fact in after.facts.items() if "driver" in name})


def test_compat_libraries_stay_where_they_are() -> None:
    folder = "/usr/local/cuda-12.8/compat"
    compat = {
        "cuda.compat": folder,
        "cuda.library": f"{folder}/libcuda.so.570.86.15",
        "cuda.library_version": "570.86.15",
    }
    snapshot = machine_snapshot(driver="535.104.05", overrides=compat)
    step = Step("upgrade-driver", Applicability.MANUAL, "a test", change=ChangesDriver("550.54.15"))
    after = predicted(snapshot, Plan(Status.SOLVED, None, (step,)), MATRIX)
    assert after["cuda.library_version"] == snapshot["cuda.library_version"]


def test_gpus_are_hidden_and_shown() -> None:
    snapshot = machine_snapshot(gpus=[K80, RTX_5090], visible_devices="", cuda_init=100, driver="570.86.15")
    shown = Step("set-env", Applicability.SAFE, "a test", change=ShowsGpus("1", (1,)))
    after = predicted(snapshot, Plan(Status.SOLVED, None, (shown,)), MATRIX)
    assert after["gpu.visible"] == Known([1], "after the plan")
    assert after["cuda.init"] == Known(0, "after the plan")
    unset = Step("unset-env", Applicability.SAFE, "a test", change=ShowsGpus(None, (0, 1)))
    after = predicted(after, Plan(Status.SOLVED, None, (unset,)), MATRIX)
    assert isinstance(after["env.CUDA_VISIBLE_DEVICES"], Absent)
    assert [gpu.index for gpu in Machine(after).visible_gpus] == [0, 1]
