"""Every constraint that a wheel breaks on a machine, and the questions about drivers behind them."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from envdoctor.matrix.load import load_matrix
from envdoctor.matrix.serving import (
    NO_GLIBC,
    Need,
    consumer_gpu,
    driver_runs,
    effective_api,
    need_of,
    obstacle,
    obstacles,
)
from envdoctor.model.machine import Machine
from machines import machine_snapshot

MATRIX = load_matrix()
A_NEED = Need("linux-x86_64", "cp311", (2, 36), "linux", "535.104.05", "12.2", ((8, 0),), cuda=True)
RTX_3090 = "NVIDIA GeForce RTX 3090"
A100 = "NVIDIA A100-SXM4-80GB"
COMPAT = {
    "cuda.compat": "/usr/local/cuda-13.0/compat",
    "cuda.library": "/usr/local/cuda-13.0/compat/libcuda.so.580.65.06",
    "cuda.library_version": "580.65.06",
}


def broken(torch: str, channel: str, need: Need) -> list[str]:
    release, wheel = MATRIX.release(torch), MATRIX.wheel(torch, channel, need.platform)
    assert release is not None
    assert wheel is not None
    return [one.constraint for one in obstacles(MATRIX, release, wheel, need)]


@pytest.mark.parametrize(
    ("torch", "channel", "changes", "expected"),
    [
        ("2.14.0", "cu126", {}, []),
        ("2.14.0", "cu130", {}, ["driver"]),
        ("2.14.0", "cu130", {"python_tag": "cp38"}, ["python", "driver"]),
        ("2.14.0", "cu130", {"python_tag": "cp38", "glibc": (2, 17)}, ["python", "glibc", "driver"]),
        ("2.14.0", "cu130", {"glibc": NO_GLIBC}, ["glibc", "driver"]),
        ("2.14.0", "cu130", {"capabilities": ((7, 0),)}, ["kernels:7.0", "cudnn:7.0", "driver"]),
        (
            "2.14.0",
            "cu130",
            {"capabilities": ((8, 0), (3, 7)), "driver": "470.57.02", "api": "11.4"},
            ["kernels:3.7", "cudnn:3.7", "driver"],
        ),
        ("2.14.0", "cu126", {"capabilities": ((12, 0),)}, ["gpu-driver:12.0", "kernels:12.0"]),
        ("2.14.0", "cu126", {"capabilities": ((7, 0),), "driver": "590.44.01", "api": "13.1"}, ["gpu-driver:7.0"]),
        ("2.14.0", "cpu", {}, ["build"]),
        ("2.14.0", "cpu", {"cuda": False, "capabilities": ()}, []),
        ("2.5.1", "cu118", {"capabilities": ((3, 7),)}, ["gpu-driver:3.7", "cudnn:3.7"]),
        ("2.14.0", "cu126", {"driver": None, "api": None, "python_tag": None, "glibc": None}, []),
    ],
)
def test_each_constraint_that_is_broken_is_named(
    torch: str, channel: str, changes: dict[str, object], expected: list[str]
) -> None:
    assert broken(torch, channel, replace(A_NEED, **changes)) == expected  # type: ignore[arg-type]


def test_a_platform_without_wheels_is_all_there_is_to_say() -> None:
    release, wheel = MATRIX.release("2.14.0"), MATRIX.wheel("2.14.0", "cpu", "macos-arm64")
    assert release is not None
    assert wheel is not None
    need = replace(A_NEED, platform="macos-x86_64")
    assert [one.constraint for one in obstacles(MATRIX, release, wheel, need)] == ["platform"]


def test_the_first_of_all_is_the_one_that_rules_hear_of() -> None:
    axes = (
        ("450.80.02", "535.104.05", "590.44.01"),
        (((7, 0),), ((12, 0), (3, 7))),
        ("cp38", "cp312"),
        ((2, 17), None),
    )
    needs = [
        replace(A_NEED, driver=driver, api=MATRIX.driver_cuda(driver), capabilities=gpus, python_tag=tag, glibc=glibc)
        for driver, gpus, tag, glibc in product(*axes)
    ]
    for release, need in product(MATRIX.releases, needs):
        for wheel in MATRIX.wheels(release.version):
            found = obstacles(MATRIX, release, wheel, need)
            assert obstacle(MATRIX, release, wheel, need) == (found[0] if found else None)
            assert len({one.constraint for one in found}) == len(found)


def test_a_driver_of_which_only_its_cuda_is_known_is_named_by_that() -> None:
    release, wheel = MATRIX.release("2.14.0"), MATRIX.wheel("2.14.0", "cu130", "linux-x86_64")
    assert release is not None
    assert wheel is not None
    (found,) = obstacles(MATRIX, release, wheel, replace(A_NEED, driver=None))
    assert found.text == "torch 2.14.0 from cu130 needs driver 580.65.06 or newer, this one answers for CUDA 12.2"


@pytest.mark.parametrize(
    ("driver", "runs"),
    [("525", True), ("525.60", True), ("525.60.13", True), ("525.60.11", False), ("525.59", False), ("520", False)],
)
def test_a_driver_named_by_less_of_its_number_counts_as_a_later_one(driver: str, *, runs: bool) -> None:
    assert driver_runs(MATRIX, "12.8", replace(A_NEED, driver=driver, api="11.8")) is runs


def test_compat_libraries_bridge_the_driver_of_a_data_centre_gpu() -> None:
    machine = Machine(machine_snapshot(gpus=[A100], driver="535.104.05", cuda="12.2", overrides=COMPAT))
    assert consumer_gpu(machine, MATRIX) is None
    assert effective_api(machine, MATRIX) == "13.0"
    assert broken("2.14.0", "cu130", need_of(machine, MATRIX)) == []


def test_compat_libraries_do_nothing_for_a_consumer_gpu() -> None:
    machine = Machine(machine_snapshot(gpus=[RTX_3090], driver="535.104.05", cuda="12.2", overrides=COMPAT))
    assert consumer_gpu(machine, MATRIX) == RTX_3090
    assert effective_api(machine, MATRIX) == "12.2"
    assert broken("2.14.0", "cu130", need_of(machine, MATRIX)) == ["driver"]


def test_a_jetson_takes_the_wheels_of_linux_on_arm_and_its_driver_comes_with_jetpack() -> None:
    orin = Machine(machine_snapshot(gpus=["Orin"], driver="540.3.0", cuda="12.6", platform="linux-aarch64-jetson"))
    need = need_of(orin, MATRIX)
    assert (need.platform, need.jetson) == ("linux-aarch64", True)
    assert "kernels:8.7" in broken("2.14.0", "cu126", need)
    thor = Machine(machine_snapshot(gpus=["NVIDIA Thor"], driver="580.00", platform="linux-aarch64-jetson"))
    assert broken("2.14.1", "cu130", need_of(thor, MATRIX)) == []
    # Minor-version compatibility is told of drivers that are installed by themselves.
    assert broken("2.14.1", "cu132", need_of(thor, MATRIX)) == ["driver"]
    assert broken("2.14.1", "cu132", replace(need_of(thor, MATRIX), jetson=False)) == []
