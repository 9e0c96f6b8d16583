"""What tools of the system tell in a paste: nvcc, ldd, lspci, the kernel, uname, df and their like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.model.fact import Absent, Known
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.tools import driver_tools, host_tools, ldd, nvcc

if TYPE_CHECKING:
    from types import ModuleType

    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Reading


def read(reader: ModuleType, text: str) -> Reading:
    reading: Reading = reader.read(clean(text))
    return reading


def known(reader: ModuleType, text: str) -> dict[str, Value]:
    facts: dict[str, Value] = {}
    for one in read(reader, text).stated:
        if isinstance(one.fact, Known):
            facts.setdefault(one.name, one.fact.value)
    return facts


def absent(reader: ModuleType, text: str) -> set[str]:
    return {one.name for one in read(reader, text).stated if isinstance(one.fact, Absent)}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Cuda compilation tools, release 12.2, V12.2.140", "12.2"),
        ("nvcc: Cuda compilation tools, release 10.2, V10.2.89", "10.2"),
        ("root@c:/# nvcc --version -> release 11.4, V11.4.152", "11.4"),
        ("Build cuda_11.8.r11.8/compiler.31833905_0", "11.8"),
    ],
)
def test_nvcc(text: str, version: str) -> None:
    assert known(nvcc, text) == {"toolkit.nvcc_version": version}


def test_the_prompt_before_nvcc_stays_for_other_readers() -> None:
    assert not read(nvcc, "root@c:/# nvcc --version -> release 11.4, V11.4.152").claimed


@pytest.mark.parametrize(
    "text",
    [
        "/usr/local/cuda/version.txt: CUDA Version 10.0.130",
        "CUDA Version 10.0.130",
        '   "cuda" : {\n      "name" : "CUDA SDK",\n      "version" : "10.0.20220929"\n   },',
    ],
)
def test_version_files_of_a_toolkit(text: str) -> None:
    assert known(nvcc, text) == {"toolkit.home_version": "10.0"}


@pytest.mark.parametrize("text", ["CUDA Version 10.0", "CUDA version 10.0.130 is what I want", "torch release 1.9"])
def test_what_is_no_version_of_a_toolkit(text: str) -> None:
    assert not known(nvcc, text)


def test_no_nvcc_on_path() -> None:
    assert absent(nvcc, "bash: nvcc: command not found") == {"toolkit.nvcc", "toolkit.nvcc_version"}


def test_ldd_of_torch_itself() -> None:
    reading = read(
        ldd,
        "$ ldd /v/lib/python3.11/site-packages/torch/lib/libtorch_cuda.so\n\tlibcudart.so.12 => not found\n"
        "\tlibc10_cuda.so => not found\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f3b2d000000)\n",
    )
    assert [one.fact for one in reading.stated if one.name == "libraries.missing"] == [
        Known(
            [
                {
                    "object": "torch/lib/libtorch_cuda.so",
                    "library": "libcudart.so.12",
                    "package": "torch",
                    "role": "entry",
                }
            ],
            "ldd",
        )
    ]
    assert reading.claimed == frozenset({2, 3, 4})


@pytest.mark.parametrize("library", ["libc10.so", "libtorch_python.so", "libcudart.so.12", "libcublas.so.12"])
def test_what_torch_brings_is_not_missing_for_those_built_against_it(library: str) -> None:
    assert "libraries.missing" not in known(ldd, f"ldd /v/site-packages/flash_attn/_C.so\n {library} => not found\n")


def test_what_torch_does_not_bring_is_missing() -> None:
    rows = known(ldd, "/v/site-packages/cv2/cv2.abi3.so:\n\tlibGL.so.1 => not found\n")["libraries.missing"]
    assert rows == [{"object": "cv2/cv2.abi3.so", "library": "libGL.so.1", "package": "cv2", "role": "entry"}]


def test_an_object_of_nobody_known_misses_nothing() -> None:
    assert "libraries.missing" not in known(
        ldd, "ldd ./train\n\tlibtorch_cuda.so => not found\n\tlibfoo.so.1 => not found\n"
    )


def test_cudnn_of_the_system() -> None:
    text = "\tlibcudnn.so.8 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcudnn.so.8.9.2"
    assert known(ldd, text) == {
        "toolkit.system_cudnn": [{"path": "/usr/lib/x86_64-linux-gnu/libcudnn.so.8.9.2", "version": "8.9.2"}]
    }


def test_a_card_and_what_holds_it() -> None:
    text = (
        "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3090] [10de:2204] (rev a1)\n"
        "\tSubsystem: Some Maker\n\tKernel driver in use: nouveau\n"
        "01:00.1 Audio device [0403]: NVIDIA Corporation GA102 [10de:1aef]\n\tKernel driver in use: snd_hda_intel\n"
        "0000:5a:00.0 3D controller: NVIDIA Corporation Device 1db6 (rev a1)\n"
    )
    assert known(driver_tools, text)["pci.nvidia"] == [
        {"address": "0000:01:00.0", "device": "0x2204", "class": "0x030000", "driver": "nouveau"},
        {"address": "0000:5a:00.0", "device": None, "class": "0x030200", "driver": None},
    ]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023",
            {"driver.version.proc": "535.104.05", "driver.version": "535.104.05"},
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (root@x)",
            {"driver.version.proc": "580.95.05", "driver.version": "580.95.05"},
        ),
        (
            "NVRM: API mismatch: the client has the version 470.141.03, but\n"
            "NVRM: this kernel module has the version 470.129.06.",
            {"nvml.status": 18, "driver.library_version": "470.141.03", "driver.version.proc": "470.129.06"},
        ),
        (
            "ii  libnvidia-compute-535:amd64     535.129.03-0ubuntu0.22.04.1    amd64    NVIDIA libcompute package",
            {"driver.library_version": "535.129.03"},
        ),
        ("crw-rw-rw- 1 root root 195, 0 Jan  1 00:00 /dev/nvidia0", {"device.nodes": ["nvidia0"]}),
        ("  Name:                    gfx1030", {"amd.gpus": ["gfx1030"]}),
        ("gcnArchName:                      gfx90a:sramecc+:xnack-", {"amd.gpus": ["gfx90a"]}),
        ("GPU[0]\t\t: GFX Version: \t\tgfx1100", {"amd.gpus": ["gfx1100"]}),
        ("gfx000\ngfx1103", {"amd.gpus": ["gfx1103"]}),
        ("my card is gfx1103", {}),
    ],
)  # fmt: skip
def test_what_linux_tells_of_a_driver(text: str, facts: dict[str, Value]) -> None:
    told = known(driver_tools, text)
    assert told.pop("host.os", "") == ("linux" if told and "amd.gpus" not in told else "")
    assert told == facts


def test_no_device_file() -> None:
    assert absent(driver_tools, "ls: cannot access '/dev/nvidia*': No such file or directory") == {"device.nodes"}


def test_the_log_of_the_kernel_is_said() -> None:
    text = "[ 12.3] NVRM: Xid (PCI:0000:01:00): 79, pid=1234, GPU has fallen off the bus."
    assert [one.text for one in read(driver_tools, text).said] == [text]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (
            "Linux box 5.15.167.4-microsoft-standard-WSL2 #1 SMP Tue Nov 5 UTC 2024 x86_64 x86_64 x86_64 GNU/Linux",
            {
                "host.os": "linux",
                "host.kernel": "5.15.167.4-microsoft-standard-WSL2",
                "host.platform": "linux-x86_64",
                "host.wsl": True,
            },
        ),
        (
            "Linux nano 4.9.253-tegra #1 SMP PREEMPT Mon Jul 26 12:13:06 PDT 2021 aarch64 aarch64 aarch64 GNU/Linux",
            {"host.os": "linux", "host.kernel": "4.9.253-tegra", "host.platform": "linux-aarch64-jetson"},
        ),
        (
            "4.4.0-19041-Microsoft",
            {"host.os": "linux", "host.kernel": "4.4.0-19041-Microsoft", "host.wsl": True},
        ),
        ("ID=ubuntu\nVERSION_ID=\"22.04\"", {"host.os": "linux", "host.version": "ubuntu 22.04"}),
        ("Description:    Ubuntu 20.04.5 LTS", {"host.os": "linux", "host.version": "ubuntu 20.04"}),
        ("CentOS Linux release 7.9.2009 (Core)", {"host.os": "linux", "host.version": "centos 7"}),
        ("ProductVersion:		13.4", {"host.os": "macos", "host.version": "macos 13.4"}),
        (
            "Darwin m.local 21.6.0 Darwin Kernel Version 21.6.0: root:xnu-8020~1/RELEASE_ARM64_T6000 arm64",
            {"host.os": "macos", "host.platform": "macos-arm64"},
        ),
        ("Microsoft Windows [Version 10.0.19045.3803]", {"host.os": "windows", "host.version": "windows 10.0.19045"}),
        ("Microsoft Windows [Version 10.0.19045.3803]\nWSL version: 2.0.9.0", {"host.wsl": True}),
        ("ldd (Ubuntu GLIBC 2.35-0ubuntu3.4) 2.35", {"host.libc": "glibc 2.35"}),
        ("ldd (GNU libc) 2.17", {"host.libc": "glibc 2.17"}),
        (
            "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64",
            {"host.l4t": "35.4.1", "host.platform": "linux-aarch64-jetson"},
        ),
        ("shm              64M     0   64M   0% /dev/shm", {"shm.total_bytes": 64 * 2**20}),
        ("tmpfs          65536     0  65536  0% /dev/shm", {"shm.total_bytes": 64 * 2**20}),
        ("shm on /dev/shm type tmpfs (rw,nosuid,nodev,noexec,relatime,size=65536k)", {"shm.total_bytes": 64 * 2**20}),
        ("max locked memory           (kbytes, -l) 64", {"limits.memlock_bytes": 65536}),
        ("I run Linux with kernel 5.15", {}),
    ],
)  # fmt: skip
def test_what_a_machine_tells_of_itself(text: str, facts: dict[str, Value]) -> None:
    assert known(host_tools, text) == facts


def test_no_limit_is_no_number() -> None:
    assert absent(host_tools, "max locked memory       (kbytes, -l) unlimited") == {"limits.memlock_bytes"}
