"""What a paste tells beside the error: that the machine slept, that GPUs are divided, which torch conda left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.commands.pasted import of_content
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix
from envdoctor.model.finding import Severity

if TYPE_CHECKING:
    from envdoctor.model.finding import Finding

MATRIX = load_matrix()
MIG = "GPU {0}: NVIDIA A100-SXM4-40GB (UUID: GPU-{0})\n  MIG 3g.20gb     Device  0: (UUID: MIG-{0})\n"


def _found(text: str) -> tuple[Finding, ...]:
    paste, _ = of_content(text.encode(), "paste.txt")
    return diagnose(paste.snapshot, MATRIX).findings


def _first(text: str) -> str | None:
    return next((finding.rule for finding in _found(text)), None)


def test_a_launch_that_fails_since_the_machine_slept_is_the_driver_s_state() -> None:
    words = "RuntimeError: CUDA error: unspecified launch failure"
    assert _first(f"{words}\nhappens after I suspend the laptop") == "cuda-init-stale-driver-state"
    assert _found(words) == ()


def test_a_gpu_that_is_gone_after_sleep_is_the_driver_s_state() -> None:
    asked = "torch 2.5.1+cu124 on linux\n>>> torch.cuda.is_available()\nFalse\n"
    assert _first(f"{asked}only after waking up from sleep, a reboot helps") == "cuda-init-stale-driver-state"


def test_instances_of_several_gpus_are_counted_together() -> None:
    listed = "$ nvidia-smi -L\n" + MIG.format(0) + MIG.format(1)
    assert _first(f"{listed}\n>>> torch.cuda.device_count()\n1") == "mig"
    assert _found("$ nvidia-smi -L\n" + MIG.format(0) + "\n>>> torch.cuda.device_count()\n1") == ()


@pytest.mark.parametrize(
    ("asked", "rules"),
    [("1.6.0+cu101 url", []), ("1.5.0", ["torch-torchvision-mismatch"])],
)
def test_a_resolver_that_takes_one_release_for_two_tells_no_mismatch(asked: str, rules: list[str]) -> None:
    text = f"Because torchvision (0.7.0+cu101) depends on torch (1.6.0)\n and x depends on torch ({asked}), it fails."
    assert [finding.rule for finding in _found(text)] == rules


def test_a_torchvision_that_conda_left_behind_is_a_mix_of_installers_first() -> None:
    rows = (
        "PyTorch version: 2.4.1+cu121\nCUDA used to build PyTorch: 12.1\nIs CUDA available: True\n\n"
        "Versions of relevant libraries:\n[pip3] torch==2.4.1\n[pip3] torchvision==0.12.0\n"
        "[conda] pytorch                   1.11.0          py3.8_cuda11.3_cudnn8.2.0_0    pytorch\n"
        "[conda] torch                     2.4.1                    pypi_0    pypi\n"
        "[conda] torchvision               0.12.0               py38_cu113    pytorch\n"
    )
    found = _found(f"{rows}\nRuntimeError: Couldn't load custom C++ ops.")
    assert found[0].rule == "conda-pip-mix"
    assert found[0].severity == Severity.ERROR


def test_hardware_that_is_none_of_nvidia_comes_before_the_container() -> None:
    told = "RuntimeError: Found no NVIDIA driver on your system.\n"
    assert _first(f"{told}in the docker container, and this PC has no NVIDIA GPU") == "no-nvidia-gpu"
    assert _first(f"{told}in the docker container, on the host nvidia-smi works") == "no-gpu-in-container"


def test_a_gpu_that_nvidia_smi_lists_beside_a_cpu_build_is_a_defect() -> None:
    listed = "$ nvidia-smi -L\nGPU 0: NVIDIA L4 (UUID: GPU-1)\n"
    assert _first(f"{listed}$ pip list\nPackage Version\n------- -------\ntorch   2.6.0+cpu\n") == "cpu-only-build"


def test_what_a_compiler_for_the_cpu_logs_of_cuda_is_no_defect_but_what_torch_raises_is() -> None:
    logged = "Error getting cuda arch: Torch not compiled with CUDA enabled\n"
    assert _first(logged) is None
    assert _first(f"{logged}AssertionError: Torch not compiled with CUDA enabled\n") == "cpu-only-build"
