"""Writes down the state of every GPU again and again, as JSON lines, until it is ended.

Run by path with `-I -S`: the folder that holds `pynvml`, the seconds between two looks, after how many it stops by
itself, and the process id of whoever started it, without whom it ends too. First a line for each GPU, {"gpu": 0,
"uuid": ..., "pci": ..., "limit": ..., "default_limit": ...} (limits in mW), then one for each look: {"at":
time.monotonic(), "gpu": 0, "clock": MHz, "temperature": degrees C, "power": mW, "throttle": bits, "processes": how many
compute on it, "mps": whether one of them is the MPS server}. What NVML refuses to tell is left out.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time

GRAPHICS_CLOCK_OF_KERNELS = 1  # NVML_CLOCK_SM
ON_THE_DIE = 0  # NVML_TEMPERATURE_GPU
MPS_SERVER = "nvidia-cuda-mps"
"""Its name in /proc/PID/comm, which keeps 15 letters."""

MPS_FOLDER = "/tmp/nvidia-mps"
"""Where its pipes lie unless CUDA_MPS_PIPE_DIRECTORY says otherwise (NVIDIA Multi-Process Service documentation)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType


def answers(nvml: ModuleType, questions: Mapping[str, Callable[[], object]]) -> dict[str, object]:
    """Return what is answered of some questions; a refusal, or a binding without the question, costs that one."""
    told: dict[str, object] = {}
    for key, question in questions.items():
        try:
            told[key] = question()
        except (nvml.NVMLError, AttributeError, UnicodeDecodeError):
            continue
    return told


def text(value: object) -> str:
    """Old bindings return bytes, new ones str."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def throttle(nvml: ModuleType, handle: object) -> object:
    """Ask for the bits of what holds the clocks down; the question was renamed in driver branch 535."""
    try:
        return nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except (nvml.NVMLError, AttributeError):
        return nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)


def who_one_is(nvml: ModuleType, handle: object) -> dict[str, object]:
    """Return what stays the same."""
    return answers(
        nvml,
        {
            "uuid": lambda: text(nvml.nvmlDeviceGetUUID(handle)),
            "pci": lambda: text(nvml.nvmlDeviceGetPciInfo(handle).busId),
            "limit": lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle),
            "default_limit": lambda: nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle),
        },
    )


def how_one_is(nvml: ModuleType, handle: object) -> dict[str, object]:
    """Return what changes."""
    told = answers(
        nvml,
        {
            "clock": lambda: nvml.nvmlDeviceGetClockInfo(handle, GRAPHICS_CLOCK_OF_KERNELS),
            "temperature": lambda: nvml.nvmlDeviceGetTemperature(handle, ON_THE_DIE),
            "power": lambda: nvml.nvmlDeviceGetPowerUsage(handle),
            "throttle": lambda: throttle(nvml, handle),
        },
    )
    try:
        pids = [process.pid for process in processes(nvml, handle)]
    except (nvml.NVMLError, AttributeError):
        return told
    told["processes"] = len(pids)
    told["mps"] = any(map(is_mps_server, pids)) or bool(pids and mps_is_offered())
    return told


def processes(nvml: ModuleType, handle: object) -> list[ModuleType]:
    """Ask who computes on a GPU, by the question of driver branch 510 or the one before it.

    Not by the name without a version: it answers for an older driver with an exception that is no `NVMLError`.
    """
    try:
        return list(nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle))
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_FUNCTION_NOT_FOUND:
            raise
    return list(nvml.nvmlDeviceGetComputeRunningProcesses_v2(handle))


def is_mps_server(pid: int) -> bool:
    """Whether a process is the server through which programs share a GPU."""
    try:
        with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as file:
            return file.read().startswith(MPS_SERVER)
    except OSError:  # another system, or the process of another container
        return False


def mps_is_offered() -> bool:
    """Whether CUDA programs started here find the pipe of an MPS server."""
    return os.path.exists(os.path.join(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", MPS_FOLDER), "control"))


def say(**words: object) -> None:
    """Write one line at once: this process will be ended without warning."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Look until the time is over, or whoever started this is gone."""
    if sys.platform.startswith("linux"):
        try:
            ctypes.CDLL("libnvidia-ml.so.1")
        except OSError:
            return
    sys.path.append(sys.argv[1])
    between, lasting = float(sys.argv[2]), float(sys.argv[3])
    try:
        import pynvml as nvml
    except ImportError:
        return
    # Told, since whoever started this may be gone before it can ask. Windows has a launcher in between.
    parent = int(sys.argv[4]) if os.name == "posix" else os.getppid()
    until = time.monotonic() + lasting
    handles = {}
    try:
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError:
        return
    for index in range(count):
        try:
            handles[index] = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError:  # lost, or withheld from this process
            continue
        say(gpu=index, **who_one_is(nvml, handles[index]))
    while time.monotonic() < until and os.getppid() == parent:
        for index, handle in handles.items():
            say(at=time.monotonic(), gpu=index, **how_one_is(nvml, handle))
        time.sleep(between)


if __name__ == "__main__":
    main()
