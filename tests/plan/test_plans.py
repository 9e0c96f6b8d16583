"""Plans of the described scenarios, of defects one by one, and what a plan may never do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from change_in_thought import after, requirements

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine, Wishes
from envdoctor.model.plan import Applicability, Plan, Status
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from machines import SCENARIOS, Scenario, machine_snapshot, snapshot_of

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.snapshot import Snapshot

MATRIX = load_matrix()
A100 = "NVIDIA A100-SXM4-80GB"
GTX_1080 = "NVIDIA GeForce GTX 1080"
RTX_5090 = "NVIDIA GeForce RTX 5090"
V100 = "Tesla V100-SXM2-16GB"
K80 = "Tesla K80"


def judged(snapshot: Snapshot) -> Diagnosis:
    return diagnose(snapshot, MATRIX)


def planned(snapshot: Snapshot, *, live: bool = False) -> Plan:
    return plan_for(judged(snapshot), Solver(Machine(snapshot), MATRIX, live=live))


def errors(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judged(snapshot).findings if one.severity is Severity.ERROR]


def whole(plan: Plan) -> list[Plan]:
    return [plan, *(inner for way in plan.alternatives for inner in whole(way))]


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    snapshot = snapshot_of(scenario)
    plan = planned(snapshot)
    if scenario.torch is None and not scenario.gpus:
        # An empty environment is told what fits, with a GPU (S11, S12) or without.
        assert plan.target is not None
        assert (plan.status, plan.target.channel) == (Status.SOLVED, "cpu")
        return
    assert plan.status.value == scenario.status
    if scenario.channels:
        assert plan.target is not None
        assert plan.target.channel in scenario.channels
        assert plan.target.index_url == f"https://download.pytorch.org/whl/{plan.target.channel}"
        assert errors(after(snapshot, plan, MATRIX)) == []
        assert planned(after(snapshot, plan, MATRIX)).status is Status.NOTHING_TO_DO
    else:
        assert plan.target is None
    if plan.status is Status.NOTHING_TO_DO:
        assert plan.steps == ()


def test_s1_keeps_the_installed_release_where_a_channel_of_it_serves() -> None:
    plan = planned(snapshot_of(SCENARIOS["S1"]))
    assert plan.steps[0].argv == (
        "python", "-m", "pip", "install", "--index-url", "https://download.pytorch.org/whl/cu118",
        "torch==2.5.1+cu118", "torchvision==0.20.1+cu118",
    )  # fmt: skip
    kinds = [[step.kind for step in way.steps] for way in plan.alternatives]
    assert ["upgrade-driver"] in kinds


def test_s2_is_opened_by_a_newer_driver_alone() -> None:
    plan = planned(snapshot_of(SCENARIOS["S2"]))
    assert plan.status is Status.IMPOSSIBLE
    assert plan.target is None
    assert [step.kind for step in plan.alternatives[0].steps] == ["upgrade-driver", "install-wheels"]
    assert "570" in plan.alternatives[0].steps[0].why
    target = plan.alternatives[0].target
    assert target is not None
    assert target.channel in ("cu128", "cu129")


@pytest.mark.parametrize("name", ["S3", "S3b", "S4"])
def test_no_driver_upgrade_is_offered_for_kernels_that_a_wheel_lacks(name: str) -> None:
    for way in whole(planned(snapshot_of(SCENARIOS[name]))):
        assert "upgrade-driver" not in [step.kind for step in way.steps]


def test_s9_reinstalls_the_very_build_and_the_libraries_it_pins() -> None:
    argv = planned(snapshot_of(SCENARIOS["S9"])).steps[0].argv
    assert "--force-reinstall" in argv
    assert "--no-deps" in argv
    assert "torch==2.9.1+cu128" in argv
    assert any(word.startswith("nvidia-cuda-runtime-cu12==") for word in argv)


def test_s12_stays_below_the_end_of_kepler() -> None:
    plan = planned(snapshot_of(SCENARIOS["S12"]))
    assert plan.target is not None
    assert plan.target.channel == "cu118"
    assert "upgrade-driver" not in [step.kind for way in whole(plan) for step in way.steps]


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("bare", "on this machine"),
        ("container", "on the container's host"),
        ("wsl2", "in Windows"),
    ],
)
def test_a_driver_upgrade_says_where_it_is_done(kind: str, where: str) -> None:
    plan = planned(machine_snapshot(gpus=[RTX_5090], torch="2.9.1+cu128", driver="535.104.05", kind=kind))
    upgrades = [step for way in whole(plan) for step in way.steps if step.kind == "upgrade-driver"]
    assert upgrades
    assert all(where in step.why for step in upgrades)
    assert all(step.applicability is Applicability.MANUAL for step in upgrades)


def test_an_upgrade_names_the_last_branch_that_runs_the_gpu() -> None:
    plan = planned(machine_snapshot(gpus=[V100], torch="2.9.1+cu126", driver="470.256.02"))
    upgrades = [step.why for way in whole(plan) for step in way.steps if step.kind == "upgrade-driver"]
    assert upgrades
    assert all("580" in why for why in upgrades)


def test_a_mixed_machine_that_no_wheel_serves_whole_hides_the_worse_gpu() -> None:
    """sm_37 is in cu118 wheels up to 2.7 alone and sm_120 in none of those."""
    plan = planned(machine_snapshot(gpus=[K80, RTX_5090], torch="2.5.1+cu124", driver="570.86.15"))
    assert plan.status is Status.IMPOSSIBLE
    hiding = [way for way in plan.alternatives if way.steps and way.steps[0].kind == "set-env"]
    assert hiding
    assert hiding[0].steps[0].argv == ("export", "CUDA_VISIBLE_DEVICES=1", "CUDA_DEVICE_ORDER=PCI_BUS_ID")
    assert hiding[0].target is not None


def test_an_unserved_gpu_beside_a_served_one_gets_the_wheel_that_serves_both() -> None:
    snapshot = machine_snapshot(gpus=[A100, GTX_1080], torch="2.9.1+cu128")
    plan = planned(snapshot)
    assert plan.status is Status.SOLVED
    assert plan.target is not None
    assert plan.target.channel == "cu126"
    # Which CUDA libraries the new build leaves beside its own is not known, so the verdict alone says less.
    assert [one for one in judged(after(snapshot, plan, MATRIX)).findings if one.severity > Severity.NOTE] == []


@pytest.mark.parametrize(
    ("described", "rule"),
    [
        ({"torchvision": "0.18.0+cu121"}, "torch-torchvision-mismatch"),
        ({"torchvision": "0.24.1+cpu"}, "torch-torchvision-mismatch"),
        ({"torchvision": "0.24.1+cu130"}, "torch-torchvision-mismatch"),
        ({"torchaudio": "2.1.2+cu121"}, "torch-torchaudio-mismatch"),
        ({"torchaudio": "2.9.1+cpu", "torchvision": "0.24.1+cpu"}, "torch-torchaudio-mismatch"),
        ({"triton": "3.1.0"}, "triton-mismatch"),
    ],
)
def test_a_partner_is_put_right_and_torch_stays(described: dict[str, str], rule: str) -> None:
    snapshot = machine_snapshot(**described)
    assert rule in errors(snapshot)
    plan = planned(snapshot)
    assert plan.status is Status.SOLVED
    for step in plan.steps:
        assert all(not word.startswith("torch==") or word == "torch==2.9.1" for word in step.argv)
    assert errors(after(snapshot, plan, MATRIX)) == []


def test_a_mismatch_and_the_missing_library_it_brings_is_one_repair() -> None:
    snapshot = machine_snapshot(torchvision="0.24.1+cu130", missing=[("torchvision/_C.so", "libcudart.so.13")])
    plan = planned(snapshot)
    assert plan.status is Status.SOLVED
    assert [requirements(step.argv) for step in plan.steps] == [["torch==2.9.1", "torchvision==0.24.1+cu128"]]


def test_a_partner_that_misses_a_library_of_its_own_is_reinstalled() -> None:
    plan = planned(machine_snapshot(missing=[("torchvision/_C.so", "libjpeg-1a2b3c4d.so.8")]))
    assert plan.status is Status.SOLVED
    assert requirements(plan.steps[0].argv) == ["torchvision==0.24.1+cu128"]
    assert {"--force-reinstall", "--no-deps"} <= set(plan.steps[0].argv)


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        ({"nvml_status": 18}, "reboot"),
        ({"nvml_status": 15, "cuda_init": 999}, "reboot"),
        ({"nvml_status": 999}, "reboot"),
        ({"driver": None}, "install-system-package"),
    ],
)
def test_what_no_package_mends_is_for_a_person_and_installs_nothing(described: dict[str, object], kind: str) -> None:
    plan = planned(machine_snapshot(torch="2.14.0+cu130", **described))
    assert [step.kind for step in plan.steps] == [kind]
    assert all(step.applicability is Applicability.MANUAL and step.argv == () for step in plan.steps)
    assert plan.target is None


def test_a_setting_that_hides_a_gpu_does_not_hide_the_defect_of_another() -> None:
    snapshot = machine_snapshot(gpus=[GTX_1080], visible_devices="0,1")
    found = [(one.rule, one.severity) for one in judged(snapshot).findings]
    assert ("gpu-arch-dropped", Severity.ERROR) in found
    assert ("cuda-visible-devices-empty", Severity.WARNING) in found
    plan = planned(snapshot)
    assert [step.kind for step in plan.steps] == ["unset-env", "install-wheels"]
    assert plan.target is not None
    assert plan.target.channel == "cu126"


def test_the_environment_without_pip_gets_uv() -> None:
    snapshot = machine_snapshot(torch="2.5.1+cu124", driver="470.256.02", has_pip=False)
    argv = planned(snapshot, live=True).steps[0].argv
    assert argv[:5] == ("uv", "pip", "install", "--python", "/venv/bin/python")
    assert planned(snapshot, live=False).steps[0].argv[0] == "python"


def test_live_commands_name_the_interpreter_by_its_path() -> None:
    snapshot = machine_snapshot(torch="2.5.1+cu124", driver="470.256.02")
    assert planned(snapshot, live=True).steps[0].argv[:4] == ("/venv/bin/python", "-m", "pip", "install")


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_reinstall_names_every_package_it_touches(installer: str) -> None:
    snapshot = snapshot_of(SCENARIOS["S9"])
    plan = plan_for(judged(snapshot), Solver(Machine(snapshot), MATRIX, installer=installer))
    argv = plan.steps[0].argv
    assert "--no-deps" in argv
    if installer == "uv":
        named = [argv[place + 1] for place, word in enumerate(argv) if word == "--reinstall-package"]
        assert named == [word.partition("==")[0] for word in requirements(argv)]


@pytest.mark.parametrize("provenance", ["ngc", "source", "conda-forge"])
def test_a_build_of_another_house_is_not_overwritten_by_a_repair(provenance: str) -> None:
    snapshot = machine_snapshot(
        torch="2.9.1+cu128", provenance=provenance, missing=[("torch/lib/libtorch_cuda.so", "libcudart.so.12")]
    )
    plan = planned(snapshot)
    assert plan.status is Status.IMPOSSIBLE
    assert provenance in plan.because[0]


def test_a_wish_is_kept_to() -> None:
    machine = Machine(machine_snapshot(torch=None), Wishes(torch=">=2.6,<2.8", partners=("torchaudio",)))
    plan = Solver(machine, MATRIX).wheel_set()
    assert plan.target is not None
    assert plan.target.torch == "2.7.1"
    assert requirements(plan.steps[0].argv)[1].startswith("torchaudio==2.7.1+")


def test_a_wish_that_no_wheel_meets_is_impossible_with_its_reason() -> None:
    plan = Solver(Machine(machine_snapshot(gpus=[V100]), Wishes(torch=">=2.15")), MATRIX).wheel_set()
    assert plan.status is Status.IMPOSSIBLE
    assert any("7.0" in reason or "driver" in reason for reason in plan.because)


def test_a_mirror_of_the_index_is_used_throughout() -> None:
    machine = Machine(snapshot_of(SCENARIOS["S1"]))
    plan = Solver(machine, MATRIX, base="https://mirror.example/whl/").wheel_set()
    assert plan.target is not None
    assert plan.target.index_url == "https://mirror.example/whl/cu118"
    assert "https://mirror.example/whl/cu118" in plan.steps[0].argv


def test_torchaudio_which_ended_before_torch_comes_along() -> None:
    """2.11.0 is the last torchaudio and pins no torch: it comes from the new channel, and torch keeps its release."""
    described = {"torch": "2.14.0+cu130", "driver": "580.82.07", "gpus": [V100], "torchaudio": "2.11.0+cu130"}
    snapshot = machine_snapshot(**described)
    plan = planned(snapshot)
    wanted = ["torch==2.14.0+cu126", "torchvision==0.29.0+cu126", "torchaudio==2.11.0+cu126"]
    assert requirements(plan.steps[0].argv) == wanted
    assert errors(after(snapshot, plan, MATRIX)) == []


def test_a_set_that_holds_every_partner_goes_before_a_newer_one_that_does_not() -> None:
    """The cu132 channel has no torchaudio at all, cu130 of the release before has."""
    snapshot = machine_snapshot(
        torch="2.1.2+cu121", driver="595.58.03", gpus=[RTX_5090], torchaudio="2.1.2", platform="linux-x86_64"
    )
    plan = planned(snapshot)
    assert any(word.startswith("torchaudio==") for word in plan.steps[0].argv)
    assert errors(after(snapshot, plan, MATRIX)) == []


def test_an_empty_environment_is_offered_torch_and_torchvision() -> None:
    empty = planned(machine_snapshot(torch=None, torchvision=None))
    assert empty.status is Status.SOLVED
    assert [word.partition("==")[0] for word in requirements(empty.steps[0].argv)] == ["torch", "torchvision"]
