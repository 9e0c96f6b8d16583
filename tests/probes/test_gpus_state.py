"""The state of each GPU: every answer of NVML, every refusal alone, on recorded machines and through the binding."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import driver, environment
from envdoctor.probes.gpu import gpu_state
from recorded_tree import Tree, lines, look_at, value

if TYPE_CHECKING:
    from pathlib import Path

    from envdoctor.probes.looking import Facts

KEYS = [name.rpartition(".")[2] for name in gpu_state.FACTS]
ALL_SUPPORTED = (
    "ecc=1,ecc-errors=2,persistence=1,compute-mode=3,throttle=0x44,virtualization=2,free=1000,processes=2,"
    "utilization=97"
)
TWO = "NVIDIA A100|8.0;NVIDIA A100|8.0"


def seen_on(standin: Path, **variables: str) -> Facts:
    place = Host(environ={"PATH": "", "LD_LIBRARY_PATH": str(standin), **variables})
    return look_at(place, sys.executable, [environment, driver])


def test_what_a_gpu_says_of_itself(standin: Path) -> None:
    seen = seen_on(standin, STANDIN_STATE=ALL_SUPPORTED)
    assert {key: value(seen, f"gpu.0.{key}") for key in KEYS} == {
        "mig_mode": "off",
        "ecc": "on",
        "ecc_errors": 2,
        "persistence": "on",
        "compute_mode": "exclusive-process",
        "throttle": ["sw-power-cap", "hw-thermal"],
        "virtualization": "vgpu",
        "memory_free_mib": 1000,
        "processes": 2,
        "utilization": 97,
    }


def test_what_a_consumer_card_does_not_have_is_absent(standin: Path) -> None:
    seen = seen_on(standin, STANDIN_GPUS="NVIDIA GeForce RTX 4090|8.9")
    assert {key for key in KEYS if isinstance(seen[f"gpu.0.{key}"], Absent)} == {"mig_mode", "ecc", "ecc_errors"}
    assert {key for key in KEYS if isinstance(seen[f"gpu.0.{key}"], Unknown)} == set()


@pytest.mark.parametrize(
    ("function", "key"),
    [
        ("nvmlDeviceGetEccMode", "ecc"),
        ("nvmlDeviceGetTotalEccErrors", "ecc_errors"),
        ("nvmlDeviceGetPersistenceMode", "persistence"),
        ("nvmlDeviceGetComputeMode", "compute_mode"),
        ("nvmlDeviceGetVirtualizationMode", "virtualization"),
        ("nvmlDeviceGetMigMode", "mig_mode"),
        ("nvmlDeviceGetCurrentClocksEventReasons", "throttle"),
        ("nvmlDeviceGetMemoryInfo", "memory_free_mib"),
        ("nvmlDeviceGetComputeRunningProcesses_v3", "processes"),
        ("nvmlDeviceGetUtilizationRates", "utilization"),
    ],
)
@pytest.mark.parametrize(("code", "kind"), [(3, Absent), (999, Unknown), (4, Unknown)])
def test_one_refusal_costs_one_answer(standin: Path, function: str, key: str, code: int, kind: type) -> None:
    seen = seen_on(standin, STANDIN_FAIL=f"{function}={code}", STANDIN_STATE=ALL_SUPPORTED)
    assert isinstance(seen[f"gpu.0.{key}"], kind)
    assert {other for other in KEYS if not isinstance(seen[f"gpu.0.{other}"], Known)} == {key}
    assert value(seen, "gpu.0.name") == "NVIDIA A100-SXM4-80GB"


def test_the_question_about_the_clocks_has_an_older_name(standin: Path) -> None:
    renamed = "nvmlDeviceGetCurrentClocksEventReasons=13"
    seen = seen_on(standin, STANDIN_FAIL=renamed, STANDIN_STATE="throttle=8")
    assert value(seen, "gpu.0.throttle") == ["hw-slowdown"]
    seen = seen_on(standin, STANDIN_FAIL=f"{renamed},nvmlDeviceGetCurrentClocksThrottleReasons=13")
    assert isinstance(seen["gpu.0.throttle"], Unknown)


def test_a_driver_before_510_costs_no_answer_to_another_question(standin: Path) -> None:
    renamed = "nvmlDeviceGetComputeRunningProcesses_v3=13"
    seen = seen_on(standin, STANDIN_FAIL=renamed, STANDIN_STATE=ALL_SUPPORTED)
    assert isinstance(seen["gpu.0.processes"], Unknown)
    assert {key for key in KEYS if not isinstance(seen[f"gpu.0.{key}"], Known)} == {"processes"}
    assert not isinstance(seen["driver.trouble"], Known)


def test_a_gpu_that_is_lost_leaves_the_state_of_the_others(standin: Path) -> None:
    seen = seen_on(standin, STANDIN_GPUS=TWO, STANDIN_LOST="0", STANDIN_STATE=ALL_SUPPORTED)
    assert all(isinstance(seen[f"gpu.0.{key}"], Unknown) for key in KEYS)
    assert all(isinstance(seen[f"gpu.1.{key}"], Known) for key in KEYS)


def test_a_hang_of_the_state_costs_no_name(standin: Path) -> None:
    place = Host(environ={"PATH": "", "LD_LIBRARY_PATH": str(standin), "STANDIN_NVML_HANG": "ecc"})
    seen = look_at(place, sys.executable, [environment, driver], limit=3)
    assert value(seen, "driver.trouble").startswith("NVML did not answer")
    assert (value(seen, "gpu.0.name"), value(seen, "gpu.visible")) == ("NVIDIA A100-SXM4-80GB", [0])
    assert isinstance(seen["gpu.0.ecc"], Unknown)


def recorded(tree: Tree, **state: Any) -> Facts:
    gpu = {"gpu": 0, "status": 0, "name": "A", "capability": "8.0"}
    said = [{"status": 0}, {"driver": "535.104.05"}, {"count": 1}, gpu, {"state": 0, **state}, {"end": True}]
    tree.says("nvml", lines(*said))
    tree.says("libcuda", lines({"version": 12020}, {"init": 100}))
    return tree.look((environment, driver))


@pytest.mark.parametrize(
    ("pair", "fact"),
    [
        ([1, 1], Known("on", "nvml")),
        ([0, 1], Known("off", "nvml; on after the next reset of the GPU")),
        ([1, 0], Known("on", "nvml; off after the next reset of the GPU")),
        ([0, None], Known("off", "nvml")),
    ],
)
def test_the_mode_after_the_next_reset_is_told_too(tree: Tree, pair: list[Any], fact: Known) -> None:
    assert recorded(tree, mig_mode=pair)["gpu.0.mig_mode"] == fact


def test_a_driver_older_than_mig_has_none(tree: Tree) -> None:
    seen = recorded(tree, refused={"mig_mode": 13, "virtualization": 13, "ecc": -1})
    assert isinstance(seen["gpu.0.mig_mode"], Absent)
    assert isinstance(seen["gpu.0.virtualization"], Unknown)
    assert isinstance(seen["gpu.0.ecc"], Unknown)


@pytest.mark.parametrize("odd", ["on", -1, 2**70, True, [], {}, 7, None])
def test_answers_of_another_form_are_not_told(tree: Tree, odd: Any) -> None:
    seen = recorded(tree, **dict.fromkeys(("ecc", "persistence", "compute_mode", "virtualization", "mig_mode"), odd))
    for key in ("ecc", "persistence", "compute_mode", "virtualization", "mig_mode"):
        assert isinstance(seen[f"gpu.0.{key}"], Unknown), key
    assert isinstance(recorded(tree, refused=odd)["gpu.0.ecc"], Unknown)


def test_bits_that_nobody_named_are_left_out(tree: Tree) -> None:
    assert value(recorded(tree, throttle=1), "gpu.0.throttle") == []
    assert value(recorded(tree, throttle=0xFFFF_0001 | 0x20), "gpu.0.throttle") == ["sw-thermal"]


def test_nobody_but_nvml_tells_the_state(tree: Tree) -> None:
    tree.says("nvml", lines({"status": 12, "error": "NVML Shared Library Not Found"}))
    device = {"device": 0, "name": "Orin", "capability": "8.7"}
    tree.says("libcuda", lines({"version": 12060}, {"init": 0}, {"count": 1}, device, {"end": True}))
    seen = tree.look((environment, driver))
    assert all(isinstance(seen[f"gpu.0.{key}"], Unknown) for key in KEYS)


def test_a_jetson_whose_nvml_tells_little_more_than_a_name(tree: Tree) -> None:
    listed = {"gpu": 0, "status": 0, "name": "Orin (nvgpu)"}
    tree.says("nvml", lines({"status": 0}, {"driver": "540.4.0"}, {"count": 1}, listed, {"end": True}))
    device = {"device": 0, "name": "Orin", "capability": "8.7", "uuid": "ddac5a67-8f62", "pci": None}
    tree.says("libcuda", lines({"version": 12060}, {"init": 0}, {"count": 1}, device, {"end": True}))
    seen = tree.look((environment, driver))
    assert seen["gpu.0.compute_capability"] == Known("8.7", "libcuda")
    assert seen["gpu.0.name"] == Known("Orin (nvgpu)", "nvml")
    assert value(seen, "gpu.visible") == [0]


def test_an_nvml_that_counts_no_gpu_where_cuda_has_one(tree: Tree) -> None:
    tree.says("nvml", lines({"status": 0}, {"driver": "540.3.0"}, {"count": 0}, {"end": True}))
    device = {"device": 0, "name": "Orin", "capability": "8.7"}
    tree.says("libcuda", lines({"version": 12020}, {"init": 0}, {"count": 1}, device, {"end": True}))
    seen = tree.look((environment, driver))
    assert (value(seen, "gpu.count"), value(seen, "gpu.visible")) == (1, [0])


@pytest.mark.parametrize(
    ("gpus", "visible"),
    [
        ("NVIDIA A100|8.0|||none", []),
        ("NVIDIA A100|8.0|||none;NVIDIA A100|8.0", [1]),
        ("NVIDIA A100|8.0|||MIG-1111,MIG-2222", [0]),
        ("NVIDIA A100|8.0|||MIG-1111;NVIDIA A100|8.0", [0]),
    ],
)
def test_a_gpu_in_mig_mode_is_visible_by_its_instances(standin: Path, gpus: str, visible: list[int]) -> None:
    seen = seen_on(standin, STANDIN_GPUS=gpus)
    assert (value(seen, "gpu.visible"), value(seen, "gpu.0.mig_mode")) == (visible, "on")


def test_instances_out_of_reach_are_not_visible(standin: Path) -> None:
    seen = seen_on(standin, STANDIN_GPUS="NVIDIA A100|8.0|||MIG-1111;NVIDIA A100|8.0", STANDIN_CUINIT="100")
    assert value(seen, "gpu.visible") == [1]
