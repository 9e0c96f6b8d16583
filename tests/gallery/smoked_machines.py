"""Machines on which kernels were run: what the look alone cannot see, and what it must not make of it."""

# fmt: off
from __future__ import annotations

from typing import TYPE_CHECKING

from described_machine import machine
from gallery_case import Case
from gallery_layers import A100, DEBIAN, DOCKER, H100, H200, NO_GPU, UBUNTU

from envdoctor.model.smoke import Status, TestResult, row_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value

NAMES = {
    "start": "CUDA runtime", "elementwise": "torch", "reductions": "torch", "matmul-fp32": "cuBLAS",
    "matmul-bf16": "cuBLAS", "convolution": "cuDNN", "sdpa-math": "torch", "fft": "cuFFT", "sort": "torch",
    "copy-h2d": "CUDA runtime", "copy-d2h": "CUDA runtime", "copy-d2d": "CUDA runtime",
}
"""Tests as they run one after the other, with the library of each."""

BETWEEN = ("peer-access", "peer-copy", "nccl-all-reduce")
SMOKE = ("smoke-crashed", "smoke-failed", "smoke-slow", "smoke-timed-out", "smoke-wrong-numbers")


def results(device: str, *other: TestResult) -> list[TestResult]:
    """Every test passed there, except for those that ended otherwise."""
    ended = {one.name: one for one in other if one.device == device}
    return [ended.get(name, TestResult(name, device, Status.PASSED, "torch" if device == "cpu" else library, 0.01))
            for name, library in NAMES.items()]


def smoked(tests: list[TestResult], *gpus: str, conditions: list[Value] | None = None) -> dict[str, Value]:
    """The facts that a battery leaves."""
    devices: list[Value] = [{"device": f"cuda:{index}", "gpu": index, "name": name} for index, name in enumerate(gpus)]
    return {
        "smoke.tests": [row_of(test) for test in tests],
        "smoke.torch": {"version": "2.9.1+cu128", "import_seconds": 3.1},
        "smoke.size": "quick",
        "smoke.devices": devices or [{"device": "cpu", "name": "AMD EPYC 7742"}],
        "smoke.left_out": [],
        "smoke.conditions": conditions or [],
        "smoke.baseline": [],
    }


def watched(*throttle: str) -> list[Value]:
    """What NVML told of one GPU during the run."""
    row: dict[str, Value] = {"device": "cuda:0", "samples": 12, "throttle": [*throttle], "mps": False,
                             "power_limit_w": 700.0, "power_limit_default_w": 700.0, "temperature_c_max": 61}
    return [row]


BF16 = TestResult("matmul-bf16", "cuda:0", Status.PASSED, "cuBLAS", 0.4, 0.0038, 0.0039, {"tflops": 702.0})
SLOW = BF16._replace(figures={"tflops": 151.0})
SKIPPED = TestResult("matmul-bf16", "cuda:0", Status.SKIPPED, "cuBLAS", message="out of memory: tried 2.00 GiB")
CONVOLUTION = TestResult("convolution", "cuda:0", Status.FAILED, "cuDNN", 0.3, exception="RuntimeError",
                         message="cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
                         trace=("/srv/train/.venv/lib/python3.11/site-packages/torch/nn/functional.py:1 in conv2d",))
WRONG = TestResult("matmul-fp32", "cuda:0", Status.WRONG_NUMBERS, "cuBLAS", 0.2, 0.011, 6e-8,
                   message="6144 of 6144 elements of torch.matmul differ from the reference by more than 6.0e-08, at "
                           "most by 1.1e-02")
CRASHED = TestResult("fft", "cpu", Status.CRASHED, "torch", 0.2, signal="SIGSEGV",
                     message="the process was ended by SIGSEGV: Segmentation fault")
HUNG = TestResult("sort", "cuda:0", Status.TIMED_OUT, "torch", 20.0, message="did not end within 20 s",
                  trace=("/srv/train/.venv/lib/python3.11/site-packages/torch/_tensor.py:1 in sort",))
SHARED_MEMORY = TestResult(
    "nccl-all-reduce", "cuda", Status.FAILED, "NCCL", 1.0, exception="RuntimeError",
    message="NCCL Error 2: unhandled system error. Last error: Error while creating shared memory segment "
            "/dev/shm/nccl-7vWKmE (size 9637888), error: No space left on device (28)")
NO_IMAGE = TestResult("start", "cuda:0", Status.FAILED, "CUDA runtime", 0.4, exception="AcceleratorError",
                      cuda_error="cudaErrorNoKernelImageForDevice",
                      message="CUDA error: no kernel image is available for execution on the device")


def two(*between: TestResult) -> dict[str, Value]:
    """Two GPUs that work each by itself, and what came of the tests of both together."""
    named = {one.name: one for one in between}
    both = [named.get(name, TestResult(name, "cuda", Status.PASSED, "NCCL")) for name in BETWEEN]
    return smoked([*results("cuda:0"), *results("cuda:1"), *both], A100, A100)


def on_a100(*tests: TestResult, conditions: list[Value] | None = None) -> Mapping[str, Value]:
    return smoked(results("cuda:0", *tests), A100, conditions=conditions)


SMOKED_MACHINES = (
    Case(
        "a100-whose-kernels-passed",
        "A100 on which every kernel test passed, except for one that memory was lacking for",
        "A test that is skipped is no finding.",
        machine(UBUNTU, overrides=on_a100(SKIPPED)),
        boundary_of=SMOKE,
    ),
    Case(
        "two-gpus-whose-copies-arrive",
        "Two A100 in a container with the default of shared memory, on which NCCL worked",
        "The default size is a note; what would prove it too small passed.",
        machine(UBUNTU, DOCKER, gpus=[A100, A100], overrides={**two(), "shm.total_bytes": 67_108_864}),
        first="dev-shm-too-small", severity="note",
        boundary_of=("p2p-iommu-hang", "nccl-shm-too-small"),
    ),
    Case(
        "cpu-container-whose-kernels-passed",
        "Container for the CPU whose battery passed on the processor",
        "A CPU container proves its torch too.",
        machine(DEBIAN, DOCKER, NO_GPU, torch="2.13.0+cpu", overrides=smoked(results("cpu"))),
        boundary_of=("smoke-crashed",),
    ),
    Case(
        "h200-that-is-hot-and-slow",
        "H200 whose clocks were held down by heat while it was measured",
        "A GPU that is held down is slow for a reason that is no defect of the environment.",
        machine(UBUNTU, gpus=[H200],
                overrides=smoked(results("cuda:0", SLOW), H200, conditions=watched("hw-thermal"))),
        boundary_of=("smoke-slow",),
    ),
    Case(
        "h200-at-a-sixth-of-its-speed",
        "H200 that nothing held down, with bf16 products at 15 % of its peak",
        "Programs work, and take several times as long as they should.",
        machine(UBUNTU, gpus=[H200],
                overrides=smoked(results("cuda:0", SLOW), H200, conditions=watched())),
        first="smoke-slow", severity="warning",
    ),
    Case(
        "convolutions-that-cudnn-refuses",
        "A100 on which cuDNN ends with an error whose words prove no cause",
        "The look finds nothing; torch itself says that it fails.",
        machine(UBUNTU, overrides=on_a100(CONVOLUTION)),
        first="smoke-failed",
    ),
    Case(
        "products-that-are-off-by-one-percent",
        "A100 whose float32 products differ from the reference by 1 %",
        "No error is raised anywhere: only the comparison shows it.",
        machine(UBUNTU, overrides=on_a100(WRONG)),
        first="smoke-wrong-numbers",
    ),
    Case(
        "transform-that-ends-the-process",
        "CPU torch whose Fourier transform ends in a segmentation fault",
        "The other tests ran in another process, and passed.",
        machine(DEBIAN, NO_GPU, torch="2.13.0+cpu", overrides=smoked(results("cpu", CRASHED))),
        first="smoke-crashed",
    ),
    Case(
        "sort-that-never-ends",
        "H100 on which a sort does not come back",
        "It was ended after its time, and the tests after it passed.",
        machine(UBUNTU, gpus=[H100], overrides=smoked(results("cuda:0", HUNG), H100)),
        first="smoke-timed-out",
    ),
    Case(
        "copies-between-gpus-that-hang",
        "Two A100 that work each by itself, and whose copies from one to the other do not arrive",
        "It is so where an IOMMU or Access Control Services redirect them.",
        machine(UBUNTU, gpus=[A100, A100],
                overrides=two(HUNG._replace(name="peer-copy", device="cuda", library="CUDA runtime"))),
        first="p2p-iommu-hang", also=("smoke-timed-out",),
    ),
    Case(
        "nccl-without-shared-memory",
        "Two A100 in a container with 64 MiB of shared memory, which NCCL filled",
        "NCCL itself names what it lacks.",
        machine(UBUNTU, DOCKER, gpus=[A100, A100], overrides={**two(SHARED_MEMORY), "shm.total_bytes": 67_108_864}),
        first="nccl-shm-too-small", also=("smoke-failed", "dev-shm-too-small"),
    ),
    Case(
        "kernels-refuse-what-the-files-promise",
        "A100 under a build of a vendor whose files could not be read, refused by its first kernel",
        "The error of CUDA proves what nobody could read.",
        machine(UBUNTU, torch="2.9.0a0+vendor1", torch_cuda="12.8", provenance="unknown",
                overrides={**on_a100(NO_IMAGE), "torch.kernels": None}),
        first="gpu-arch-not-in-wheel", also=("smoke-failed",),
    ),
)
