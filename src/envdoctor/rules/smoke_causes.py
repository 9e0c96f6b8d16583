"""What kernel tests gave, and which rule explains a failure: shared so that one text has one cause.

Software tells its defects in words. `SIGNS` holds those that prove one, each with the rule it proves. Where the same
words have several causes, the facts of the machine decide between them. What proves nothing has no cause here: the
finding of the smoke rules stands by itself then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.machine import Undecidable
from envdoctor.model.smoke import ALL_GPUS, GOOD, IMPORT, Status, result_of
from envdoctor.rules import cuda_start, wheel_kernels
from envdoctor.rules.library_rows import CUDNN, shadowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine
    from envdoctor.model.smoke import TestResult

FACT, DEVICES = "smoke.tests", "smoke.devices"

NEEDS = tuple(dict.fromkeys((
    FACT, DEVICES, *cuda_start.NEEDS, *wheel_kernels.NEEDS, "libraries.shadowed", "env.LD_LIBRARY_PATH",
    "numpy.version", "triton.version", "packages.damaged",
)))  # fmt: skip
"""The facts that `cause` may read."""

ARCH_MISSING, ARCH_DROPPED, OF_EXTENSION = "gpu-arch-not-in-wheel", "gpu-arch-dropped", "ext-arch-missing"
DRIVER = "driver-too-old"
DAMAGED = "package-files-damaged"
CUDNN_OF_PATH, CUDNN_OTHER = "cudnn-shadowed-by-ld-library-path", "cudnn-version-mismatch"
CUDA_OF_PATH, SYMBOL = "cuda-libs-shadowed-by-ld-library-path", "abi-undefined-symbol"
TRITON_GONE, TRITON_OTHER = "triton-unavailable", "triton-mismatch"
NUMPY, PROCESSOR, PEERS = "numpy2-abi", "cpu-lacks-instructions", "p2p-iommu-hang"

VISION = frozenset({"nms", "roi-align", "decode-jpeg"})
"""Tests of torchvision."""

PEER_COPY, COLLECTIVES = "peer-copy", frozenset({"nccl-all-reduce", "nccl-all-gather"})
HOST_COPIES = frozenset({"copy-h2d", "copy-d2h"})
"""Tests that move data between GPUs, and those that move it between a GPU and the host."""

ENDED = frozenset({Status.FAILED, Status.CRASHED})
"""How a test ends whose words are heard."""

LAST_WORDS = re.compile(r"(?:what\(\):|symbol lookup error:)[^\n]*(?:\n[^\n]*){0,3}")
"""Why C++ or the loader ended a process, among what it printed."""


class Sign(NamedTuple):
    """Words that prove a defect, as a regular expression, and the rules of which one is the cause.

    `choose` decides between several rules by the machine, and may find none. `printed` where a library prints the
    words beside the error that is raised.
    """

    rules: tuple[str, ...]
    words: str
    choose: Callable[[TestResult, Machine, Matrix], str | None] | None = None
    printed: bool = False


def results(machine: Machine) -> tuple[TestResult, ...]:
    """Return what the tests gave, in the order in which they ran; none where none was run.

    Raises `Undecidable` where that is unknown, or of another shape.
    """
    if not machine.looked_at(FACT):
        return ()
    try:
        return tuple(result_of(row) for row in machine.rows(FACT))
    except (ValueError, OverflowError):
        raise Undecidable(f"{FACT} holds a row that is no result of a test in this snapshot", FACT) from None


def gpu_of(machine: Machine, device: str) -> int | None:
    """Return the index of a device in the driver's order; None for the processor and where it is not known."""
    rows = machine.rows(DEVICES) if machine.is_known(DEVICES) else []
    for row in rows:
        index = row.get("gpu")
        if row.get("device") == device and isinstance(index, int) and not isinstance(index, bool):
            return index
    return None


def cause(result: TestResult, machine: Machine, matrix: Matrix) -> str | None:
    """Return the rule that the words, the signal or the place of a failure prove; None where nothing is proved."""
    sign = sign_of(result)
    if sign is not None:
        return sign.rules[0] if sign.choose is None else sign.choose(result, machine, matrix)
    if result.name == IMPORT and result.status in ENDED and _torch_is_damaged(machine):
        return DAMAGED  # a file that was cut short ends the import by SIGBUS, and says nothing
    return PEERS if is_between_gpus(result, machine) else None


def _torch_is_damaged(machine: Machine) -> bool:
    """Whether files of torch differ from what was installed."""
    rows = machine.rows("packages.damaged") if machine.is_known("packages.damaged") else []
    return any(row.get("package") == "torch" for row in rows)


def sign_of(result: TestResult) -> Sign | None:
    """Return the first sign that a test gave of itself, whatever the machine."""
    if result.status not in ENDED:
        return None
    if result.signal == "SIGILL":
        return ILLEGAL
    said, printed = words_of(result), result.output
    return next((sign for sign in SIGNS if re.search(sign.words, f"{said}\n{printed}" if sign.printed else said)), None)


def words_of(result: TestResult) -> str:
    """Return what was raised, and of a process that died what it died of.

    The rest of what was printed may belong to something that went well.
    """
    last = LAST_WORDS.findall(result.output) if result.status is Status.CRASHED else []
    return "\n".join(filter(None, (result.cuda_error, result.exception, result.message, *last)))


def is_between_gpus(result: TestResult, machine: Machine) -> bool:
    """Whether data goes astray, or stays away, between GPUs alone.

    Copies between them hang or arrive changed, while each GPU does what it should, copies from and to the host among
    it. A collective operation is judged so only beside such a copy.
    """
    if result.device != ALL_GPUS or result.name not in (PEER_COPY, *COLLECTIVES) or not _goes_astray(result):
        return False
    found = results(machine)
    if not any(one.name == PEER_COPY and _goes_astray(one) for one in found):
        return False
    single = [one for one in found if one.device.startswith(f"{ALL_GPUS}:")]
    if any(one.status not in (*GOOD, Status.SLOW) for one in single):
        return False
    good = {(one.device, one.name) for one in single if one.status in (Status.PASSED, Status.SLOW)}
    devices = {one.device for one in single}
    return len(devices) > 1 and all((device, name) in good for device in devices for name in HOST_COPIES)


def _goes_astray(result: TestResult) -> bool:
    return result.status in (Status.TIMED_OUT, Status.WRONG_NUMBERS)


def _of_kernels(result: TestResult, machine: Machine, matrix: Matrix) -> str:
    """Whose kernels are missing: torchvision's, where torch's own run; else torch's, for an older or a newer GPU."""
    beside = (one for one in results(machine) if one.device == result.device and one.name not in VISION)
    if result.name in VISION and any(one.status is Status.PASSED for one in beside):
        return OF_EXTENSION
    return ARCH_DROPPED if _lacks_kernels(result, machine, matrix) == "older" else ARCH_MISSING


def _of_ptx(result: TestResult, machine: Machine, matrix: Matrix) -> str:
    """A driver older than the PTX; where torch has nothing else for the GPU, that is the defect."""
    return ARCH_MISSING if _lacks_kernels(result, machine, matrix) == "newer" else DRIVER


def _lacks_kernels(result: TestResult, machine: Machine, matrix: Matrix) -> str | None:
    """Say whether the GPU of a test is "older" or "newer" than what torch was built for; None where it is neither.

    What cannot be told by the files or the matrix is neither.
    """
    index = gpu_of(machine, result.device)
    try:
        beyond = wheel_kernels.reach(machine, matrix)
        if beyond is not None:
            return next((word for word, gpus in (("older", beyond.too_old), ("newer", beyond.too_new))
                         if any(gpu.index == index for gpu, *_ in gpus)), None)  # fmt: skip
        seen = wheel_kernels.kernels(machine, matrix)
    except Undecidable:
        return None
    for gpu, capability in seen.unserved if seen and seen.code.best else ():
        if seen and gpu.index == index:
            return "older" if capability < seen.lowest else "newer"
    return None


def _of_start(code: int) -> Callable[[TestResult, Machine, Matrix], str | None]:
    """Return what asks the rules of the driver for the cause of a refusal."""

    def choose(result: TestResult, machine: Machine, matrix: Matrix) -> str | None:  # noqa: ARG001 - all are asked alike
        try:
            return cuda_start.cause_of(code, machine, matrix)
        except Undecidable:
            return None

    return choose


def _of_cudnn(result: TestResult, machine: Machine, matrix: Matrix) -> str:  # noqa: ARG001 - all are asked alike
    named = "LD_LIBRARY_PATH contains" in words_of(result)
    return CUDNN_OF_PATH if named or _from_variable(machine, CUDNN) else CUDNN_OTHER


def _of_cuda_symbol(result: TestResult, machine: Machine, matrix: Matrix) -> str:  # noqa: ARG001 - all are asked alike
    return CUDA_OF_PATH if machine.is_known("env.LD_LIBRARY_PATH") or _from_variable(machine, "lib") else SYMBOL


def _from_variable(machine: Machine, library: str) -> bool:
    """Whether a variable puts a library that begins so in the place of the environment's own."""
    rows = shadowed(machine) if machine.is_known("libraries.shadowed") else []
    return any(row.by_variable and row.library.startswith(library) for row in rows)


def _of_numpy(result: TestResult, machine: Machine, matrix: Matrix) -> str | None:  # noqa: ARG001 - all are asked alike
    """Where NumPy is not there at all, the same words are no defect of its release."""
    return NUMPY if re.match(r"(?:[2-9]|\d{2})\.", machine.told("numpy.version") or "") else None


def _of_triton(result: TestResult, machine: Machine, matrix: Matrix) -> str:  # noqa: ARG001 - all are asked alike
    """The same words stand for no triton, and for one that torch finds too old."""
    return TRITON_OTHER if machine.is_known("triton.version") else TRITON_GONE


START = (cuda_start.FABRIC, cuda_start.STALE, cuda_start.COMPAT, cuda_start.WSL)

ILLEGAL = Sign((PROCESSOR,), "")
"""No words: a process that met an illegal instruction has no time for them."""

SIGNS = (
    # The kernels of the build.
    Sign(("rocm-arch-unsupported",), r"hipErrorNoBinaryForGpu|HIP error: (?:invalid device function|no kernel image)"),
    Sign((ARCH_MISSING, ARCH_DROPPED, OF_EXTENSION), r"no kernel image is available|cudaErrorNoKernelImageForDevice",
         _of_kernels),
    Sign((ARCH_DROPPED,), r"cuDNN version \S+ is not compatible with devices with SM <"),
    Sign(("cpu-only-build",), r"Torch not compiled with CUDA enabled"),
    # The driver.
    Sign((DRIVER, ARCH_MISSING), r"PTX was compiled with an unsupported toolchain|cudaErrorUnsupportedPtxVersion",
         _of_ptx),
    Sign((DRIVER,), r"NVIDIA driver on your system is too old|cudaErrorInsufficientDriver"
         r"|driver version is insufficient for CUDA runtime"),
    Sign(START, r"Error 802|system not yet initialized|cudaErrorSystemNotReady", _of_start(802)),
    Sign(START, r"Error 803|unsupported display driver / cuda driver|cudaErrorSystemDriverMismatch", _of_start(803)),
    Sign(START, r"Error 804|forward compatibility was attempted on non supported|cudaErrorCompatNotSupportedOnDevice",
         _of_start(804)),
    Sign(START, r"CUDA driver is a stub library|cudaErrorStubLibrary", _of_start(34)),
    Sign(START, r"Error 999|CUDA unknown error - this may be due to an incorrectly set up environment",
         _of_start(999)),
    Sign(("gpu-lost",), r"GPU is lost|GPU has fallen off the bus|NVML_ERROR_GPU_IS_LOST"),
    # Libraries that are not those of this torch.
    Sign((CUDNN_OTHER, CUDNN_OF_PATH), r"cuDNN version incompatibility|CUDNN_STATUS_(?:SUBLIBRARY_)?VERSION_MISMATCH"
         r"|undefined symbol: cudnn[A-Z]", _of_cudnn),
    Sign(("mkl-incompatible",), r"undefined symbol: iJIT_"),
    Sign(("nccl-version-conflict",), r"undefined symbol: p?nccl[A-Z]"),
    Sign((SYMBOL, CUDA_OF_PATH), r"undefined symbol: (?:__)?(?:nvJitLink|nvrtc|cublas|cusparse|cusolver|cufft|curand)",
         _of_cuda_symbol),
    # torchvision, NumPy and triton beside torch.
    Sign(("torch-torchvision-mismatch",), r"operator torchvision::\w+ does not exist|Couldn't load custom C\+\+ ops"
         r"|PyTorch and torchvision were compiled with different CUDA"),
    Sign((NUMPY,), r"compiled using NumPy 1\.x cannot be run|_ARRAY_API not found|Numpy is not available", _of_numpy),
    Sign(("gpu-too-old-for-triton",), r"too old to be supported by the triton|GPUTooOldForTriton"),
    Sign((TRITON_OTHER,), r"No module named 'triton\.|cannot import name '\w+' from 'triton"),
    Sign((TRITON_GONE, TRITON_OTHER), r"Cannot find a working triton installation|TritonMissing", _of_triton),
    Sign(("python-unsupported",), r"Dynamo is not supported on Python|torch\.compile is not supported on Python \d"),
    # What the loader says of any object.
    Sign(("glibc-too-old",), r"version [`']GLIBC_[\d.]+' not found"),
    Sign(("libstdcxx-too-old",), r"version [`'](?:GLIBCXX|CXXABI|GCC)_[\d.]+' not found"),
    Sign((SYMBOL,), r"undefined symbol: "),
    Sign(("missing-libGL",), r"lib(?:GL|GLX|EGL|OpenGL|SM|ICE|X11|Xext|Xrender|xcb|glib-2\.0|gthread-2\.0)\.so[.\d]*: "
         "cannot open shared object file"),
    Sign(("shared-library-missing",), r"lib[^\s:]*\.so[.\d]*: cannot open shared object file"),
    Sign(("torch-not-installed",), r"No module named 'torch'(?:\n|$)"),
    # Limits.
    Sign(("nccl-shm-too-small",), r"failed to extend /dev/shm/nccl|posix_fallocate failed *: No space left on device"
         r"|Error while creating shared memory segment (?:/dev/shm/)?nccl[^\n]*"
         r"(?:\(size \d+\)(?!,)|error: No space left on device)", printed=True),
)  # fmt: skip
"""In this order: what is more precise comes first. The texts are those of torch/cuda/__init__.py, of torch/backends/
cudnn/__init__.py, torch/_inductor/exc.py and torchvision/extension.py in torch 2.14.1 and torchvision 0.29.1, of the
CUDA runtime 13 (`strings libcudart.so.13`) and NCCL (`strings libnccl.so.2`), and of ld.so; older wordings from
NVIDIA/nccl#290, nccl#342 and pytorch#35710."""


def shown_for(rule: str, machine: Machine, matrix: Matrix) -> Iterator[tuple[TestResult, Sign]]:
    """Yield the failures of which that rule is the cause, and by which words; facts are read where it may be one."""
    for result in results(machine):
        sign = sign_of(result)
        if sign is not None and rule in sign.rules and cause(result, machine, matrix) == rule:
            yield result, sign
