"""PyTorch's own report, in the layouts of its releases: what each line states, and what a missing answer means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.environment import collect_env, processor

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact
    from envdoctor.model.paste import Reading


def read(paste: str) -> Reading:
    return collect_env.read(clean(paste))


def facts(paste: str) -> dict[str, Fact]:
    """Return the facts, the first of each, as the assembling takes them."""
    return {one.name: one.fact for one in reversed(read(paste).stated)}


def values(paste: str) -> dict[str, object]:
    return {name: fact.value for name, fact in facts(paste).items() if isinstance(fact, Known)}


V10 = """Collecting environment information...
PyTorch version: 1.0.0
Is debug build: No
CUDA used to build PyTorch: 9.0.176

OS: Ubuntu 16.04.5 LTS
GCC version: (Ubuntu 5.4.0-6ubuntu1~16.04.11) 5.4.0 20160609
CMake version: version 3.5.1

Python version: 3.6
Is CUDA available: Yes
CUDA runtime version: 9.0.176
GPU models and configuration:
GPU 0: Tesla P40
GPU 1: Tesla P40

Nvidia driver version: 384.81
cuDNN version: Probably one of the following:
/usr/local/cuda-9.0/lib64/libcudnn.so.7.0.5
/usr/local/cuda-9.0/lib64/libcudnn_static.a

Versions of relevant libraries:
[pip] numpy (1.15.4)
[pip] torch (1.0.0, /home/me/src/pytorch)
[conda] pytorch                   1.0.0           py3.6_cuda9.0.176_cudnn7.4.1_1    pytorch
[conda] torchvision               0.2.1                    pypi_0    pypi
"""


def test_the_layout_of_torch_1_0() -> None:
    found = values(V10)
    assert found["torch.version"] == "1.0.0"
    assert found["torch.cuda"] == "9.0.176"
    assert found["host.version"] == "ubuntu 16.04"
    assert found["python.version"] == "3.6"
    assert found["said.cuda_available"] is True
    assert found["cuda.init"] == 0
    assert found["toolkit.nvcc_version"] == "9.0.176"
    assert (found["gpu.0.name"], found["gpu.1.name"], found["gpu.count"]) == ("Tesla P40", "Tesla P40", 2)
    assert found["driver.version"] == "384.81"
    assert found["toolkit.system_cudnn"] == [
        {"path": "/usr/local/cuda-9.0/lib64/libcudnn.so.7.0.5", "version": "7.0.5"},
        {"path": "/usr/local/cuda-9.0/lib64/libcudnn_static.a", "version": None},
    ]


def test_rows_of_packages() -> None:
    packages = read(V10).packages
    assert [(one.name, one.version, one.manager, one.build, one.channel) for one in packages] == [
        ("numpy", "1.15.4", "pip", "", ""),
        ("torch", "1.0.0", "pip", "", ""),
        ("pytorch", "1.0.0", "conda", "py3.6_cuda9.0.176_cudnn7.4.1_1", "pytorch"),
        ("torchvision", "0.2.1", "pip", "", "pypi"),
    ]


def test_a_fact_has_its_line_and_all_its_lines_are_claimed() -> None:
    reading = read(V10)
    lines = {one.name: one.line for one in reading.stated}
    assert (lines["torch.version"], lines["gpu.1.name"], lines["driver.version"]) == (2, 15, 17)
    unclaimed = [line.text for line in clean(V10) if line.text and line.number not in reading.claimed]
    assert unclaimed == []


@pytest.mark.parametrize(
    "row", ["torch==2.6.0+cu126", "torch (2.6.0+cu126)", "* torch 2.6.0+cu126", "torch   2.6.0+cu126"]
)
def test_forms_of_a_row(row: str) -> None:
    assert [(one.name, one.version) for one in read(f"[pip3] {row}").packages] == [("torch", "2.6.0+cu126")]


@pytest.mark.parametrize(
    ("row", "version", "build"),
    [
        ("pytorch 1.6.0", "1.6.0", ""),
        ("pytorch   1.6.0   py3.7_cu", "1.6.0", "py3.7_cu"),
        ("mkl  2020.1  217", "2020.1", "217"),
    ],
)
def test_a_conda_row_that_was_cut(row: str, version: str, build: str) -> None:
    (package,) = read(f"[conda] {row}").packages
    assert (package.version, package.build, package.manager) == (version, build, "conda")


@pytest.mark.parametrize("row", ["[pip3] Could not collect", "[conda] Could not collect", "[pip] No relevant packages"])
def test_no_packages(row: str) -> None:
    assert read(row).packages == ()


REST = "\nROCM used to build PyTorch: N/A\nIs CUDA available: False"


@pytest.mark.parametrize("word", ["None", "Could not collect"])
def test_a_cuda_of_none_is_what_the_imported_torch_says(word: str) -> None:
    found = facts(f"PyTorch version: 2.7.0+cpu\nCUDA used to build PyTorch: {word}{REST}")
    assert isinstance(found["torch.cuda"], Absent)
    assert isinstance(found["torch.hip"], Absent)


def test_a_torch_that_could_not_be_imported_says_nothing() -> None:
    found = facts(f"PyTorch version: N/A\nCUDA used to build PyTorch: N/A{REST.replace('False', 'N/A')}")
    assert isinstance(found["torch.version"], Unknown)
    assert not {"torch.cuda", "torch.hip", "said.cuda_available", "cuda.init"} & set(found)


@pytest.mark.parametrize("word", ["Could not collect", "No CUDA"])
def test_what_could_not_be_collected_is_unknown(word: str) -> None:
    found = facts(f"GPU models and configuration: {word}\nNvidia driver version: {word}\nCUDA runtime version: {word}")
    assert all(isinstance(found[name], Unknown) for name in ("gpu.count", "driver.version", "toolkit.nvcc_version"))


def test_an_empty_form_states_nothing() -> None:
    paste = "PyTorch version:\nOS:\nIs CUDA available:\nGPU models and configuration:\nNvidia driver version:\n"
    assert read(paste).stated == ()


def test_the_program_itself_states_nothing() -> None:
    assert read("PyTorch version: {torch_version}\nNvidia driver version: {nvidia_driver_version}").stated == ()


def test_a_build_for_rocm() -> None:
    paste = """PyTorch version: 2.5.1+rocm6.2
CUDA used to build PyTorch: N/A
ROCM used to build PyTorch: 6.2.41133-dd7f95766

OS: Arch Linux (x86_64)
Is CUDA available: True
GPU models and configuration: AMD Radeon RX 7800 XT (gfx1101)
Nvidia driver version: Could not collect
HIP runtime version: 6.2.41133
"""
    found = facts(paste)
    assert isinstance(found["torch.cuda"], Absent)
    assert values(paste)["torch.hip"] == "6.2.41133-dd7f95766"
    assert values(paste)["amd.gpus"] == ["gfx1101"]
    assert values(paste)["host.version"] == "arch"
    assert "cuda.init" not in found
    assert "gpu.count" not in found


def test_the_layout_of_torch_2_15() -> None:
    paste = """PyTorch version: 2.15.0+cu132
CUDA used to build PyTorch: 13.2
ROCm SDK used to build PyTorch: N/A
HIP used to build PyTorch: N/A

OS: Ubuntu 24.04.2 LTS (aarch64)
Libc version: glibc-2.39
Python version: 3.13.5 experimental free-threading build (main, Jun 12 2025, 12:40:10) [GCC 13.3.0] (64-bit runtime)
Python platform: Linux-6.8.0-1026-nvidia-64k-aarch64-with-glibc2.39
Is XPU available: False
Caching allocator config: {'PYTORCH_ALLOC_CONF': 'expandable_segments:True'}
"""
    found = values(paste)
    assert isinstance(facts(paste)["torch.hip"], Absent)
    assert found["host.platform"] == "linux-aarch64"
    assert found["host.kernel"] == "6.8.0-1026-nvidia-64k"
    assert found["host.libc"] == "glibc 2.39"
    assert (found["python.version"], found["python.tag"], found["python.bits"]) == ("3.13.5", "cp313t", 64)
    assert found["env.PYTORCH_ALLOC_CONF"] == "expandable_segments:True"


def test_the_allocator_of_older_releases() -> None:
    paste = "Is debug build: False\nCaching allocator config: expandable_segments:True"
    assert values(paste)["env.PYTORCH_CUDA_ALLOC_CONF"] == "expandable_segments:True"


@pytest.mark.parametrize(
    ("python", "libc"),
    [("3.6.13", None), ("3.7 (64-bit runtime)", None), ("3.8.10", "glibc 2.17"), ("3.12.1", "glibc 2.17")],
)
def test_an_older_python_tells_the_glibc_its_executable_asks_for(python: str, libc: str | None) -> None:
    assert values(f"Libc version: glibc-2.17\nPython version: {python}").get("host.libc") == libc


def test_instances_of_a_gpu() -> None:
    paste = """GPU models and configuration:
GPU 0: NVIDIA A100-SXM4-80GB
  MIG 3g.40gb     Device  0:
  MIG 3g.40gb Device 1:
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-1b2c)

Nvidia driver version: 535.161.08"""
    found = values(paste)
    assert found["gpu.0.mig"] == ["MIG 3g.40gb Device 0", "MIG 3g.40gb Device 1"]
    assert found["gpu.0.mig_mode"] == "on"
    assert "gpu.1.mig" not in found
    assert (found["gpu.1.name"], found["gpu.1.uuid"]) == ("NVIDIA A100-SXM4-80GB", "GPU-1b2c")
    assert found["gpu.count"] == 2


def test_a_gpu_that_a_failure_below_a_cut_report_names_is_none_of_it() -> None:
    paste = "GPU models and configuration:\nGPU 0: Tesla T4\n\nTraceback: it hangs on GPU 3: see above"
    assert values(paste)["gpu.count"] == 1


def test_gpus_whose_heading_was_cut_off() -> None:
    found = values("GPU 0: Tesla V100-PCIE-16GB\nGPU 1: Tesla V100-PCIE-16GB\n\nNvidia driver version: 450.80.02")
    assert (found["gpu.1.name"], found["gpu.count"]) == ("Tesla V100-PCIE-16GB", 2)


def test_a_gpu_in_the_words_of_a_person_is_left_to_other_readers() -> None:
    reading = read("Is CUDA available: True\nGPU models and configuration: two old 1080s")
    assert not [one for one in reading.stated if one.name.startswith("gpu.")]
    assert 2 not in reading.claimed


def test_macos_under_rosetta() -> None:
    paste = """PyTorch version: 2.1.0
CUDA used to build PyTorch: None

OS: macOS 13.6 (x86_64)
Python version: 3.10.13 (main, Sep 11 2023, 08:16:02) [Clang 14.0.6 ] (64-bit runtime)
Python platform: macOS-10.16-x86_64-i386-64bit

CPU:
Apple M2 Pro
"""
    found = values(paste)
    assert (found["host.platform"], found["host.version"]) == ("macos-x86_64", "macos 13.6")
    assert (found["python.machine"], found["cpu.architecture"]) == ("x86_64", "arm64")


def test_a_jetson() -> None:
    found = values("OS: Ubuntu 20.04.5 LTS (aarch64)\nPython platform: Linux-5.10.104-tegra-aarch64-with-glibc2.29")
    assert found["host.platform"] == "linux-aarch64-jetson"
    assert "host.libc" not in found


def test_wsl() -> None:
    platform = "Linux-5.15.167.4-microsoft-standard-WSL2-x86_64-with-glibc2.35"
    found = values(f"OS: Ubuntu 22.04.5 LTS (x86_64)\nPython version: 3.10.12\nPython platform: {platform}")
    assert found["host.wsl"] is True
    assert found["host.libc"] == "glibc 2.35"


@pytest.mark.parametrize(
    ("system", "version"),
    [
        ("Microsoft Windows 11 Enterprise", "windows 10.0.22631"),
        ("Microsoft Windows 11 专业版 (10.0.22631 64 位)", "windows 10.0.22631"),
        ("Майкрософт Windows 11 Pro", "windows 10.0.22631"),
    ],
)
def test_windows_in_any_language(system: str, version: str) -> None:
    paste = f"""OS: {system}
Python version: 3.9.13 (main, Aug 25 2022, 23:51:50) [MSC v.1916 64 bit (AMD64)] (64-bit runtime)
Python platform: Windows-10-10.0.22631-SP0
cuDNN version: C:\\Program Files\\NVIDIA GPU Computing Toolkit\\CUDA\\v11.8\\bin\\cudnn64_8.dll
"""
    found = values(paste)
    assert (found["host.version"], found["host.platform"]) == (version, "windows-x86_64")
    assert found["toolkit.system_cudnn"] == [
        {"path": r"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA\v11.8\bin\cudnn64_8.dll", "version": "8"}
    ]


def test_lines_that_were_joined() -> None:
    found = values(V10.replace("\n", " "))
    assert found == values(V10)


def test_the_same_quoted_fenced_and_with_windows_line_ends() -> None:
    quoted = "\r\n".join(f"> {line}" for line in f"```\n{V10}```".splitlines())
    assert values(quoted) == values(V10)


@pytest.mark.parametrize("lines", range(2, 28, 3))
def test_cut_at_either_end_nothing_else_is_read(lines: int) -> None:
    whole = values(V10)
    for part in (V10.splitlines()[:lines], V10.splitlines()[lines:]):
        for name, value in values("\n".join(part)).items():
            assert name in ("gpu.count", "toolkit.system_cudnn") or value == whole[name]


def test_two_reports_come_in_their_order() -> None:
    second = V10.replace("PyTorch version: 1.0.0", "PyTorch version: 1.0.1").replace("384.81", "410.48")
    told = [one.fact for one in read(V10 + second).stated if one.name == "driver.version"]
    assert told == [Known("384.81", "collect_env"), Known("410.48", "collect_env")]


def test_words_that_people_write_too_are_left_alone() -> None:
    reading = read("PyTorch version: 2.1\nOS: Ubuntu 22.04\nPython version: 3.10\n")
    assert reading.stated == ()
    assert not reading.claimed


LSCPU = """CPU:
Architecture:            x86_64
  CPU op-mode(s):        32-bit, 64-bit
Vendor ID:               GenuineIntel
  Model name:            Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz
    CPU family:          6
    Flags:               fpu vme sse sse2 ss ht syscall nx lm pni pclmulqdq ssse3 fma cx16
                         sse4_1 sse4_2 popcnt avx f16c hypervisor lahf_lm
Vulnerabilities:
  Mmio stale data:       Vulnerable: Clear CPU buffers attempted, no microcode
RuntimeError: model: it failed
"""


def test_the_processor() -> None:
    reading = processor.read(clean(LSCPU))
    found = {one.name: one.fact.value for one in reading.stated if isinstance(one.fact, Known)}
    assert found == {
        "cpu.architecture": "x86_64",
        "cpu.model": "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz",
        "cpu.flags": ["avx", "f16c", "fma", "popcnt", "sse4_1", "sse4_2", "ssse3"],
    }
    assert {6, 7, 8} <= reading.claimed
    assert 11 not in reading.claimed


def test_the_processor_of_windows() -> None:
    paste = (
        "CPU:\nName: AMD Ryzen 9 5950X 16-Core Processor\nManufacturer: AuthenticAMD\nArchitecture: 9\nName: something"
    )
    reading = processor.read(clean(paste))
    assert [(one.name, one.fact.value) for one in reading.stated if isinstance(one.fact, Known)] == [
        ("cpu.model", "AMD Ryzen 9 5950X 16-Core Processor"),
        ("cpu.architecture", "x86_64"),
    ]


def test_flags_that_were_cut_are_not_judged() -> None:
    assert processor.read(clean("Flags: fpu vme de pse tsc msr pae")).stated == ()


HOSTILE = [
    "PyTorch version: ",
    "GPU models and configuration: GPU 0: ",
    "[pip3] ",
    "[conda] a ",
    "cuDNN version: /",
    "OS: ",
    "Flags: a ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_repetition_is_read_to_its_end(piece: str) -> None:
    lines = clean((piece * (18_000 // len(piece)) + "\n") * 40 + "[pip3] numpy==1.0")
    processor.read(lines)
    assert collect_env.read(lines).packages[-1].name == "numpy"
