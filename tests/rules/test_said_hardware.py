"""Words about GPUs and several of them: boards, devices of a MIG, those that a variable leaves, other makers'."""

from __future__ import annotations

import pytest

from envdoctor.commands.pasted import of_content
from envdoctor.diagnose.judge import diagnose
from envdoctor.matrix.load import load_matrix

MATRIX = load_matrix()
NO_KERNEL = "RuntimeError: CUDA error: no kernel image is available for execution on the device\n"
ORDINAL = "RuntimeError: CUDA error: invalid device ordinal\n"
UNHANDLED = (
    "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1691, unhandled system error (run with "
    "NCCL_DEBUG=INFO for details), NCCL version 2.21.5\nncclSystemError: System call (e.g. socket, malloc) failed.\n"
)


def _rules(text: str) -> list[str]:
    paste, _ = of_content(text.encode(), "paste.txt")
    return [finding.rule for finding in diagnose(paste.snapshot, MATRIX).findings]


def test_a_board_stands_for_the_capability_of_its_gpu() -> None:
    old = "PyTorch version: 2.4.0+cu121\nCUDA used to build PyTorch: 12.1\nGPU models and configuration: GPU 0: {}\n\n"
    assert _rules(old.format("NVIDIA Thor") + NO_KERNEL)[:1] == ["gpu-arch-not-in-wheel"]
    assert "gpu-arch-not-in-wheel" not in _rules(old.format("NVIDIA A100-SXM4-40GB") + NO_KERNEL)


@pytest.mark.parametrize(
    ("visible", "dropped"), [("0", True), ("0,1", False), ("3", False)], ids=["all", "more than named", "another"]
)
def test_a_variable_that_leaves_every_gpu_hides_none(visible: str, dropped: bool) -> None:
    text = f"CUDA_VISIBLE_DEVICES={visible} python train.py\nGPU 0: NVIDIA GeForce RTX 3090\n{ORDINAL}"
    assert ("cuda-visible-devices-empty" not in _rules(text)) is dropped


def test_what_extensions_print_without_cuda_is_nothing_on_a_gpu_of_intel() -> None:
    line = "No CUDA runtime is found, using CUDA_HOME='/usr/local/cuda'\n"
    assert _rules(f"{line}>>> torch.xpu.is_available()\nTrue\n") == []


def test_a_list_of_architectures_without_the_gpu_is_that_of_the_extension() -> None:
    text = 'export TORCH_CUDA_ARCH_LIST="{}"\nGPU: Tesla V100-SXM2-32GB\ntorch.version.cuda 12.6\n' + NO_KERNEL
    assert _rules(text.format("7.5"))[:1] == ["ext-arch-missing"]
    assert _rules(text.format("8.0;8.6+PTX"))[:1] == ["ext-arch-missing"]
    assert _rules(text.format("6.0+PTX"))[:1] != ["ext-arch-missing"]
    assert _rules(text.format("7.0;7.5"))[:1] != ["ext-arch-missing"]


def test_a_failed_system_call_of_nccl_is_its_shared_memory_in_a_container_alone() -> None:
    docker = "docker run --rm --gpus all vllm/vllm-openai\n"
    assert _rules(docker + UNHANDLED)[:1] == ["nccl-shm-too-small"]
    assert "nccl-shm-too-small" not in _rules(UNHANDLED)
    assert "nccl-shm-too-small" not in _rules(docker + UNHANDLED + "NET/Socket: Connection refused\n")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "nvidia 0000:41:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000f address=0x2ff00000 flags=0x0020]",
            True,
        ),
        ("DMAR: [DMA Write] Request device [41:00.0] fault addr 7f2c000000 [fault reason 05] PTE Write access", True),
        ("ahci 0000:01:00.1: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0003 address=0x2ff00000]", False),
    ],
)
def test_a_page_that_the_iommu_refused_a_gpu(line: str, found: bool) -> None:
    text = f"GPU 0: NVIDIA A100-SXM4-40GB\nGPU 1: NVIDIA A100-SXM4-40GB\n\n{line}\n"
    assert ("p2p-iommu-hang" in _rules(text)) is found


def test_a_uuid_of_mig_where_a_number_is_expected() -> None:
    words = "ValueError: invalid literal for int() with base 10: 'MIG-6c3f0c4e-1b5f-5bb0-8f3a-0f2d6f2f2b11'\n"
    assert _rules(words)[:1] == ["mig"]


def test_semaphores_that_do_not_fit() -> None:
    words = (
        '  File "/usr/lib/python3.10/multiprocessing/synchronize.py", line 57, in __init__\n'
        "    sl = self._semlock = _multiprocessing.SemLock(\nOSError: [Errno 28] No space left on device\n"
    )
    assert _rules(words)[:1] == ["dev-shm-too-small"]
