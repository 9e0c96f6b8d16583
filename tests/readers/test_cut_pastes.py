"""Pastes are cut anywhere: whatever is left, readers of tools give facts of it and claim its lines alone."""

from __future__ import annotations

from importlib import import_module

import pytest

from envdoctor.model.fact import Known
from envdoctor.readers.paste.cleaning import clean

READERS = (
    "tools.nvidia_smi", "tools.nvidia_smi_query", "listings.pip_list", "listings.pip_freeze", "listings.pip_show",
    "listings.pip_log", "listings.conda_list", "listings.conda_env",
    "tools.nvcc", "tools.ldd", "tools.driver_tools", "tools.host_tools",
)  # fmt: skip

PASTE = """\
$ nvidia-smi
| NVIDIA-SMI 535.104.05   Driver Version: 535.104.05   CUDA Version: 12.2     |
|   0  Tesla T4             Off | 00000000:00:1E.0 Off |                    0 |
| N/A   31C    P8     9W /  70W |      2MiB / 15360MiB |      0%      Default |
GPU 0: Tesla T4 (UUID: GPU-5d5ba0d6-0000-2b2c-524d-9e3d8d2b8a77)
Failed to initialize NVML: Driver/library version mismatch
name, driver_version, memory.total [MiB]
Tesla T4, 535.104.05, 15360 MiB
Package            Version
------------------ ------------
torch              2.1.0+cu118
torch==2.1.0 torchvision==0.16.0
Name: torch
Version: 2.4.0+cu121
Location: /home/a/lib/python3.11/site-packages
Requirement already satisfied: torch in /home/a/lib/python3.11/site-packages (2.0.1)
a 1.5 requires b==2.0, but you have b 2.1.0 which is incompatible.
# Name                    Version                   Build  Channel
pytorch                   1.9.0           py3.8_cuda10.2_cudnn7.6.5_0    pytorch
  - pytorch=1.12.1=py3.8_cuda11.3_cudnn8.3.2_0
             user-agent : conda/4.9.2 CPython/3.9.1 Linux/3.10.0 centos/7.6.1810 glibc/2.17
Cuda compilation tools, release 12.2, V12.2.140
ldd /v/site-packages/torch/lib/libtorch_cuda.so
\tlibcudart.so.12 => not found
01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3090] [10de:2204] (rev a1)
NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023
Linux box 5.15.167.4-microsoft-standard-WSL2 #1 SMP x86_64 x86_64 x86_64 GNU/Linux
shm              64M     0   64M   0% /dev/shm
"""

WHOLE_NAMES = frozenset({"torch", "torchvision", "pytorch", "a", "b"})


@pytest.mark.parametrize("reader", READERS)
def test_every_beginning_and_every_end_can_be_read(reader: str) -> None:
    read = import_module(f"envdoctor.readers.paste.{reader}").read
    for at in range(0, len(PASTE), 11):
        for text in (PASTE[:at], PASTE[at:]):
            lines = clean(text)
            reading = read(lines)
            assert reading.claimed <= {line.number for line in lines}
            assert not reading.whole
            for stated in reading.stated:
                assert 1 <= stated.line <= len(lines)
                assert not (isinstance(stated.fact, Known) and stated.fact.value == "")


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_finds_its_own_in_a_mix_and_nothing_in_prose(reader: str) -> None:
    read = import_module(f"envdoctor.readers.paste.{reader}").read
    mixed = read(clean(PASTE))
    assert mixed.stated or mixed.packages
    assert {one.name for one in mixed.packages} <= WHOLE_NAMES
    prose = read(
        clean(
            "I updated my machine and since then the training does not start on the GPU any more.\n"
            "It worked with version 1.9 of the library, see the notes: https://mirror.example/a?b=c==d\n"
            "- first: nothing\n- second = nothing\nif a == b: return c[0] | d\n| a | b | c |\n\n\n"
        )
    )
    assert not prose.stated
    assert not prose.packages
    assert not prose.said
