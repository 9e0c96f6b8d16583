"""Rules about containers, the processor and the C library, on whole machines."""

from __future__ import annotations

from typing import Any

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Diagnosis, Severity, Verdict
from envdoctor.model.machine import Wishes
from machines import machine_snapshot

MATRIX = load_matrix()
A100 = "NVIDIA A100-SXM4-80GB"
OWN = {"no-gpu-in-container", "dev-shm-too-small", "memlock-limit-too-low", "glibc-too-old", "cpu-lacks-instructions"}


def judged(wishes: Wishes | None = None, *, overrides: dict[str, Any] | None = None, **described: Any) -> Diagnosis:
    """What is said of the described machine; a value None stands for an absent fact."""
    facts = {name: Absent("not there") if value is None else value for name, value in (overrides or {}).items()}
    return diagnose(machine_snapshot(**described, overrides=facts), MATRIX, wishes)


def own(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [(one.rule, one.severity.word) for one in diagnosis.findings if one.rule in OWN]


def loud(diagnosis: Diagnosis) -> list[str]:
    return [one.rule for one in diagnosis.findings if one.severity > Severity.NOTE]


def test_a_container_with_its_gpu_is_healthy() -> None:
    found = judged(kind="container")
    assert found.verdict is Verdict.HEALTHY
    assert own(found) == []


def test_a_cuda_build_in_a_container_without_gpu_is_healthy_with_a_note() -> None:
    found = judged(kind="container", driver=None, gpus=[])
    assert found.verdict is Verdict.HEALTHY
    assert own(found) == [("no-gpu-in-container", "note")]
    assert found.findings[0].rule == "no-gpu-in-container"


def test_a_cpu_build_in_a_container_without_gpu_is_left_alone() -> None:
    found = judged(kind="container", driver=None, gpus=[], torch="2.9.1+cpu")
    assert own(found) == []
    assert found.verdict is Verdict.HEALTHY


def test_a_card_of_the_host_is_explained_by_the_container() -> None:
    found = judged(kind="container", driver=None, gpus=[A100])
    assert [(one.rule, one.caused_by) for one in found.findings][:2] == [
        ("no-gpu-in-container", None), ("driver-missing", "no-gpu-in-container"),
    ]  # fmt: skip
    assert found.verdict is Verdict.HEALTHY


@pytest.mark.parametrize("value", ["0", "0,1", "GPU-a0000000-0000-4000-8000-000000000000", "MIG-1", "nvidia.com/gpu=0"])
def test_a_device_request_asks_for_a_gpu(value: str) -> None:
    found = judged(
        kind="container", driver=None, gpus=[], torch="2.9.1+cpu",
        overrides={"env.NVIDIA_VISIBLE_DEVICES": Known(value, "environment")},
    )  # fmt: skip
    assert own(found) == [("no-gpu-in-container", "error")]
    assert value in found.findings[0].message


@pytest.mark.parametrize("value", ["", "all", "none", "void", "nvidia.com/gpu=all", "\x1b[31m0", "0" * 500])
def test_what_images_carry_asks_for_nothing(value: str) -> None:
    found = judged(
        kind="container", driver=None, gpus=[], overrides={"env.NVIDIA_VISIBLE_DEVICES": Known(value, "environment")}
    )
    assert own(found) == [("no-gpu-in-container", "note")]


def test_a_device_request_that_was_met_is_fine() -> None:
    found = judged(kind="container", overrides={"env.NVIDIA_VISIBLE_DEVICES": Known("0", "environment")})
    assert loud(found) == []


def test_a_gpu_without_libcuda_is_an_error_for_a_cuda_build_alone() -> None:
    missing = {"cuda.init": None, "env.NVIDIA_DRIVER_CAPABILITIES": Known("utility", "environment")}
    found = judged(kind="container", overrides=missing)
    assert own(found) == [("no-gpu-in-container", "error")]
    assert "NVIDIA_DRIVER_CAPABILITIES=utility leaves out compute" in found.findings[0].message
    assert found.findings[0].rule == "no-gpu-in-container"
    assert own(judged(kind="container", torch="2.9.1+cpu", overrides=missing)) == []
    asked = judged(Wishes(require_gpu=True), kind="container", torch="2.9.1+cpu", overrides=missing)
    assert own(asked) == [("no-gpu-in-container", "error")]


def test_a_driver_that_refuses_is_not_one_that_was_left_out() -> None:
    found = judged(kind="container", nvml_status=999)
    assert "no-gpu-in-container" not in {one.rule for one in found.findings}


def test_a_bare_host_is_no_container() -> None:
    assert own(judged(driver=None, gpus=[])) == []


@pytest.mark.parametrize(("size", "fires"), [(65_536_000, True), (67_108_864, True), (67_112_960, False)])
def test_the_size_of_shared_memory(size: int, fires: bool) -> None:
    for kind, expected in (("container", fires), ("bare", False), ("wsl2", False)):
        found = judged(
            kind=kind, driver=None, gpus=[], torch="2.9.1+cpu", overrides={"shm.total_bytes": Known(size, "x")}
        )
        assert own(found) == ([("dev-shm-too-small", "note")] if expected else [])
        assert found.verdict is Verdict.HEALTHY


def test_shared_memory_matters_to_torch_alone() -> None:
    assert (
        own(judged(kind="container", driver=None, gpus=[], torch=None, overrides={"shm.total_bytes": 67_108_864})) == []
    )


@pytest.mark.parametrize(("limit", "fires"), [(65_536, True), (69_632, False), (8_388_608, False), (None, False)])
def test_the_limit_of_locked_memory(limit: int | None, fires: bool) -> None:
    found = judged(kind="container", overrides={"limits.memlock_bytes": limit})
    assert own(found) == ([("memlock-limit-too-low", "note")] if fires else [])
    assert own(judged(overrides={"limits.memlock_bytes": limit})) == []
    without = judged(
        kind="container", driver=None, gpus=[], torch="2.9.1+cpu", overrides={"limits.memlock_bytes": limit}
    )
    assert own(without) == []


def test_limits_that_are_not_known_leave_the_verdict_alone() -> None:
    unknown = dict.fromkeys(("shm.total_bytes", "limits.memlock_bytes", "cpu.flags"), Unknown("not told"))
    assert judged(kind="container", overrides=unknown).verdict is Verdict.HEALTHY


TAGS = ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64"]


@pytest.mark.parametrize(
    ("glibc", "tags", "fires"),
    [
        ("2.27", ["cp311-cp311-manylinux_2_28_x86_64"], True),
        ("2.28", ["cp311-cp311-manylinux_2_28_x86_64"], False),
        ("2.16", TAGS, True),
        ("2.17", TAGS, False),
        ("2.11", ["cp38-cp38-manylinux2010_x86_64"], True),
        ("2.13", ["cp36-cp36m-manylinux1_x86_64"], True),
        ("2.14", ["cp36-cp36m-manylinux1_x86_64"], False),
        ("2.17", ["cp311-cp311-manylinux_2_17_x86_64.manylinux_2_28_x86_64"], False),
        ("2.9", ["cp311-cp311-manylinux_2_28_x86_64"], True),
        ("2.17", ["cp311-cp311-linux_x86_64"], False),
        ("2.17", ["cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-linux_x86_64"], False),
        ("2.17", [], False),
    ],
)
def test_the_lowest_floor_of_the_tags_counts(glibc: str, tags: list[str], fires: bool) -> None:
    found = judged(glibc=glibc, overrides={"torch.wheel_tags": Known([*tags], "WHEEL")})
    assert own(found) == ([("glibc-too-old", "error")] if fires else [])


def test_musl_is_no_glibc() -> None:
    many = {"host.libc": None, "torch.wheel_tags": Known(["cp311-cp311-manylinux_2_28_x86_64"], "WHEEL")}
    assert own(judged(overrides=many)) == [("glibc-too-old", "error")]
    assert own(judged(overrides={**many, "host.libc": Known("musl 1.2.4", "interpreter")})) == [
        ("glibc-too-old", "error")
    ]
    built = {**many, "torch.wheel_tags": Known(["cp311-cp311-musllinux_1_2_x86_64"], "WHEEL")}
    assert own(judged(overrides=built)) == []


def test_other_builds_than_wheels_bring_what_they_need() -> None:
    old = {"torch.wheel_tags": Known(["cp311-cp311-manylinux_2_28_x86_64"], "WHEEL")}
    assert own(judged(glibc="2.17", provenance="conda-forge", overrides=old)) == []
    assert own(judged(glibc="2.17", overrides={**old, "torch.wheel_tags": None})) == []


PI4 = {"cpu.architecture": "aarch64", "cpu.model": "Cortex-A72", "cpu.flags": ["asimd"]}
K10 = {"cpu.architecture": "x86_64", "cpu.model": "AMD Phenom(tm) II X4 955", "cpu.flags": ["popcnt"]}
QEMU = {"cpu.architecture": "x86_64", "cpu.model": "QEMU Virtual CPU version 2.5+", "cpu.flags": []}


@pytest.mark.parametrize(
    ("torch", "processor", "severity"),
    [
        ("2.10.0+cpu", PI4, "error"),
        ("2.11.0+cpu", PI4, None),
        ("2.9.1+cpu", PI4, None),
        ("2.4.0", PI4, "error"),
        ("2.4.1", PI4, None),
        ("2.6.0+cpu", PI4, "warning"),
        ("2.7.0+cpu", PI4, None),
        ("2.10.0+cpu", {**PI4, "cpu.model": "Neoverse N1", "cpu.flags": ["asimd", "asimddp"]}, None),
        ("2.1.2+cpu", K10, "error"),
        ("2.2.0+cpu", K10, None),
        ("2.0.1+cpu", K10, None),
        ("2.1.2+cpu", {**K10, "cpu.flags": ["ssse3", "sse4_1"]}, None),
        ("2.1.2+cpu", {**K10, "cpu.flags": None}, None),
        ("2.10.0+cpu", K10, None),
        ("1.6.0+cpu", K10, "warning"),
        ("1.6.0+cpu", {**K10, "cpu.flags": ["sse4_2", "avx"]}, None),
        ("1.5.1+cpu", K10, None),
        ("1.1.0", QEMU, "warning"),
        ("1.1.0", {**QEMU, "cpu.model": "Intel(R) Core(TM)2 Duo CPU E6550"}, None),
        ("1.1.0", {**QEMU, "cpu.flags": ["avx"]}, None),
    ],
)
def test_releases_that_are_known_to_need_more(torch: str, processor: dict[str, Any], severity: str | None) -> None:
    platform = f"linux-{processor['cpu.architecture']}"
    found = judged(torch=torch, torch_cuda=None, driver=None, gpus=[], platform=platform, overrides=dict(processor))
    said = [one for one in own(found) if one[0] == "cpu-lacks-instructions"]
    assert said == ([("cpu-lacks-instructions", severity)] if severity else [])


def test_a_build_of_others_is_not_judged_by_reports_of_wheels() -> None:
    found = judged(torch="2.10.0", provenance="conda-forge", platform="linux-aarch64", overrides=dict(PI4))
    assert own(found) == []
