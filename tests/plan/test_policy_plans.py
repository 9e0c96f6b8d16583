"""A plan answers what a policy demands and stays within it; what a person has to do is said, and nothing invented."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.codec.read import load_snapshot
from envdoctor.diagnose.governed import govern
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.demand import BY_NAME, KEYS, PACKAGE, SMOKE, Demand
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Plan, Status
from envdoctor.model.policy import Ignore, Policy
from envdoctor.plan.predict import predicted
from envdoctor.plan.proof import prove
from envdoctor.plan.remedies import nothing_to_mend, plan_for
from envdoctor.plan.solve import Solver
from envdoctor.plan.terms import admits
from envdoctor.policy.wishes import wishes_of
from envdoctor.policy.words import specifier_of
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
CASES = Path(__file__).parents[1] / "cases"
A100, V100 = "NVIDIA A100-SXM4-80GB", "Tesla V100-SXM2-16GB"
TODAY = "2026-11-22"
TRITON_SERIES = {"torch.requires": ['triton~=3.8.0; platform_system == "Linux"'], "triton.version": "3.8.0"}


def policy(*ignores: Ignore, device: str | None = None, **asked: str) -> Policy:
    """A policy as it is written; `_` in a key is a hyphen."""
    demands = []
    for name, written in asked.items():
        key = name.replace("_", "-")
        if key.startswith("packages-"):
            key = PACKAGE + key.removeprefix("packages-")
            demands.append(Demand(key, written, written))
        elif key == SMOKE:
            demands.append(Demand(key, written, written))
        else:
            demands.append(Demand(key, specifier_of(BY_NAME[key].kind, written, key), written))
    return Policy(demands=tuple(demands), ignores=ignores, device=device)


def judged(snapshot: Snapshot, asked: Policy) -> Diagnosis:
    return govern(diagnose(snapshot, MATRIX, wishes_of(asked)), asked, TODAY).diagnosis


def planned(snapshot: Snapshot, asked: Policy) -> Plan:
    machine = Machine(snapshot, wishes_of(asked))
    solver = Solver(machine, MATRIX)
    plan = plan_for(judged(snapshot, asked), solver)
    return prove(plan, solver, lambda after: judged(after, asked))


def errors(snapshot: Snapshot, asked: Policy) -> list[str]:
    return [one.message for one in judged(snapshot, asked).findings if one.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("described", "asked", "torch"),
    [
        ({}, policy(torch=">=2.6,<2.9"), "2.8.0"),
        ({}, policy(torch="2.7"), "2.7."),
        ({"driver": "580.95.05"}, policy(channel="cu126"), ""),
        ({"driver": "580.95.05"}, policy(channel="cu126,cu129"), ""),
        ({"driver": "580.95.05"}, policy(cuda=">=13"), ""),
        ({"driver": "580.95.05"}, policy(cuda="<=12.6"), ""),
        ({"driver": "580.95.05"}, policy(cuda="12.6", torch=">=2.8,<2.10"), ""),
        ({}, policy(torchvision=">=0.23,<0.24"), "2.8.0"),
        ({"torchaudio": "2.9.1"}, policy(torchaudio="<2.9"), "2.8.0"),
        ({"torch": None}, policy(torch=">=2.6,<2.9"), "2.8.0"),
        ({"torch": None}, policy(cuda=">=12"), ""),
        ({"torch": None}, policy(torch="2.9", torchaudio=">=2.9"), "2.9."),
        ({"torch": "2.9.1+cpu"}, policy(cuda=">=12.6", torch="2.9"), "2.9."),
        ({"gpus": (V100,), "driver": "580.95.05", "torch": "2.14.1+cu130"}, policy(torch=">=2.6,<2.9"), "2.8.0"),
        ({"gpus": (V100,), "driver": "580.95.05", "torch": "2.14.1+cu130"}, policy(channel="cu126"), ""),
        ({"torch": "2.9.1"}, policy(channel="cpu"), ""),
    ],
)
def test_a_plan_stays_within_every_demand_and_ends_clean(
    described: dict[str, object], asked: Policy, torch: str
) -> None:
    snapshot = machine_snapshot(**described)
    assert errors(snapshot, asked)
    plan = planned(snapshot, asked)
    assert plan.status is Status.SOLVED, plan.because
    assert plan.proved is True
    assert plan.target is not None
    assert plan.target.torch.startswith(torch)
    after = predicted(snapshot, plan, MATRIX)
    assert errors(after, asked) == []
    # The loop ends: what was demanded is met, so there is nothing left to do.
    again = Machine(after, wishes_of(asked))
    assert nothing_to_mend(judged(after, asked), again)
    for demand in asked.demands:
        if demand.key == "torch":
            assert admits(demand.specifier, plan.target.torch)
        if demand.key == "channel":
            assert plan.target.channel in demand.specifier.split(",")


def test_the_triton_that_is_demanded_chooses_the_torch_that_requires_it() -> None:
    plan = planned(machine_snapshot(), policy(triton=">=3.4,<3.5"))
    assert plan.target is not None
    assert plan.target.torch == "2.8.0"  # which requires triton 3.4.0 (its wheel's metadata)
    assert plan.proved is not False


def test_a_set_that_brings_no_triton_meets_no_demand_for_another() -> None:
    """CUDA builds before torch 2.0 require none; the newest torch for a K80, 2.3.1, requires triton 2.3.1."""
    k80 = load_snapshot((CASES / "k80-on-cu118" / "snapshot.json").read_bytes(), "k80")
    plan = planned(k80, policy(triton=">=3.5.2"))
    assert (plan.status, plan.steps) == (Status.IMPOSSIBLE, ())
    assert plan.conflict is not None
    assert any("triton >=3.5.2" in text for text in plan.conflict.constraints)


@pytest.mark.parametrize("asked", [policy(torch="<2.14"), policy(channel="cu126"), policy(cuda="<13")])
def test_a_build_with_cuda_stays_one_where_no_gpu_is_seen(asked: Policy) -> None:
    """An image is put together, and its policy held, on machines without a GPU."""
    case = "ci-runner-with-a-cuda-build"
    plan = planned(load_snapshot((CASES / case / "snapshot.json").read_bytes(), case), asked)
    assert plan.target is not None
    assert plan.target.channel.startswith("cu")
    assert plan.proved is True


def test_what_a_later_step_installs_again_is_not_installed_first() -> None:
    case = "visible-devices-of-another-machine"
    plan = planned(load_snapshot((CASES / case / "snapshot.json").read_bytes(), case), policy(torch="<2.9.1"))
    assert [step.kind for step in plan.steps] == ["unset-env", "install-wheels"]
    assert any("torch==2.9.0+cu126" in word for word in plan.steps[1].argv)


@pytest.mark.parametrize("case", ["cpu-index-in-front-of-a-gpu", "cpu-build-on-a-gpu-laptop"])
@pytest.mark.parametrize("asked", [policy(device="cpu"), policy(channel="cpu")], ids=["device", "channel"])
def test_an_index_of_cpu_builds_is_right_where_a_policy_says_cpu(case: str, asked: Policy) -> None:
    snapshot = load_snapshot((CASES / case / "snapshot.json").read_bytes(), case)
    assert [(one.rule, one.severity) for one in judged(snapshot, asked).findings] == [("cpu-only-build", Severity.NOTE)]
    assert planned(snapshot, asked).status is Status.NOTHING_TO_DO


def test_what_is_demanded_and_cannot_be_had_is_said_in_the_words_of_the_policy() -> None:
    snapshot = machine_snapshot(gpus=(V100,), driver="580.95.05", torch="2.14.1+cu130")
    plan = planned(snapshot, policy(channel="cu130"))
    assert plan.status is Status.IMPOSSIBLE
    assert plan.conflict is not None
    assert any("channel cu130" in text for text in plan.conflict.constraints)
    assert any("channel cu130" in text and "fits" in text for text in plan.conflict.relax)
    assert not plan.steps
    old = planned(machine_snapshot(), policy(torch="1.4.0"))
    assert old.status is Status.IMPOSSIBLE
    assert not any("--torch" in text for text in (*old.because, *(old.conflict.constraints if old.conflict else ())))


@pytest.mark.parametrize(
    ("described", "asked", "kind", "says"),
    [
        ({}, policy(driver=">=550"), "upgrade-driver", "install NVIDIA driver >=550 on this machine"),
        ({"kind": "container"}, policy(driver=">=550"), "upgrade-driver", "on the container's host"),
        ({}, policy(cuda_driver_api=">=13"), "upgrade-driver", "an NVIDIA driver of CUDA >=13"),
        ({}, policy(gpus=">=8"), "change-machine", "gpus >=8"),
        ({"gpus": (A100, A100), "visible": (0,)}, policy(gpus="2"), "set-env", "CUDA_VISIBLE_DEVICES"),
        ({"overrides": {"torch.provenance": "rocm"}}, policy(torch=">=2.10"), "install-package", "torch >=2.10 from"),
        (
            {"torch": "2.14.1+cu130", "driver": "580.95.05", "overrides": TRITON_SERIES},
            policy(triton=">=3.8.1"),
            "install-package",
            "triton >=3.8.1",
        ),
        ({}, policy(packages_vllm="*"), "install-package", "install vllm with"),
        ({"gpus": (A100, V100)}, policy(compute_capability=">=8.0"), "change-machine", "compute capability >=8.0"),
        ({"kind": "container"}, policy(shm=">=900 GiB"), "start-container-with", "--shm-size"),
        ({}, policy(shm=">=900 GiB"), "set-limit", "/dev/shm"),
        ({}, policy(memory=">=900 TiB"), "change-machine", "memory >=900 TiB"),
        ({"overrides": {"cgroup.memory_bytes": 1 << 30}}, policy(memory=">=2 GiB"), "start-container-with", "--memory"),
        ({"overrides": {"cgroup.cpus": 0.5}}, policy(cpus=">=2"), "start-container-with", "--cpus"),
        ({"overrides": {"limits.memlock_bytes": 65536}}, policy(memlock=">=1 GiB"), "set-limit", "ulimit -l"),
        ({}, policy(python="3.13"), "rebuild-environment", "Python 3.13"),
        ({}, policy(glibc=">=2.41"), "rebuild-image", "glibc >=2.41"),
        ({}, policy(cudnn=">=99"), "reinstall-packages", "cuDNN >=99"),
        ({}, policy(cuda_toolkit="12.6"), "install-system-package", "CUDA toolkit 12.6"),
        ({}, policy(packages_vllm=">=0.11"), "install-package", "vllm >=0.11"),
        ({}, policy(numpy=">=99"), "install-package", "numpy >=99"),
        ({}, policy(platform="windows-x86_64"), "change-machine", "windows-x86_64"),
    ],
)
def test_what_no_package_mends_is_done_by_hand(
    described: dict[str, object], asked: Policy, kind: str, says: str
) -> None:
    plan = planned(machine_snapshot(**described), asked)
    assert plan.status is Status.SOLVED
    (step,) = plan.steps
    assert (step.kind, step.argv) == (kind, ())
    assert says in step.why
    assert plan.because


def test_every_key_has_an_answer() -> None:
    for key in KEYS:
        plan = planned(
            load_snapshot((CASES / "default-wheel-on-a100" / "snapshot.json").read_bytes(), "a"),
            Policy(demands=(Demand(key.name, "==0.0.1" if key.kind.value != "name" else "nowhere", "impossible"),)),
        )
        assert plan.steps or plan.because, key.name


def test_a_step_by_hand_keeps_no_wheel_from_being_named() -> None:
    plan = planned(machine_snapshot(), policy(torch="<2.9", shm=">=900 GiB", gpus=">=2"))
    assert plan.target is not None
    assert plan.target.torch == "2.8.0"
    first, *others = [step.kind for step in plan.steps]
    assert first == "install-wheels"
    assert sorted(others) == ["change-machine", "set-limit"]


def test_what_torch_brings_along_is_told_after_torch_and_is_no_step_beside_it() -> None:
    """As after a change of torch under a lock, which demands each of its libraries."""
    asked = policy(nccl="2.27.3", triton="3.4.0", torch="2.8.0", **{"packages-nvidia-nccl-cu12": "==2.27.3"})
    asked = replace(asked, demands=tuple(sorted(asked.demands, key=lambda one: one.key != "torch")))
    snapshot = machine_snapshot(nvidia={"nvidia-nccl-cu12": "2.27.5"})
    found = [one.subject for one in judged(snapshot, asked).findings]
    assert found[0] == "torch"
    assert {"triton", "nvidia-nccl-cu12"} < set(found)
    assert [step.kind for step in planned(snapshot, asked).steps] == ["install-wheels"]


def test_an_ignored_finding_is_the_reason_of_no_step() -> None:
    ignored = Ignore("requirement-not-met", "for now", "torch")
    asked = policy(ignored, torch="<2.9", shm=">=900 GiB")
    assert [step.kind for step in planned(machine_snapshot(), asked).steps] == ["set-limit"]
    dropped = machine_snapshot(gpus=(V100,), driver="580.95.05", torch="2.14.1+cu130")
    quiet = Policy(ignores=(Ignore("gpu-arch-dropped", "for now"),))
    assert planned(dropped, quiet).status is Status.NOTHING_TO_DO
    assert planned(dropped, Policy()).steps


@pytest.mark.parametrize(
    "asked",
    [
        policy(torch=">=2.6", gpus=">=1", compute_capability=">=8.0", driver=">=535", channel="cu128", cuda=">=12"),
        policy(device="cuda"),
        policy(device="cpu"),
    ],
)
def test_a_healthy_machine_that_meets_its_policy_has_nothing_to_do(asked: Policy) -> None:
    snapshot = machine_snapshot()
    assert judged(snapshot, asked).findings == ()
    assert planned(snapshot, asked) == Plan(Status.NOTHING_TO_DO)


def test_a_cpu_build_is_what_a_policy_for_the_cpu_asks_for() -> None:
    snapshot = machine_snapshot(torch="2.9.1+cpu")
    (found,) = [one for one in judged(snapshot, policy(device="cpu")).findings if one.rule == "cpu-only-build"]
    assert found.severity is Severity.NOTE
    assert planned(snapshot, policy(device="cpu")).status is Status.NOTHING_TO_DO
    none = planned(machine_snapshot(torch=None), policy(device="cpu", torch="2.9"))
    assert none.target is not None
    assert none.target.channel == "cpu"
    assert any("the policy says CPU" in text for text in none.because)


@pytest.mark.parametrize("case", ["gpu-hidden-on-purpose", "docker-run-without-gpus", "cpu-index-where-no-gpu-is"])
@pytest.mark.parametrize(
    "asked",
    [policy(gpus=">=1"), policy(compute_capability=">=7.0"), policy(gpu_memory=">=1 GiB"), policy(device="cuda")],
    ids=["gpus", "compute-capability", "gpu-memory", "device"],
)
def test_where_a_policy_asks_for_a_gpu_its_absence_is_an_error_and_has_one_cause(case: str, asked: Policy) -> None:
    snapshot = load_snapshot((CASES / case / "snapshot.json").read_bytes(), case)
    assert not errors(snapshot, Policy())
    diagnosis = judged(snapshot, asked)
    serious = [one for one in diagnosis.findings if one.severity is Severity.ERROR]
    assert serious[0].rule in ("cuda-visible-devices-empty", "no-gpu-in-container", "no-nvidia-gpu")
    assert all(one.caused_by for one in serious[1:])
    assert planned(snapshot, asked).steps
