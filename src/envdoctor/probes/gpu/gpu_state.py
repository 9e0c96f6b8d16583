"""In what state each GPU is, as NVML tells it: MIG, ECC, persistence, compute mode, clocks, vGPU, free memory, use.

Each question may be refused alone. "Not supported" is an answer (`Absent`): a consumer card has no MIG, a virtual
GPU no ECC of its own. Every other refusal leaves that one fact unknown. Names and numbers are those of nvml.h (NVML
API reference: nvmlEnableState_t, nvmlComputeMode_t, nvmlGpuVirtualizationMode_t, nvmlClocksEventReasons).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.model.throttle import throttle_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts

FACTS = {
    "gpu.N.mig_mode": "on or off: whether MIG (cutting the GPU into instances) is enabled",
    "gpu.N.ecc": "on or off: whether its memory is error-corrected",
    "gpu.N.ecc_errors": "uncorrected memory errors since the driver was loaded",
    "gpu.N.persistence": "on or off: whether the driver stays initialised without programs",
    "gpu.N.compute_mode": "default, exclusive-process, exclusive-thread or prohibited: who may use it at once",
    "gpu.N.throttle": "what holds its clocks down at this moment; being idle is no reason",
    "gpu.N.virtualization": "none, passthrough, vgpu, host-vgpu or host-vsga",
    "gpu.N.memory_free_mib": "its free memory in MiB",
    "gpu.N.processes": "how many processes computed on it while envdoctor looked",
    "gpu.N.utilization": "percent of the last moments in which a kernel ran on it",
}

NOT_SUPPORTED = 3  # NVML_ERROR_NOT_SUPPORTED
NO_SUCH_FUNCTION = 13  # NVML_ERROR_FUNCTION_NOT_FOUND: the driver is older than the question
MOST_BYTES = 2**53

SWITCH = {0: "off", 1: "on"}
COMPUTE_MODES = {0: "default", 1: "exclusive-thread", 2: "prohibited", 3: "exclusive-process"}
VIRTUALIZATION = {0: "none", 1: "passthrough", 2: "vgpu", 3: "host-vgpu", 4: "host-vsga"}


def look(said: list[dict[str, Value]], facts: Facts) -> Facts:
    """Read the second lines of the NVML child for the GPUs that `facts` count."""
    count = facts.get("gpu.count")
    if not isinstance(count, Known) or not isinstance(count.value, int):
        return {}
    by_nvml = count.source == "nvml"
    told = {words["state"]: words for words in said if isinstance(words.get("state"), int)} if by_nvml else {}
    seen: Facts = {}
    for index in range(count.value):
        words = told.get(index)
        for name in FACTS:
            key = name.rpartition(".")[2]
            silence = Unknown("NVML did not come to tell it" if by_nvml else "told by NVML alone, which did not answer")
            seen[f"gpu.{index}.{key}"] = _fact(key, words) if words is not None else silence
    return seen


def _fact(key: str, words: Mapping[str, Value]) -> Fact:
    asked = "memory_free" if key == "memory_free_mib" else key
    refused = words.get("refused")
    code = refused.get(asked) if isinstance(refused, dict) else None
    if code is not None:
        return _refusal(key, code)
    value = words.get(asked)
    if key == "mig_mode":
        return _mig_mode(value)
    told: Value = None
    if isinstance(value, int) and not isinstance(value, bool):
        if key in ("ecc", "persistence"):
            told = SWITCH.get(value)
        elif key == "compute_mode":
            told = COMPUTE_MODES.get(value)
        elif key == "virtualization":
            told = VIRTUALIZATION.get(value)
        elif key == "throttle":
            told = [*throttle_names(value)]
        elif 0 <= value < MOST_BYTES:
            told = value // 2**20 if key == "memory_free_mib" else value
    return Known(told, "nvml") if told is not None else Unknown("NVML gave an answer that is not known here")


def _mig_mode(value: Value) -> Fact:
    """Read the pair of the mode now and the mode after the next reset."""
    pair = value if isinstance(value, list) else []
    now, later = (SWITCH.get(mode) if isinstance(mode, int) else None for mode in (*pair[:2], None, None)[:2])
    if now is None:
        return Unknown("NVML gave an answer that is not known here")
    return Known(now, "nvml" if later in (now, None) else f"nvml; {later} after the next reset of the GPU")


def _refusal(key: str, code: Value) -> Fact:
    if code == NOT_SUPPORTED:
        return Absent("NVML says that this GPU does not support it")
    if code == NO_SUCH_FUNCTION and key == "mig_mode":
        return Absent("this driver is older than MIG")
    if code in (NO_SUCH_FUNCTION, -1):
        return Unknown("the driver or its binding is older than the question")
    return Unknown(f"NVML refused with error {code if isinstance(code, int) else 'that is no number'}")
