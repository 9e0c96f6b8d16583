"""The reports of MMCV and detectron2, and what torch says it was built with."""

from __future__ import annotations

import pytest

from envdoctor.model.fact import Absent, Known
from envdoctor.readers.paste.cleaning import clean
from envdoctor.readers.paste.environment import library_env

BUILT = """PyTorch built with:
  - GCC 7.3
  - CUDA Runtime 10.2
  - NVCC architecture flags: -gencode;arch=compute_37,code=sm_37;-gencode;arch=compute_70,code=compute_70
  - CuDNN 7.6.5
  - Build settings: BLAS_INFO=mkl, USE_CUDA=ON, USE_ROCM=OFF
"""

DETECTRON2 = f"""----------------------  ------------------------------------------------
sys.platform            linux
Python                  3.8.16 (default, Mar  2 2023, 03:21:46) [GCC 11.2.0]
numpy                   1.23.5
detectron2              0.6 @/opt/env/lib/python3.8/site-packages/detectron2
detectron2._C           not built correctly: No module named 'detectron2._C'
CUDA compiler           Cuda compilation tools, release 10.1, V10.1.243
PyTorch                 1.9.0 @/opt/env/lib/python3.8/site-packages/torch
GPU available           Yes
GPU 0,1                 NVIDIA GeForce RTX 2080 Ti (arch=7.5)
Driver version          525.105.17
CUDA_HOME               /usr
torchvision             0.10.0 @/opt/env/lib/python3.8/site-packages/torchvision
----------------------  ------------------------------------------------
{BUILT}"""

MMCV = f"""sys.platform: linux
Python: 3.7.10 (default, Feb 26 2021, 18:47:35) [GCC 7.3.0]
CUDA available: False
GPU 0,1: GeForce RTX 3090
CUDA_HOME: None
NVCC: Build cuda_11.1.TC455_06.29190527_0
PyTorch: 1.8.0
PyTorch compiling details: {BUILT}
TorchVision: 0.9.0
MMCV: 1.3.8
MMCV CUDA Compiler: 11.1
"""


def values(paste: str) -> dict[str, object]:
    found = library_env.read(clean(paste)).stated
    return {one.name: one.fact.value for one in reversed(found) if isinstance(one.fact, Known)}


def test_detectron2() -> None:
    found = values(DETECTRON2)
    assert found["host.os"] == "linux"
    assert (found["torch.version"], found["python.version"]) == ("1.9.0", "3.8.16")
    assert found["torch.location"] == "/opt/env/lib/python3.8/site-packages/torch"
    assert (found["said.cuda_available"], found["cuda.init"]) == (True, 0)
    assert (found["gpu.1.name"], found["gpu.1.compute_capability"]) == ("NVIDIA GeForce RTX 2080 Ti", "7.5")
    assert (found["driver.version"], found["toolkit.nvcc_version"]) == ("525.105.17", "10.1.243")
    assert found["toolkit.home"] == "/usr"
    packages = library_env.read(clean(DETECTRON2)).packages
    assert ("torchvision", "0.10.0") in [(one.name, one.version) for one in packages]


def test_what_failed_to_load_is_left_to_who_reads_failures() -> None:
    assert 6 not in library_env.read(clean(DETECTRON2)).claimed


def test_mmcv() -> None:
    found = values(MMCV)
    assert found["said.cuda_available"] is False
    assert (found["gpu.0.name"], found["gpu.1.name"]) == ("GeForce RTX 3090", "GeForce RTX 3090")
    assert found["toolkit.nvcc_version"] == "11.1"
    assert "toolkit.home" not in found
    assert "cuda.init" not in found


def test_what_torch_was_built_with() -> None:
    found = values(BUILT)
    assert (found["torch.cuda"], found["cudnn.version"]) == ("10.2", "7.6.5")
    assert found["torch.kernels"] == {
        "files": [], "modules": 0, "sass": {}, "ptx": {}, "flags": ["sm_37", "compute_70"],
    }  # fmt: skip


def test_a_build_without_cuda() -> None:
    paste = "PyTorch built with:\n  - GCC 9.3\n  - Build settings: BLAS_INFO=mkl, USE_CUDA=OFF, USE_ROCM=OFF\n"
    (stated,) = library_env.read(clean(paste)).stated
    assert isinstance(stated.fact, Absent)


def test_a_build_for_rocm_says_nothing_of_libcuda() -> None:
    found = values(MMCV.replace("CUDA available: False", "CUDA available: True").replace("1.8.0", "2.1.0+rocm5.6"))
    assert found["said.cuda_available"] is True
    assert "cuda.init" not in found


def test_the_same_keys_elsewhere_are_left_alone() -> None:
    reading = library_env.read(clean("Python: 3.10\nPyTorch: 2.1\n- CUDA Runtime 11.8\n- CuDNN 8.7"))
    assert reading.stated == ()
    assert reading.packages == ()


@pytest.mark.parametrize(
    ("shown", "version"),
    [
        ("7.6.5", "7.6.5"),
        ("8.5", "8.5"),
        ("8.9.2", "8.9.2"),
        ("90.1", "9.1.0"),
        ("90.5.1", "9.5.1"),
        ("91.0.2", "9.10.2"),
    ],
)
def test_a_cudnn_9_that_torch_divides_as_an_8(shown: str, version: str) -> None:
    assert (
        values(f"PyTorch built with:\n  - GCC 11.2\n  - CuDNN {shown}  (built against CUDA 12.4)")["cudnn.version"]
        == version
    )


def test_lines_of_a_log() -> None:
    logged = "\n".join(f"07/10 16:07:40 - mmengine - INFO - {line}" for line in MMCV.splitlines()[:7])
    found = values(logged)
    assert (found["host.os"], found["torch.version"], found["gpu.1.name"]) == ("linux", "1.8.0", "GeForce RTX 3090")


def test_sglang() -> None:
    paste = """Python: 3.12.3 (main, Jan  8 2026, 11:30:50) [GCC 13.3.0]
CUDA available: True
GPU 0,1: NVIDIA H100 80GB HBM3
GPU 0,1 Compute Capability: 9.0
CUDA_HOME: /usr/local/cuda
NVCC: Cuda compilation tools, release 13.0, V13.0.88
CUDA Driver Version: 590.48.01
PyTorch: 2.9.1+cu130
sglang: 0.5.8
sgl_kernel: 0.3.21
triton: 3.5.1
vllm: Module Not Found
"""
    found = values(paste)
    assert (found["python.version"], found["torch.version"]) == ("3.12.3", "2.9.1+cu130")
    assert (found["gpu.1.name"], found["gpu.1.compute_capability"]) == ("NVIDIA H100 80GB HBM3", "9.0")
    assert (found["driver.version"], found["toolkit.home_version"]) == ("590.48.01", "13.0.88")
    packages = [(one.name, one.version) for one in library_env.read(clean(paste)).packages]
    assert packages == [("torch", "2.9.1+cu130"), ("sglang", "0.5.8"), ("sgl-kernel", "0.3.21"), ("triton", "3.5.1")]
