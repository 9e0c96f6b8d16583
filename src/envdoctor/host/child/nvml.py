"""Asks NVML, through nvidia-ml-py, and prints marked JSON lines as the answers come.

Run by path with `-I -S`, the folder that holds `pynvml` as its argument. Each line is flushed at once: if
the driver hangs or the process dies, what was said before stays said. Error codes are the numbers of
`nvmlReturn_t` (NVML API reference); no code is interpreted here.
"""

from __future__ import annotations

import ctypes
import sys
import time

MARKER = "envdoctor-driver:"
NO_LIBRARY = '{"status": 12, "error": "libnvidia-ml.so.1 cannot be loaded"}'
"""NVML_ERROR_LIBRARY_NOT_FOUND, which the binding gives where the library cannot be loaded."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # spelled so because `typing` costs a third of this child's start
    from collections.abc import Callable, Iterator
    from types import ModuleType


def say(**words: object) -> None:
    """Print one answer; the line begins anew, as a driver may have printed the start of one."""
    import json  # a third of the start of this child, which a machine without a driver need not pay

    sys.stdout.write("\n" + MARKER + json.dumps(words) + "\n")
    sys.stdout.flush()


def text(value: object) -> str:
    """Old bindings return bytes, new ones str; a device name may hold any byte."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def undecoded(question: Callable[..., object]) -> Callable[..., object]:
    """Return a question of the binding without its decorator, which decodes strictly (`convertStrBytes`)."""
    return getattr(question, "__wrapped__", question)


def ask(nvml: ModuleType, key: str, question: Callable[[], object]) -> None:
    """Say the answer to one question, or the error code it got."""
    try:
        return say(**{key: question()})
    except nvml.NVMLError as error:
        return say(failed=key, code=error.value, error=text(error))
    except UnicodeDecodeError:
        return say(failed=key, code=-1, error="the driver answered with bytes that are not text")
    except AttributeError as error:  # a binding older than the question
        return say(failed=key, code=-1, error=str(error))


def device(nvml: ModuleType, index: int) -> None:
    """Say what NVML tells of one GPU; `status` is 0 or the code with which the GPU refused."""
    told: dict[str, object] = {"gpu": index, "status": 0}
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
    except nvml.NVMLError as error:
        return say(gpu=index, status=error.value, error=text(error))
    for key, question in (
        ("name", lambda: text(undecoded(nvml.nvmlDeviceGetName)(handle))),
        ("uuid", lambda: text(undecoded(nvml.nvmlDeviceGetUUID)(handle))),
        ("capability", lambda: "%d.%d" % tuple(nvml.nvmlDeviceGetCudaComputeCapability(handle))),
        ("memory", lambda: nvml.nvmlDeviceGetMemoryInfo(handle).total),
        ("pci", lambda: text(nvml.nvmlDeviceGetPciInfo(handle).busId)),
        ("mig", lambda: nvml.nvmlDeviceGetMigMode(handle)[0]),
    ):
        try:
            told[key] = question()
        except nvml.NVMLError as error:
            # "Not supported" of a single question (MIG on a consumer card) is no state of the GPU.
            if error.value == nvml.NVML_ERROR_GPU_IS_LOST:
                told.update(status=error.value, error=text(error))
        except (UnicodeDecodeError, AttributeError):
            told[key] = None
    if told.get("mig") == 1:
        told["mig_devices"] = list(mig_devices(nvml, handle))
    return say(**told)


NO_SUCH_QUESTION = -1
"""Stands for an error code where the binding is older than the question."""


def state(nvml: ModuleType, index: int) -> None:
    """Say in what state one GPU is, apart from what it is, so that a hang here costs none of that.

    `refused` holds the error code of each question that got no answer; one refusal costs no other answer.
    """
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
    except nvml.NVMLError:
        return None  # said already, as its status
    told: dict[str, object] = {"state": index}
    refused: dict[str, int] = {}
    for key, question in (
        ("mig_mode", lambda: list(nvml.nvmlDeviceGetMigMode(handle))),
        ("memory_free", lambda: nvml.nvmlDeviceGetMemoryInfo(handle).free),
        ("ecc", lambda: nvml.nvmlDeviceGetEccMode(handle)[0]),
        ("ecc_errors", lambda: uncorrected(nvml, handle)),
        ("persistence", lambda: nvml.nvmlDeviceGetPersistenceMode(handle)),
        ("compute_mode", lambda: nvml.nvmlDeviceGetComputeMode(handle)),
        ("throttle", lambda: throttle(nvml, handle)),
        ("virtualization", lambda: nvml.nvmlDeviceGetVirtualizationMode(handle)),
        ("processes", lambda: processes(nvml, handle)),
        ("utilization", lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
    ):
        try:
            told[key] = question()
        except nvml.NVMLError as error:
            refused[key] = error.value
        except AttributeError:
            refused[key] = NO_SUCH_QUESTION
    return say(refused=refused, **told)


def processes(nvml: ModuleType, handle: object) -> int:
    """Ask how many compute on a GPU, by the question of driver branch 510 or the one before it.

    Not by the name without a version: it answers for an older driver with an exception that is no `NVMLError`.
    """
    try:
        return len(nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle))
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            raise
    return len(nvml.nvmlDeviceGetComputeRunningProcesses_v2(handle))


IDLE_PERCENT = 20
SETTLING = 1.2
"""Seconds after which NVML's average of use, over a second at most, no longer holds what is over."""


def settle(nvml: ModuleType, count: int) -> None:
    """Wait a moment where a GPU is in use by nobody.

    A driver that initialises a GPU with ECC shows that as use (NVML API reference, nvmlDeviceGetUtilizationRates), and
    so does a program that has just ended.
    """
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            busy = nvml.nvmlDeviceGetUtilizationRates(handle).gpu > IDLE_PERCENT
            if busy and not processes(nvml, handle):
                return time.sleep(SETTLING)
        except (nvml.NVMLError, AttributeError):  # said with the state
            continue
    return None


def uncorrected(nvml: ModuleType, handle: object) -> object:
    """Ask for the uncorrected ECC errors since the driver was loaded."""
    return nvml.nvmlDeviceGetTotalEccErrors(handle, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC)


def throttle(nvml: ModuleType, handle: object) -> object:
    """Ask for the bits of what holds the clocks down now; the question was renamed in driver branch 535."""
    try:
        return nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except AttributeError:
        pass
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            raise
    return nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)


def mig_devices(nvml: ModuleType, handle: object) -> Iterator[str]:
    """Yield the UUIDs of the MIG instances of one GPU."""
    try:
        most = nvml.nvmlDeviceGetMaxMigDeviceCount(handle)
    except nvml.NVMLError:
        return
    for number in range(min(most, 64)):
        try:
            instance = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
            yield text(undecoded(nvml.nvmlDeviceGetUUID)(instance))
        except nvml.NVMLError:
            continue


def library_is_missing() -> bool:
    """Whether the loader finds no NVML, asked for by the name the binding uses on Linux.

    Most machines without a GPU end here, and need not pay for the import of the binding, the dearest of a check.
    """
    if sys.platform == "darwin":
        return True  # NVIDIA makes none for macOS
    if not sys.platform.startswith("linux"):
        return False
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return True
    return False


def main() -> None:
    """Ask everything."""
    if library_is_missing():
        print("\n" + MARKER + NO_LIBRARY)
        return None
    sys.path.append(sys.argv[1])  # last: nothing that lies beside pynvml may stand in for the standard library
    import pynvml as nvml

    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return say(status=error.value, error=text(error))
    say(status=0)
    ask(nvml, "driver", lambda: text(undecoded(nvml.nvmlSystemGetDriverVersion)()))
    ask(nvml, "cuda", nvml.nvmlSystemGetCudaDriverVersion)
    ask(nvml, "library", lambda: text(undecoded(nvml.nvmlSystemGetNVMLVersion)()))
    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        return say(failed="count", code=error.value, error=text(error))
    say(count=count)
    for index in range(count):
        device(nvml, index)
    settle(nvml, count)
    for index in range(count):
        state(nvml, index)
    return say(end=True)


if __name__ == "__main__":
    main()
