"""What people write of their machine: which statement counts, and what is none."""

from __future__ import annotations

import pytest

from envdoctor.readers.paste.written.prose import read
from paste_lines import lines_of, values_of


def _told(text: str) -> dict[str, object]:
    return dict(values_of(read(lines_of(text))))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("torch 2.1.2", "2.1.2"),
        ("PyTorch: 2.8.0+cu128", "2.8.0+cu128"),
        ("- **PyTorch version**: `1.13.1+cu117`", "1.13.1+cu117"),
        ("pytorch=1.5.1+cu101", "1.5.1+cu101"),
        ("torch-2.4.0+cu121", "2.4.0+cu121"),
        ("torch2.8.0 torchvision0.23.0", "2.8.0"),
        ("| torch | 2.3.1 |", "2.3.1"),
        ("pytorch v1.4", "1.4"),
        ("torch版本\uff1a2.0.1", "2.0.1"),
        ("libtorch 1.9.0", "1.9.0"),
        ("PyTorch Version (e.g., 1.0): 1.4.0", "1.4.0"),
        ("torch 1.6 sees the GPUs, torch 1.7 does not", "1.7"),
        ("worked with torch 1.6.0\ntorch 1.7.0 is installed", "1.7.0"),
        ("upgraded from torch 1.9 to torch 1.10.1, now it crashes", "1.10.1"),
        ("first try: pytorch 1.9.1 -> False\nsecond try: pytorch 1.12.1 -> False\nRuntimeError: x", "1.12.1"),
        ("my other machine has torch 1.6.0, fine. Here torch 1.7.0 crashes", "1.7.0"),
        ("torch 2.1, to be exact torch 2.1.0+cu118", "2.1.0+cu118"),
        ("built for:\n  PyTorch 2.3.0+cu121 with CUDA 1201 (you have 2.4.0+cu124)", "2.4.0+cu124"),
        ("2.7.0a0+7c8ec84dab.nv25.03 is PyTorch 2.7.0a0+7c8ec84dab.nv25.03", "2.7.0a0+7c8ec84dab.nv25.03"),
    ],
)
def test_the_torch_that_goes_with_the_failure_counts(text: str, version: str) -> None:
    assert _told(text)["torch.version"] == version


@pytest.mark.parametrize(
    "text",
    [
        "do I need torch 2.4?",
        "try torch 2.4.0 please",
        "it requires torch>=2.0.0",
        "Tested on:\n- RTX 3090\n- PyTorch 1.10.0",
        "## Requirements\n\npytorch 1.7.0, Ubuntu 18.04",
        "the docs say torch 2.7.0 supports RTX 5090",
        "Pytorch version: [e.g. 1.7.1]",
        "works with torch 1.6.0",
        "PyTorch (12.1)",
        "pytorch/pytorch#12345 and torch/lib/x.so.2.1",
    ],
)
def test_wishes_questions_and_documents_state_nothing(text: str) -> None:
    told = _told(text)
    assert "torch.version" not in told
    assert "gpu.0.name" not in told
    assert "host.version" not in told


def test_other_releases_are_told_beside() -> None:
    assert _told("torch 1.6 sees the GPUs, torch 1.7 does not")["said.torch_versions"] == ["1.6"]


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("pytorch 1.3, CUDA 10.1", "torch.cuda", "10.1"),
        ("pytorch version: 1.7.0\nCUDA version: 11.0", "torch.cuda", "11.0"),
        ("torch 1.12 cu116", "torch.cuda", "11.6"),
        ("torch.version.cuda 10.2", "torch.cuda", "10.2"),
        ("pip install torch --index-url https://download.pytorch.org/whl/cu118", "torch.cuda", "11.8"),
        ("pip install torch --index-url https://download.pytorch.org/whl/cpu", "torch.cuda", None),
        ("nvidia-smi CUDA 11.6", "driver.cuda_version", "11.6"),
        ("driver-reported CUDA 12.2", "driver.cuda_version", "12.2"),
        ("Driver Version: 470.82.01 CUDA Version: 11.4", "driver.cuda_version", "11.4"),
        ("Driver Version: 472.12\nCUDA Version: 11.4", "driver.cuda_version", "11.4"),
        ("CUDA available: False", "said.cuda_available", False),
        ("CUDA 11.8 installed", "toolkit.home_version", "11.8"),
        ("cuda toolkit 11.3.1", "toolkit.home_version", "11.3.1"),
        ("driver 455.23.04", "driver.version", "455.23.04"),
        ("NVIDIA Driver Version [470.57.02]", "driver.version", "470.57.02"),
        ("驱动版本: 535.54", "driver.version", "535.54"),
        ("nvidia-smi 515.48.07", "driver.version", "515.48.07"),
        ("python=3.8", "python.version", "3.8"),
        ("Python 3.12 venv", "python.version", "3.12"),
        ("NCCL 2.18.3", "nccl.version", "2.18.3"),
        ("Radeon 780M (gfx1103)", "amd.gpus", ["gfx1103"]),
        ("built for targets: gfx1100;gfx1101", "torch.rocm_archs", ["gfx1100", "gfx1101"]),
        ("/dev/shm 64M", "shm.total_bytes", 64 << 20),
        ("run with --shm-size=8g", "shm.total_bytes", 8 << 30),
        ("glibc 2.12", "host.libc", "glibc 2.12"),
        ("CentOS release 6.8", "host.version", "centos 6.8"),
        ("Windows [Version 10.0.19042.1052]", "host.version", "windows 10.0.19042"),
        ("win10", "host.version", "windows 10"),
        ("macOS 12.2.1", "host.version", "macos 12.2.1"),
        ("MacBook Pro M1 Max", "host.platform", "macos-arm64"),
        ("Jetson Orin with L4T R35.4.1", "host.l4t", "35.4.1"),
        ("Jetson Orin", "host.platform", "linux-aarch64-jetson"),
        ("WSL2, Windows 11", "host.wsl", True),
        ("WSL2, Windows 11", "host.os", "linux"),
        ("Red Hat Enterprise Linux 8.6", "host.version", "rhel 8.6"),
    ],
)
def test_releases_and_systems_are_read_where_they_are_named(text: str, name: str, value: object) -> None:
    told = _told(text)
    assert name in told
    assert told[name] == value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("NVIDIA driver 384.111 cuda9.1", "driver.cuda_version"),
        ("conda install pytorch cudatoolkit=10.2 -c pytorch", "toolkit.home_version"),
        ("the minimum driver is 525.60.13", "driver.version"),
        ("Adrenalin driver 24.12.1", "driver.version"),
        ("Dynamo is not supported on Python 3.13+", "python.version"),
        ("version `GLIBC_2.23' not found", "host.libc"),
        ("but not on Windows 11", "host.os"),
        ("Intel i7, WSL is not used, native Windows", "host.wsl"),
        ("the works of the machinery", "host.os"),
        ("loss 3.14 at step 470.57", "driver.version"),
    ],
)
def test_numbers_that_mean_something_else_state_nothing(text: str, name: str) -> None:
    assert name not in _told(text)


def test_partners_and_wheels_are_distributions() -> None:
    reading = read(
        lines_of("torch==2.6.0 torchvision==0.21.0 numpy 1.26.4\nflash_attn-2.5.5+cu118-cp38-cp38-linux_x86_64.whl")
    )
    assert {(one.name, one.version) for one in reading.packages} == {
        ("torchvision", "0.21.0"),
        ("numpy", "1.26.4"),
        ("flash-attn", "2.5.5+cu118"),
    }


def test_both_sides_of_a_complaint_of_pip_are_installed() -> None:
    reading = read(lines_of("torch 2.1.2 requires triton==2.1.0, but you have triton 2.2.0 which is incompatible."))
    assert {(one.name, one.version) for one in reading.packages} >= {("torch", "2.1.2"), ("triton", "2.2.0")}


@pytest.mark.parametrize(
    "text",
    [
        "not using an NVIDIA GPU, only Intel HD Graphics 4000",
        "my laptop has no GPU",
        "I don't have an NVIDIA GPU",
        "MacBook with AMD Radeon Pro 5500M",
        "a cpu-only server",
    ],
)
def test_a_machine_without_nvidia_is_told(text: str) -> None:
    assert _told(text)["said.no_nvidia_gpu"] is True


@pytest.mark.parametrize(
    "text",
    [
        "CPU training works",
        "no NVIDIA GPU detected",
        "no GPU found although I have an RTX 3090",
        "the dump is from a node without GPU, jobs run on A40 nodes",
        "no CUDA-capable device is detected",
        "RTX 2070 beside Intel UHD Graphics 630",
    ],
)
def test_a_missed_gpu_is_not_a_missing_one(text: str) -> None:
    assert "said.no_nvidia_gpu" not in _told(text)


def test_a_dump_of_another_node_says_so() -> None:
    told = _told("output taken on the login node; jobs run on A40 nodes")
    assert told["said.taken_elsewhere"] is True
    assert told["gpu.0.name"] == "A40"


@pytest.mark.parametrize(
    "text", ["CUDA is not available", "torch doesn't see my GPU", "GPU not detected", "it only runs on the CPU"]
)
def test_who_misses_the_gpu_wants_one(text: str) -> None:
    assert _told(text)["said.wants_gpu"] is True


def test_what_is_said_of_the_host_is_not_the_container_s() -> None:
    told = _told("host: RTX 3090, Ubuntu 20.04, driver 455.45; container with pytorch 1.7.0")
    assert told["gpu.0.name"] == "RTX 3090"
    assert told["driver.version"] == "455.45"
    assert told["torch.version"] == "1.7.0"
    assert told["host.os"] == "linux"
    assert "host.version" not in told


def test_commands_that_were_run_are_kept_without_credentials() -> None:
    (row,) = _told("pip install torch -i https://me:secret@mirror.example/simple")["said.installs"]  # type: ignore[attr-defined]
    assert row["tool"] == "pip"
    assert row["indexes"] == ["https://mirror.example/simple"]
    assert "secret" not in row["command"]


def test_what_stands_in_front_of_and_behind_a_long_log_is_read() -> None:
    log = "\n".join(f"cuda step {number}" for number in range(20_000))
    told = _told(f"RTX 3090\n{log}\ntorch 2.1.0 crashes")
    assert told["gpu.0.name"] == "RTX 3090"
    assert told["torch.version"] == "2.1.0"
