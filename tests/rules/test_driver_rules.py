"""Which rule speaks of a driver that does not serve CUDA: one cause, one rule, and silence where CUDA works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.machine import Machine, Wishes
from envdoctor.plan.remedies import plan_for
from envdoctor.plan.solve import Solver
from machines import machine_snapshot

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis

MATRIX = load_matrix()
A100, H200, RTX_4090 = "NVIDIA A100-SXM4-80GB", "NVIDIA H200", "NVIDIA GeForce RTX 4090"
COMPAT = "/usr/local/cuda-13.0/compat"
UVM = Known(["nvidia0", "nvidia-uvm", "nvidiactl"], "/dev")
IN_EFFECT: dict[str, Fact] = {
    "cuda.compat": Known(COMPAT, "LD_LIBRARY_PATH"),
    "cuda.library": Known(f"{COMPAT}/libcuda.so.580.65.06", "libcuda"),
    "cuda.library_version": Known("580.65.06", "libcuda"),
}
LIES_THERE: dict[str, Fact] = {"cuda.compat_folders": Known([{"folder": COMPAT, "version": "580.65.06"}], "files")}
NO_LIBCUDA: dict[str, Fact] = {
    "cuda.init": Absent("libcuda.so.1 was not found"), "cuda.library": Absent("libcuda.so.1 was not found")
}  # fmt: skip


def judged(wishes: Wishes | None = None, **described: object) -> Diagnosis:
    diagnosis = diagnose(machine_snapshot(**described), MATRIX, wishes)
    assert diagnosis.crashed == ()
    return diagnosis


def roots(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """What is not explained by something else and more than a note, as (severity, rule)."""
    return [
        (one.severity.word, one.rule)
        for one in diagnosis.findings
        if one.severity > Severity.NOTE and one.caused_by is None
    ]


@pytest.mark.parametrize(
    ("init", "gpu", "rule"),
    [
        (802, H200, "fabric-manager-not-running"),
        (802, "Tesla V100-SXM2-16GB", "fabric-manager-not-running"),
        (802, RTX_4090, "driver-query-failed"),
        (803, A100, "compat-libcuda-mismatch"),
        (803, RTX_4090, "compat-libcuda-mismatch"),
        (804, RTX_4090, "compat-libcuda-mismatch"),
        (999, A100, "cuda-init-stale-driver-state"),
        (999, RTX_4090, "cuda-init-stale-driver-state"),
        (304, A100, "driver-query-failed"),
        (34, A100, "compat-libcuda-mismatch"),
        (100, A100, "driver-query-failed"),
    ],
)
def test_each_refusal_of_cuda_has_one_rule(init: int, gpu: str, rule: str) -> None:
    diagnosis = judged(cuda_init=init, gpus=[gpu], overrides={"device.nodes": UVM})
    assert [one.rule for one in diagnosis.findings if one.severity is Severity.ERROR] == [rule]
    assert str(init) in diagnosis.findings[0].message


@pytest.mark.parametrize("init", [802, 803, 804, 999])
def test_where_nvml_refuses_too_its_own_rules_speak(init: int) -> None:
    assert roots(judged(nvml_status=18, cuda_init=init)) == [("error", "nvml-driver-library-mismatch")]
    assert roots(judged(nvml_status=999, cuda_init=init)) == [("error", "driver-query-failed")]
    assert roots(judged(nvml_status=15, cuda_init=init))[0] == ("error", "gpu-lost")


def test_cuda_that_refuses_where_nvml_is_not_installed() -> None:
    nowhere = Absent("libnvidia-ml.so.1 was not found")
    unknown = Unknown("libnvidia-ml.so.1 was not found, and cuInit ended with an error")
    facts = {"nvml.status": nowhere, "gpu.count": unknown, "gpu.visible": unknown}
    for init, rule in ((803, "compat-libcuda-mismatch"), (802, "fabric-manager-not-running")):
        assert roots(judged(cuda_init=init, overrides=facts)) == [("error", rule)]


def test_a_gpu_that_refuses_by_itself_is_no_stale_state() -> None:
    refusing = {"gpu.0.status": Known(999, "nvml")}
    assert roots(judged(cuda_init=999, overrides=refusing))[0] == ("error", "driver-query-failed")


def test_versions_that_disagree_are_no_stale_state() -> None:
    other = {"driver.version.proc": Known("550.54.15", "/proc/driver/nvidia/version")}
    assert roots(judged(cuda_init=999, overrides=other)) == [("error", "driver-query-failed")]


@pytest.mark.parametrize("init", [0, 803, 804, 999])
def test_compat_libraries_on_a_consumer_card_matter_where_cuda_failed(init: int) -> None:
    found = roots(judged(cuda_init=init, gpus=[RTX_4090], driver="535.104.05", overrides=IN_EFFECT))
    assert found == ([("error", "compat-libcuda-mismatch")] if init else [])


def test_the_message_names_file_and_folder() -> None:
    message = judged(cuda_init=803, driver="590.48.01", overrides=IN_EFFECT).findings[0].message
    assert f"{COMPAT}/libcuda.so.580.65.06" in message
    assert "590.48.01" in message


# The libcuda that is really used, and the driver too old for the wheel.

OLD = {"driver": "535.104.05", "cuda": "12.2", "torch": "2.14.0+cu130"}


def test_a_compat_folder_in_effect_bridges_the_driver_s_age() -> None:
    assert roots(judged(overrides=IN_EFFECT, **OLD)) == []
    by_libcuda = {**IN_EFFECT, "driver.cuda_version": Known("13.0", "libcuda")}
    assert roots(judged(overrides=by_libcuda, **OLD)) == []


def test_a_compat_folder_that_merely_lies_there_does_not_and_is_named() -> None:
    diagnosis = judged(kind="container", overrides=LIES_THERE, **OLD)
    assert roots(diagnosis) == [("error", "driver-too-old")]
    assert f"{COMPAT} (of driver 580.65.06) are not in use" in diagnosis.findings[0].message


@pytest.mark.parametrize("version", ["570.86.15", "535.104.05", "odd", None])
def test_compat_libraries_that_would_not_do_are_not_named(version: str | None) -> None:
    folders = {"cuda.compat_folders": Known([{"folder": COMPAT, "version": version}, "odd"], "files")}
    diagnosis = judged(overrides=folders, **OLD)
    assert roots(diagnosis) == [("error", "driver-too-old")]
    assert COMPAT not in diagnosis.findings[0].message


def test_what_cannot_be_decided_is_undetermined_only_where_it_matters() -> None:
    doubt = {"cuda.compat": Unknown("/etc/ld.so.cache tells nothing")}
    undecided = judged(overrides=doubt, **OLD)
    assert (undecided.verdict, undecided.findings) == (Verdict.UNDETERMINED, ())
    assert [one.fact for one in undecided.skipped if one.rule == "driver-too-old"] == ["cuda.compat"]
    new_enough = judged(overrides=doubt, driver="580.65.06", torch="2.14.0+cu130")
    assert (new_enough.verdict, new_enough.findings) == (Verdict.HEALTHY, ())
    assert judged(overrides=doubt).verdict is Verdict.HEALTHY  # CUDA 12.8 on driver 535


def test_a_compat_libcuda_that_is_too_old_itself_does_not_help() -> None:
    older = {**IN_EFFECT, "cuda.library_version": Known("550.54.15", "libcuda")}
    assert roots(judged(overrides=older, **OLD)) == [("error", "driver-too-old")]


# MIG.

ON: dict[str, Fact] = {"gpu.0.mig_mode": Known("on", "nvml")}


def mig(*instances: str) -> dict[str, Fact]:
    return {**ON, "gpu.0.mig": Known(list(instances), "nvml")}


def test_mig_without_instances() -> None:
    found = judged(cuda_init=100, visible=[], overrides=mig())
    assert roots(found) == [("warning", "mig")]
    assert found.verdict is Verdict.WARNINGS


def test_mig_in_proper_use_is_no_finding() -> None:
    assert judged(overrides=mig("MIG-1", "MIG-2")).findings == ()
    pinned = judged(overrides=mig("MIG-1", "MIG-2"), visible_devices="MIG-2", visible=[0])
    assert pinned.findings == ()


@pytest.mark.parametrize(
    ("asked", "instances", "rules"),
    [
        ("", (), ["cuda-visible-devices-empty"]),
        ("-1", ("MIG-1",), ["cuda-visible-devices-empty"]),
        ("MIG-1", ("MIG-1",), ["mig", "cuda-visible-devices-empty"]),
        ("mig-1", ("MIG-1",), ["mig", "cuda-visible-devices-empty"]),
        ("MIG-9", ("MIG-1",), ["cuda-visible-devices-empty"]),
        ("0", (), ["mig", "cuda-visible-devices-empty"]),
        ("5", (), ["cuda-visible-devices-empty"]),
    ],
)
def test_mig_behind_cuda_visible_devices(asked: str, instances: tuple[str, ...], rules: list[str]) -> None:
    found = judged(cuda_init=100, visible=[], visible_devices=asked, overrides=mig(*instances))
    assert [one.rule for one in found.findings] == rules


def test_mig_of_a_gpu_that_nobody_uses_here() -> None:
    second = {"gpu.1.mig_mode": Known("on", "nvml"), "gpu.1.mig": Known([], "nvml")}
    assert roots(judged(gpus=[A100, A100], visible=[0], overrides=second)) == [("warning", "mig")]
    hidden = judged(gpus=[A100, A100], visible=[0], visible_devices="0", overrides=second)
    assert hidden.findings == ()


def test_a_cuda_that_does_not_start_at_all_is_not_mig_s_fault() -> None:
    assert roots(judged(cuda_init=802, overrides=mig())) == [("error", "fabric-manager-not-running")]


# WSL2.

LENT: dict[str, Fact] = {
    "driver.wsl_library": Known("/usr/lib/wsl/lib/libcuda.so.1", "files"),
    "cuda.library": Known("/usr/lib/wsl/lib/libcuda.so.1", "libcuda"),
    "cuda.library_version": Unknown("libcuda.so.1 does not carry its version in its name"),
}
FOREIGN: dict[str, Fact] = {
    **LENT,
    "cuda.library": Known("/usr/lib/x86_64-linux-gnu/libcuda.so.535.104.05", "libcuda"),
    "cuda.library_version": Known("535.104.05", "libcuda"),
}
WINDOWS = {"kind": "wsl2", "driver": "581.29", "cuda": "13.0"}


def test_a_healthy_wsl2_with_and_without_a_gpu() -> None:
    assert judged(overrides=LENT, **WINDOWS).verdict is Verdict.HEALTHY
    assert judged(overrides=LENT, **WINDOWS).findings == ()
    nothing = judged(kind="wsl2", driver=None, gpus=[], torch="2.14.0+cpu")
    assert (nothing.verdict, nothing.findings) == (Verdict.HEALTHY, ())


def test_a_linux_driver_inside_wsl2() -> None:
    assert roots(judged(cuda_init=100, overrides=FOREIGN, **WINDOWS)) == [("error", "wsl-driver")]
    shadowed = judged(cuda_init=100, nvml_status=9, overrides=FOREIGN, **WINDOWS)
    assert roots(shadowed)[0] == ("error", "wsl-driver")
    container = {**WINDOWS, "kind": "container"}
    inside = {**FOREIGN, "host.wsl": Known(True, "kernel")}
    assert roots(judged(cuda_init=100, overrides=inside, **container)) == [("error", "wsl-driver")]


def test_a_loader_that_does_not_look_where_windows_lends() -> None:
    nowhere = {**LENT, "device.nodes": Known(["dxg"], "/dev"), "cuda.library": Absent("not found")}
    found = judged(kind="wsl2", driver=None, gpus=[], torch="2.14.0+cu130", overrides=nowhere)
    assert roots(found) == [("error", "wsl-driver")]
    assert judged(kind="wsl2", driver=None, gpus=[], torch="2.14.0+cpu", overrides=nowhere).findings == ()


def test_wsl2_without_a_gpu_is_a_note_until_one_is_asked_for() -> None:
    described = {"kind": "wsl2", "driver": None, "gpus": [], "torch": "2.14.0+cu130"}
    found = judged(**described)
    assert (found.verdict, found.findings[0].rule) == (Verdict.HEALTHY, "wsl-driver")
    assert roots(judged(Wishes(require_gpu=True), **described)) == [("error", "wsl-driver")]


@pytest.mark.parametrize(
    ("kernel", "old"),
    [("4.19.121-microsoft-standard", False), ("4.19.120-microsoft-standard", True), ("odd", False)],
)
def test_the_oldest_kernel_with_a_gpu(kernel: str, old: bool) -> None:
    overrides = {"host.kernel": Known(kernel, "/proc")}
    found = judged(kind="wsl2", driver=None, gpus=[], torch="2.14.0+cu130", overrides=overrides)
    assert ("older than 4.19.121" in found.findings[0].message) is old


def test_snapshots_from_before_the_new_facts_are_judged_too() -> None:
    for described in ({}, WINDOWS, {**OLD}):
        snapshot = machine_snapshot(**described)
        for name in [name for name in snapshot.facts if name.startswith(("cuda.l", "cuda.c", "host.w", "driver.wsl"))]:
            del snapshot.facts[name]  # type: ignore[attr-defined]
        diagnosis = diagnose(snapshot, MATRIX)
        assert roots(diagnosis) == ([("error", "driver-too-old")] if described == OLD else [])
        assert diagnosis.verdict is (Verdict.BROKEN if described == OLD else Verdict.HEALTHY)


@pytest.mark.parametrize(
    ("kind", "told"), [("bare", True), ("vm-vgpu", True), ("sbsa", True), ("container", False), ("wsl2", False)]
)
def test_a_card_that_the_loaded_driver_does_not_list(kind: str, told: bool) -> None:
    bus = {"address": "0000:01:00.0", "device": "0x2b85", "class": "0x030000", "driver": "nvidia"}
    listed = {"pci.nvidia": Known([bus], "sysfs"), "device.nodes": UVM}
    found = judged(kind=kind, gpus=[], cuda_init=100, overrides=listed)
    assert (("error", "driver-query-failed") in roots(found)) is told
    withheld = judged(
        kind=kind, gpus=[], cuda_init=100, overrides={**listed, "device.nodes": Known(["nvidiactl"], "x")}
    )
    assert roots(withheld) == []


def test_a_second_card_that_the_driver_does_not_list_is_nobody_s_defect() -> None:
    """It may be drained, excluded or another container's: that nothing is wrong is as likely."""
    assert judged(gpus=[A100, A100], unlisted=[1]).findings == ()


# A driver without its compute part.


def test_nvml_without_libcuda() -> None:
    found = judged(overrides=NO_LIBCUDA)
    assert roots(found) == [("error", "driver-query-failed")]
    assert "libcuda.so.1" in found.findings[0].message
    assert roots(judged(torch=None, overrides=NO_LIBCUDA)) == []
    assert roots(judged(kind="container", overrides=NO_LIBCUDA)) == [("error", "no-gpu-in-container")]


# Jetson and vGPU.

JETSON = {"platform": "linux-aarch64-jetson", "kind": "jetson", "driver": "540.4.0", "cuda": "12.6"}
ORIN = ("Orin (nvgpu)", "8.7")
OWN_BUILD = {"torch": "2.5.0a0+872d972e41.nv24.08", "torch_cuda": "12.6", "provenance": "jetson"}


@pytest.mark.parametrize(
    ("torch", "gpu", "driver", "rules"),
    [
        ("2.14.0+cu126", ORIN, {"driver": "580.65.06", "cuda": "13.0"}, ["gpu-arch-not-in-wheel"]),
        ("2.14.0+cu130", ORIN, {"driver": "580.65.06", "cuda": "13.0"}, []),  # reported to run: a warning
        ("2.7.1+cu128", ORIN, {}, ["gpu-arch-dropped"]),
        ("2.14.0+cu130", ("NVIDIA Thor", "11.0"), {"driver": "580.65.06", "cuda": "13.0"}, []),
        ("2.14.0+cu126", ("NVIDIA Thor", "11.0"), {"driver": "580.65.06", "cuda": "13.0"}, ["gpu-arch-not-in-wheel"]),
    ],
)
def test_published_wheels_on_jetson(torch: str, gpu: tuple[str, str], driver: dict[str, str], rules: list[str]) -> None:
    found = judged(torch=torch, gpus=[gpu], **{**JETSON, **driver})
    assert [one.rule for one in found.findings if one.severity is Severity.ERROR] == rules


def test_a_jetson_without_nvml_and_without_proc_is_healthy() -> None:
    nothing = Absent("not on JetPack 5")
    names = ("driver.version", "driver.version.nvml", "driver.version.proc", "driver.version.sys", "nvml.status")
    found = judged(gpus=[ORIN], overrides=dict.fromkeys(names, nothing), **OWN_BUILD, **{**JETSON, "cuda": "11.4"})
    assert (found.verdict, found.findings) == (Verdict.HEALTHY, ())


@pytest.mark.parametrize("status", [9, 999, 3])
def test_a_jetson_whose_nvml_refuses_while_cuda_works_is_healthy(status: int) -> None:
    overrides: dict[str, Fact] = {"nvml.status": Known(status, "nvml"), "gpu.0.status": Known(0, "libcuda")}
    found = judged(gpus=[ORIN], overrides=overrides, **OWN_BUILD, **JETSON)
    assert (found.verdict, found.findings) == (Verdict.HEALTHY, ())


@pytest.mark.parametrize("name", ["GRID A100D-40C", "NVIDIA A10-8Q", "NVIDIA X900-16C"])
def test_a_virtual_gpu_of_an_unknown_name_is_healthy_where_its_capability_is_told(name: str) -> None:
    vgpu = {"gpu.0.virtualization": Known("vgpu", "nvml"), "gpu.0.ecc": Absent("not supported")}
    found = judged(kind="vm-vgpu", gpus=[(name, "8.0")], overrides=vgpu)
    assert (found.verdict, found.findings) == (Verdict.HEALTHY, ())


@pytest.mark.parametrize(
    ("described", "facts", "place"),
    [
        ({}, {}, "on this machine"),
        ({"kind": "container"}, {}, "on the container's host"),
        ({"kind": "vm-vgpu"}, {}, "vGPU host"),
        ({"kind": "wsl2", "driver": "522.06", "cuda": "11.8"}, {}, "in Windows"),
        ({"kind": "container", "driver": "522.06", "cuda": "11.8"}, {"host.wsl": Known(True, "kernel")}, "in Windows"),
        ({"kind": "container"}, {"host.l4t": Known("35.4.1", "/etc/nv_tegra_release")}, "JetPack"),
    ],
)
def test_the_driver_is_upgraded_where_it_lives(
    described: dict[str, object], facts: dict[str, Fact], place: str
) -> None:
    machine = {"driver": "470.256.02", "torch": "2.5.1+cu124", **described}
    snapshot = machine_snapshot(overrides=facts, **machine)
    diagnosis = diagnose(snapshot, MATRIX)
    plan = plan_for(diagnosis, Solver(Machine(snapshot), MATRIX))
    words = [step.why for way in plan.alternatives for step in way.steps if step.kind == "upgrade-driver"]
    assert words
    assert place in words[0]
