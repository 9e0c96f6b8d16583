"""Machines of Windows, macOS and AMD that others have reported, told in our words; what is right and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Severity
from envdoctor.model.machine import Machine
from envdoctor.rules.example_machine import snapshot_of
from envdoctor.rules.macos_too_old_for_mps import MAC
from envdoctor.rules.missing_windows_runtime_dll import OPENMP, RUNTIME, WINDOWS
from envdoctor.rules.rocm_arch_unsupported import AMD, WHEEL, is_served
from envdoctor.rules.rocm_arch_unsupported import _visible as visible_gpus
from envdoctor.rules.rule import Example
from envdoctor.rules.x86_python_on_apple_silicon import INTEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value

MATRIX = load_matrix()


def found(facts: Mapping[str, Value]) -> list[tuple[str, str]]:
    """What is worth more than a note, the root cause first."""
    judged = diagnose(snapshot_of(Example("", facts)), MATRIX)
    assert judged.crashed == ()
    return [(one.rule, one.severity.word) for one in judged.findings if one.severity > Severity.NOTE]


MACHINES: dict[str, tuple[Mapping[str, Value], str | None]] = {
    # pytorch/pytorch#78343
    "a nightly of May 2022 on macOS 12.2.1": (
        {**MAC, "torch": "1.13.0.dev20220525", "torch.provenance": "unknown", "host.version": "macos 12.2.1"},
        "macos-too-old-for-mps",
    ),
    # pytorch/pytorch#139425
    "2.5.1 on macOS 12.7.6": ({**MAC, "torch": "2.5.1", "host.version": "macos 12.7.6"}, "macos-too-old-for-mps"),
    # pytorch/pytorch#164943
    "a nightly of 2.10 on macOS 13.7.4": (
        {**MAC, "torch": "2.10.0.dev20251008", "torch.provenance": "unknown", "host.version": "macos 13.7.4"},
        "macos-too-old-for-mps",
    ),
    # pytorch/pytorch#167679: MPS is missing there for a reason that no version tells
    "2.9.1 on macOS 26.0": ({**MAC, "host.version": "macos 26.0"}, None),
    "conda-forge's 2.5.1 on macOS 12.7.6": (
        {**MAC, "torch": "2.5.1", "torch.provenance": "conda-forge", "host.version": "macos 12.7.6"},
        "macos-too-old-for-mps",
    ),
    # pytorch/pytorch#131766
    "an Intel Mac with the last release for it": ({**INTEL, "host.version": "macos 12.7.6"}, None),
    "conda-forge's 2.10 on an Intel Mac": ({**INTEL, "torch": "2.10.0", "torch.provenance": "conda-forge"}, None),
    "an Intel conda on an M1": (
        {**INTEL, "cpu.architecture": "arm64", "python.translated": True},
        "x86-python-on-apple-silicon",
    ),
    # pytorch/pytorch#131662
    "2.4.0+cu121 of the index, without Visual Studio": (
        {**WINDOWS, "torch": "2.4.0+cu121", "torch.provenance": "pytorch-index", "windows.missing_runtime": [OPENMP]},
        "missing-windows-runtime-dll",
    ),
    # pytorch/pytorch#31324 and #32916
    "a Windows without the runtime of 2019": (
        {**WINDOWS, "torch": "2.9.1+cpu", "gpus": None, "driver": None, "nvml.status": None, "cuda.init": None,
         "windows.missing_runtime": ["vcruntime140_1.dll"]},
        "missing-windows-runtime-dll",
    ),
    "Windows as it mostly is": (WINDOWS, None),
    # ROCm/TheRock#1184 and pytorch/pytorch#179865
    "a Radeon 780M": ({**AMD, "amd.gpus": ["gfx1103"]}, "rocm-arch-unsupported"),
    "a Vega 56 under a build for ROCm 7.2": ({**AMD, "amd.gpus": ["gfx900"]}, "rocm-arch-unsupported"),
    "a Strix Halo in a list that has it": (
        {**AMD, "amd.gpus": ["gfx1151"], "torch.rocm_archs": [*WHEEL, "gfx1150", "gfx1151"]}, None,
    ),
    "a Ryzen desktop with a card": ({**AMD, "amd.gpus": ["gfx1100", "gfx1036"]}, None),
    "a CUDA machine with the graphics of a Ryzen": ({"amd.gpus": ["gfx1036"]}, None),
    "eight Instinct": ({**AMD, "amd.gpus": ["gfx942"] * 8}, None),
}  # fmt: skip


@pytest.mark.parametrize("title", MACHINES)
def test_the_root_cause_comes_first_and_health_is_silent(title: str) -> None:
    facts, rule = MACHINES[title]
    rules = [name for name, _ in found(facts)]
    assert rules[:1] == ([rule] if rule else [])


def test_each_missing_library_is_named() -> None:
    for count in (1, 2, 3):
        facts = {**WINDOWS, "windows.missing_runtime": [*RUNTIME[:count]]}
        judged = diagnose(snapshot_of(Example("", facts)), MATRIX)
        message = next(one.message for one in judged.findings if one.rule == "missing-windows-runtime-dll")
        assert all(name in message for name in RUNTIME[:count])


@pytest.mark.parametrize(
    ("gpu", "carried", "served"),
    [
        ("gfx1030", ["gfx1030"], True),
        ("gfx1031", ["gfx1030"], False),
        ("gfx1031", ["gfx10-3-generic"], True),
        ("gfx1010", ["gfx10-3-generic"], False),
        ("gfx1103", ["gfx11-generic"], True),
        ("gfx942", ["gfx9-4-generic"], True),
        ("gfx90a", ["gfx9-4-generic"], False),
        ("gfx110", ["gfx1100"], False),
    ],
)
def test_what_a_list_of_targets_serves(gpu: str, carried: list[str], served: bool) -> None:
    assert is_served(gpu, carried) is served


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        ({}, [0, 1, 2]),
        ({"HIP_VISIBLE_DEVICES": "2,0"}, [2, 0]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [1]),
        ({"HIP_VISIBLE_DEVICES": "0", "CUDA_VISIBLE_DEVICES": "1"}, [0]),
        ({"ROCR_VISIBLE_DEVICES": "1,2", "HIP_VISIBLE_DEVICES": "1"}, [2]),
        ({"HIP_VISIBLE_DEVICES": "0,7,1"}, [0]),
        ({"HIP_VISIBLE_DEVICES": "-1"}, []),
        ({"HIP_VISIBLE_DEVICES": ""}, []),
        ({"ROCR_VISIBLE_DEVICES": "GPU-0123456789abcdef"}, None),
    ],
)
def test_the_gpus_that_a_rocm_program_sees(choice: dict[str, str], numbers: list[int] | None) -> None:
    gpus = ["gfx1100", "gfx1101", "gfx1036"]
    facts: dict[str, Value] = {**AMD, **{f"env.{name}": value for name, value in choice.items()}}
    seen = visible_gpus(Machine(snapshot_of(Example("", facts))), gpus)
    assert (seen and [number for number, _ in seen]) == numbers
