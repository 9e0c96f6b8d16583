"""Which defect it was where no GPU or no driver is reached."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules import cuda_start
from envdoctor.rules.said import questions
from envdoctor.rules.said.cause import Cause, likely

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine


def absent_gpu(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Why there is no driver: the place where torch runs decides, then the hardware that is named."""
    if questions.says(machine, "said.taken_elsewhere"):
        return None
    if questions.in_wsl(machine):
        return likely("wsl-driver")
    if questions.says(machine, "said.no_nvidia_gpu") and not questions.has_gpu(machine):
        return Cause("no-nvidia-gpu")
    if questions.in_container(machine):
        return likely("no-gpu-in-container")
    if re.search(r"NVML: Unknown Error|No devices were found|ERROR_UNKNOWN", text):
        return likely("driver-query-failed")
    if questions.has_only_other_gpus(machine):
        return Cause("no-nvidia-gpu")
    if questions.age_of_gpus(machine, matrix) is not None:
        return None  # looked at from a machine without that GPU; what keeps the GPU from its work is another defect
    if _only_a_command(text) and questions.has_gpu(machine):
        return None
    return Cause("driver-missing", sure=re.search(r"NVIDIA driver|NVIDIA-SMI has failed|Not Loaded", text) is not None)


def _only_a_command(text: str) -> bool:
    """Whether nothing but nvidia-smi was not found, which need not be where the driver is."""
    return re.search(r"nvidia-smi", text) is not None and "NVIDIA-SMI" not in text and "NVML" not in text


def no_devices(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Why CUDA counts no device: hidden by a variable, by MIG, or not there."""
    if "No CUDA runtime is found" in text and questions.says(machine, "said.xpu_available"):
        return None  # what torch's compiler of extensions prints without CUDA, where it works on a GPU of Intel's
    if any("driver on your system is too old" in told for told in questions.texts(machine)):
        return None  # another text of the same paste names the reason
    if "invalid device ordinal" in text and machine.told("gpu.0.mig_mode") == "on":
        return likely("mig")
    if "invalid device ordinal" in text and questions.leaves_every_gpu(machine):
        return None  # the program asks for a GPU that the machine does not have
    if machine.told("env.CUDA_VISIBLE_DEVICES") is not None or "CUDA_VISIBLE_DEVICES=" in text:
        return likely("cuda-visible-devices-empty")
    if questions.is_cpu_build(machine):
        return likely("cpu-only-build")
    if machine.is_known("gpu.0.mig") or machine.told("gpu.0.mig_mode") == "on":
        return likely("mig")
    if re.search(r"invalid device ordinal|INVALID_DEVICE|Invalid (?:device id|CUDA 'device=)|requested GPUs", text):
        return None  # the program asks for a GPU that the machine does not have
    if questions.has_gpu(machine) and not questions.in_container(machine) and not questions.in_wsl(machine):
        # The GPU and its driver are there, so it is torch: the commonest reason, where no CUDA of it is told.
        return likely("cpu-only-build") if machine.told("torch.cuda") is None else None
    return absent_gpu(text, machine, matrix)


def container_runtime(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A container runtime refuses: without its toolkit, or because the host's own driver is missing or too old."""
    del matrix
    if "unsatisfied condition" in text:
        return Cause("driver-too-old")
    if re.search(r"driver not loaded|libnvidia-ml|driver rpc error|no adapters were found", text):
        return likely("wsl-driver" if questions.in_wsl(machine) else "driver-missing")
    return Cause("no-gpu-in-container")


def old_driver(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """An old driver; a container without any says the same, for it has none that is new enough."""
    del matrix
    if "your system is too old" not in text and not machine.is_known("driver.version"):
        if questions.in_container(machine):
            return likely("no-gpu-in-container")
        return likely("driver-too-old")
    return Cause("driver-too-old")


def start_refused(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """CUDA does not start for a reason it does not know; where the driver answers, its modules are in a bad state."""
    del matrix
    if questions.in_wsl(machine):
        return likely("wsl-driver")
    if machine.snapshot.known("nvml.status") not in (0, None):
        return None
    if any("driver on your system is too old" in told for told in questions.texts(machine)):
        return None  # another try of the same paste names the reason
    if machine.told("env.CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return likely("cuda-visible-devices-empty")
    known_without = machine.is_absent("driver.version") or machine.snapshot.known("said.container_gpus") is False
    if known_without and questions.in_container(machine):
        return likely("no-gpu-in-container")
    return None if "illegal memory" in text else likely(cuda_start.STALE)


def launch_failed(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """A kernel that ends without a reason is the program's own matter, unless it began when the machine woke up."""
    del text, matrix
    return likely(cuda_start.STALE) if questions.says(machine, "said.after_suspend") else None


def not_ready(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Error 802: systems with NVSwitches alone wait for somebody to set them up."""
    del text
    return Cause(cuda_start.FABRIC) if questions.may_have_nvswitch(machine, matrix) else None


def driver_mismatch(text: str, machine: Machine, matrix: Matrix) -> Cause | None:
    """Errors 803 and 804, stubs: a libcuda that is not the driver's; where NVML says so too, the driver was changed."""
    del text, matrix
    if machine.snapshot.known("nvml.status") == 18:
        return Cause("nvml-driver-library-mismatch")
    return likely("wsl-driver") if questions.in_wsl(machine) else Cause(cuda_start.COMPAT)
