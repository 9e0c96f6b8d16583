"""The name of a CUDA error from what torch, NCCL and the runtime say."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from envdoctor.smoke.cuda_errors import ERRORS, error_name
from scenarios.real_clone import real_environment

TEXTS = {
    "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors might be": "209",
    "CUDA error: out of memory": "2",
    "CUDA error: device-side assert triggered\nSearch for `cudaErrorAssert' in https://docs.nvidia.com/": "710",
    "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that "
    "might have already set an error? Error 802: system not yet initialized (Triggered internally at x.cpp:1.)": "802",
    "Error 804: forward compatibility was attempted on non supported HW": "804",
    "ncclUnhandledCudaError: Call to CUDA function failed.\nLast error:\nCuda failure 999 'unknown error'": "999",
    "Cuda failure 'device doesn't have valid Grid license'": "102",
    "CUDA driver error: unspecified launch failure": "719",
    "CUDA error: all CUDA-capable devices are busy or unavailable": "46",
    "cuInit failed, cudaErrorInsufficientDriver was returned": "35",
}

NONE = (
    "",
    "No CUDA GPUs are available",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "CUDA out of memory. Tried to allocate 2.00 GiB.",
    "HIP error: out of memory",
    "HIP error: invalid device function, as cudaErrorInvalidDeviceFunction",
    "[Errno 2] Error 2: No such file or directory",
    "unknown error",
    "cudaErrorOfAFarFuture",
    "invalid argument",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_its_name(text: str) -> None:
    assert error_name(text) == f"cudaError{ERRORS[int(TEXTS[text])][0]}"


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_error_of_the_runtime_has_none(text: str) -> None:
    assert error_name(text) is None


def test_a_code_goes_before_the_text() -> None:
    assert error_name("CUDA error: unknown error", 700) == "cudaErrorIllegalAddress"
    assert error_name("CUDA error: unknown error", 12345) == "cudaErrorUnknown"
    assert error_name("HIP error: unknown error", 700) is None


ASK = """
import ctypes, json, sys
library = ctypes.CDLL(sys.argv[1])
library.cudaGetErrorName.restype = library.cudaGetErrorString.restype = ctypes.c_char_p
told = {n: (library.cudaGetErrorName(n).decode(), library.cudaGetErrorString(n).decode()) for n in range(1100)}
print(json.dumps(told))
"""


@pytest.mark.real
@pytest.mark.parametrize("variable", ["ENVDOCTOR_TEST_CUDA_ENV", "ENVDOCTOR_TEST_CUDA12_ENV"])
def test_the_runtime_of_a_wheel_says_the_same(variable: str) -> None:
    library = next(real_environment(variable).glob("lib/python3*/site-packages/nvidia/**/libcudart.so.*"))
    said = json.loads(subprocess.check_output([sys.executable, "-c", ASK, str(library)]))
    for number, (name, text) in ERRORS.items():
        assert said[str(number)] == [f"cudaError{name}", text]
