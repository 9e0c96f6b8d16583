"""Which devices a battery runs on: what disturbs nobody, what was asked for, and why the rest is left out."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.machine import Machine
from envdoctor.smoke.manners import Chosen, LeftOut, cuda_order, devices_for, index_of
from machines import machine_snapshot

A100 = "NVIDIA A100-SXM4-80GB"
TWO = (A100, A100)


def machine(**described: object) -> Machine:
    return Machine(machine_snapshot(**described))


def of_two(**second: object) -> Machine:
    """Two GPUs; `second` are facts of the second one."""
    return machine(gpus=TWO, overrides={f"gpu.1.{key}": value for key, value in second.items()})


@pytest.mark.parametrize("by_itself", [True, False])
def test_every_free_gpu_is_chosen_and_nothing_else(by_itself: bool) -> None:
    assert devices_for(of_two(), None, by_itself) == Chosen(("cuda:0", "cuda:1"), (), None)


@pytest.mark.parametrize(
    ("fact", "value", "words"),
    [
        ("compute_mode", "exclusive-process", "exclusive-process"),
        ("compute_mode", "prohibited", "prohibited"),
        ("mig_mode", "on", "MIG"),
        ("processes", 1, "a process computes"),
        ("processes", 3, "3 processes"),
        ("utilization", 21, "21 % busy"),
        ("memory_free_mib", 2047, "2047 MiB"),
        ("memory_free_mib", 61439, "20481 of 81920 MiB"),
    ],
)
@pytest.mark.parametrize("by_itself", [True, False])
def test_a_gpu_that_somebody_may_use_is_left_alone(fact: str, value: object, words: str, by_itself: bool) -> None:
    chosen = devices_for(of_two(**{fact: value}), None, by_itself)
    assert chosen.devices == ("cuda:0",)
    (left,) = chosen.left_out
    assert left.device == "cuda:1"
    assert words in left.reason


@pytest.mark.parametrize(
    ("fact", "value"), [("utilization", 20), ("memory_free_mib", 61440), ("processes", 0), ("compute_mode", "default")]
)
def test_up_to_its_bound_a_gpu_counts_as_free(fact: str, value: object) -> None:
    assert devices_for(of_two(**{fact: value}), None, True).devices == ("cuda:0", "cuda:1")


@pytest.mark.parametrize("answer", [Unknown("NVML refused with error 999"), Absent("not supported")])
@pytest.mark.parametrize(
    "fact", ["compute_mode", "mig_mode", "processes", "utilization", "memory_free_mib", "memory_mib"]
)
def test_what_the_driver_did_not_tell_is_no_reason(fact: str, answer: Unknown | Absent) -> None:
    assert devices_for(of_two(**{fact: answer}), None, True).devices == ("cuda:0", "cuda:1")


def test_a_gpu_that_torch_does_not_serve_is_left_out_with_the_reason() -> None:
    chosen = devices_for(of_two(), None, True, {1: "torch does not run on it"})
    assert (chosen.devices, chosen.left_out) == (("cuda:0",), (LeftOut("cuda:1", "torch does not run on it"),))


def test_where_no_gpu_is_free_only_who_asked_for_kernels_gets_the_processor() -> None:
    busy = machine(overrides={"gpu.0.processes": 1})
    left = (LeftOut("cuda:0", "in use: a process computes on it"),)
    assert devices_for(busy, None, True) == Chosen((), left, "no GPU is free to be tested")
    assert devices_for(busy, None, False) == Chosen(("cpu",), left, None)


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"driver": None, "gpus": ()}, "no NVIDIA GPU"),
        ({"torch": "2.13.0+cpu"}, "without CUDA"),
        ({"visible_devices": ""}, "sees none"),
        ({"cuda_init": 802}, "CUDA does not start (error 802)"),
        ({"gpus": TWO, "overrides": {"gpu.cuda_order": Unknown("libcuda hung")}}, "not known"),
    ],
)
def test_without_a_gpu_that_can_be_used_nothing_is_run_unasked(described: dict[str, object], words: str) -> None:
    chosen = devices_for(machine(**described), None, True)
    assert chosen.devices == ()
    assert words in (chosen.nothing_because or "")
    asked = devices_for(machine(**described), None, False)
    assert asked.nothing_because is None
    assert asked.devices == (("cuda:0",) if "cuda_init" in described else ("cpu",))
    # Who asked and has a GPU reads why the processor was taken.
    told = [left.reason for left in asked.left_out if words in left.reason]
    assert len(told) == ("cuda_init" not in described and "driver" not in described)


def test_a_gpu_that_torch_is_not_built_for_is_not_run_though_it_was_asked_for() -> None:
    chosen = devices_for(machine(torch="2.13.0+cpu"), ["cuda:0", "cpu"], False)
    assert chosen.devices == ("cpu",)
    assert "built without CUDA" in chosen.left_out[0].reason
    rocm = machine(torch="2.13.0+cpu", overrides={"torch.hip": "7.1"})
    assert devices_for(rocm, ["cuda:0"], False).devices == ("cuda:0",)


def test_what_was_asked_for_is_run_also_where_it_is_in_use() -> None:
    busy = of_two(processes=2, utilization=99, memory_free_mib=100)
    assert devices_for(busy, ["cuda:1", "cpu", "cuda:1"], False) == Chosen(("cuda:1", "cpu"), (), None)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"compute_mode": "prohibited"}, "prohibits"),
        ({"compute_mode": "exclusive-process", "processes": 1}, "another process has it"),
    ],
)
def test_a_gpu_that_admits_nobody_is_left_out_though_it_was_asked_for(facts: dict[str, object], words: str) -> None:
    chosen = devices_for(of_two(**facts), ["cuda:1"], False)
    assert chosen.devices == ()
    assert words in chosen.left_out[0].reason
    assert chosen.nothing_because == f"cuda:1: {chosen.left_out[0].reason}"
    assert devices_for(of_two(compute_mode="exclusive-process"), ["cuda:1"], False).devices == ("cuda:1",)


def test_a_device_that_is_not_there() -> None:
    chosen = devices_for(of_two(), ["cuda:0", "cuda:2"], False)
    assert chosen == Chosen(("cuda:0",), (LeftOut("cuda:2", "CUDA counts 2 GPUs here"),), None)


def test_cuda_counts_in_an_order_of_its_own() -> None:
    """The fastest first, or as CUDA_VISIBLE_DEVICES turns them round: the facts stand in the driver's order."""
    turned = machine(gpus=TWO, overrides={"gpu.cuda_order": [1, 0], "gpu.0.processes": 1})
    assert cuda_order(turned) == (1, 0)
    assert devices_for(turned, None, True) == Chosen(
        ("cuda:0",), (LeftOut("cuda:1", "in use: a process computes on it"),), None
    )
    assert [index_of(turned, device) for device in ("cuda:0", "cuda:1", "cuda:2", "cpu")] == [1, 0, None, None]


def test_one_visible_gpu_is_the_first_whoever_counts() -> None:
    one = machine(gpus=TWO, visible_devices="1", overrides={"gpu.cuda_order": Unknown("libcuda hung")})
    assert (cuda_order(one), index_of(one, "cuda:0")) == ((1,), 1)


@pytest.mark.parametrize(
    ("uuid", "pci", "index"),
    [
        ("GPU-a0000001-0000-4000-8000-000000000001", None, 1),
        ("a0000001-0000-4000-8000-000000000001", "0000:01:00.0", 1),
        (None, "0000:02:00.0", 1),
        (None, "00000000:01:00.0", 0),
        ("ffffffff", "0000:77:00.0", 0),
        ("MIG-1111", None, 1),
    ],
)
def test_a_device_is_found_by_what_cuda_says_of_it(uuid: str | None, pci: str | None, index: int) -> None:
    assert index_of(of_two(mig=Known(["MIG-1111"], "nvml")), "cuda:0", uuid, pci) == index
