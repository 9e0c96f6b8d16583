"""The NVIDIA driver, by a ladder of sources.

1. NVML through nvidia-ml-py, in a child: the driver version, the CUDA driver API version, every GPU.
   Its error classes stay apart: 12 the library is not there, 9 the driver is not loaded, 18 library and
   kernel module are of different versions, 15 a GPU was lost, anything else as the number it is.
2. libcuda in another child: what CUDA programs would get (`cuInit`, the API version, the devices).
3. `/proc/driver/nvidia/version`, `/sys/module/nvidia/version`: the loaded kernel module.
4. `nvidia-smi --query-gpu`, asked only where NVML gave nothing.
5. The PCI bus and device files (`probes/pci.py`): hardware without a driver.

Not found falls through to the next rung; a refusal or a hang is kept as a fact. Every source that
answered is kept beside the best one, also where they disagree.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING

from envdoctor.host.process import child_script
from envdoctor.host.pynvml_folder import folder_of_pynvml
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.gpu import gpu_state, gpus, libcuda

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.host.process import Answer, Running
    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Facts, Looking

FACTS = (
    {
        "driver.version": "version of the NVIDIA driver, from the first rung of the ladder that told",
        "driver.version.nvml": "the driver version as NVML tells it",
        "driver.version.proc": "the version of the loaded kernel module, from /proc/driver/nvidia/version",
        "driver.version.sys": "the version of the loaded kernel module, from /sys/module/nvidia/version",
        "driver.version.smi": "the driver version as nvidia-smi tells it, where NVML did not",
        "driver.cuda_version": "CUDA driver API version of the libcuda that CUDA programs load",
        "driver.library_version": "version of libnvidia-ml.so.1 by the name of the file it links to",
        "nvml.status": "0, or the NVML error code with which it refused to start",
        "driver.trouble": "in words, that asking the driver hung or ended the asking process",
        "cuda.init": "0, or the CUDA error code of cuInit",
        "cuda.can_launch": "whether libcuda has the functions that run kernels",
    }
    | gpus.FACTS
    | gpu_state.FACTS
    | libcuda.FACTS
)

NOT_LOADED = 9  # NVML_ERROR_DRIVER_NOT_LOADED
LIBRARY_NOT_FOUND = 12  # NVML_ERROR_LIBRARY_NOT_FOUND

KERNEL_MODULE = r"(?:Kernel Module|Open Kernel Module).*?\s(\d+\.\d+(?:\.\d+)?)(?:\s|$)"
# NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (root@...)  ...
# NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023

MARKER = "envdoctor-driver:"
"""Begins each line of the driver children; a driver may print lines of its own, or parts of one."""

SMI_QUERY = ("--query-gpu=index,driver_version,name,uuid,compute_cap,memory.total", "--format=csv,noheader")
LIBRARY_FILE = r"libnvidia-ml\.so\.(\d+\.\d+(?:\.\d+)?)"


def start(host: Host) -> tuple[Running, Running]:
    """Start the NVML and the libcuda child; both answer while files are read."""
    isolated = [sys.executable, "-I", "-S"]
    return (
        host.start("nvml", [*isolated, child_script("nvml"), folder_of_pynvml()]),
        host.start("libcuda", [*isolated, child_script("libcuda")]),
    )


def look(at: Looking) -> Facts:
    """Climb the ladder."""
    children = at.driver_children or start(at.host)
    nvml, cuda = (child.answer(at.deadline) for child in children)
    said, told = _lines(nvml), _lines(cuda)
    facts: Facts = {
        "nvml.status": _nvml_status(nvml, said),
        "cuda.init": _cuda_init(cuda, told),
        "cuda.can_launch": _can_launch(cuda, told),
        "driver.version.nvml": _version_by_nvml(nvml, said),
        "driver.version.proc": _proc(at.host),
        "driver.version.sys": _sys(at.host),
        "driver.library_version": _library(at.host),
        "driver.cuda_version": _api_version(told, said, cuda),
        "driver.trouble": _driver_trouble(nvml, cuda),
    }
    seen = gpus.from_nvml(said)
    smi: list[gpus.SeenGpu] = []
    if seen is not None:
        facts["driver.version.smi"] = Absent("not asked: NVML answered")
    elif _nothing_there(at, facts):
        facts["driver.version.smi"] = Absent("not asked: nvidia-smi is not on PATH, and nothing tells of a driver")
    else:
        facts["driver.version.smi"], smi = _ask_smi(at)
    facts["driver.version"] = _best_version(facts)
    facts.update(gpus.look(at, facts, seen if seen is not None else (smi or None), gpus.from_cuda(told)))
    facts.update(gpu_state.look(said, facts))
    facts.update(libcuda.look(at, told, facts, _api_in(said, "cuda")))
    return facts


def _lines(answer: Answer) -> list[dict[str, Value]]:
    """Return the marked lines a child wrote; a last line cut off by its death is left out."""
    said = []
    for line in answer.out.splitlines():
        if not line.startswith(MARKER):
            continue
        try:
            words = json.loads(line[len(MARKER) :])
        except ValueError:
            continue
        if isinstance(words, dict):
            said.append(words)
    return said


def _version_by_nvml(answer: Answer, said: list[dict[str, Value]]) -> Fact:
    for words in said:
        version = words.get("driver")
        if isinstance(version, str):
            return Known(version, "nvml") if version.strip() else Unknown("NVML gave an empty driver version")
        if words.get("failed") == "driver":
            return Unknown(f"nvml refused: {words.get('error')} ({words.get('code')})")
    status = _nvml_status(answer, said)
    if isinstance(status, Known):
        if status.value == NOT_LOADED:
            return Absent("NVML says that no driver is loaded")
        return Unknown(f"NVML refused with error {status.value}" if status.value else _trouble(answer, "NVML"))
    return status


def _trouble(answer: Answer, what: str) -> str:
    """Say why a child gave no answer, in words about the driver rather than the child."""
    if answer.trouble:
        return f"{what} {answer.trouble}"
    last = (answer.error.strip().splitlines() or ["no answer"])[-1]
    return f"{what} could not be asked: {last[:200]}"


def _driver_trouble(nvml: Answer, cuda: Answer) -> Fact:
    """Tell a driver that hung or killed its asker from one that merely refused."""
    for answer, what in ((nvml, "NVML"), (cuda, "libcuda")):
        if answer.trouble.startswith(("did not answer", "was ended by signal")):
            return Known(f"{what} {answer.trouble}", "child process")
    return Absent("both libraries answered or are not there")


def _nvml_status(answer: Answer, said: list[dict[str, Value]]) -> Fact:
    for words in said:
        if "status" in words and "gpu" not in words:
            if words["status"] == LIBRARY_NOT_FOUND:
                return Absent("libnvidia-ml.so.1 was not found")
            return Known(words["status"], "nvml")
    return Unknown(_trouble(answer, "NVML"))


def _cuda_init(answer: Answer, told: list[dict[str, Value]]) -> Fact:
    for words in told:
        if "missing" in words:
            return Absent("libcuda.so.1 was not found")
        if "init" in words:
            return Known(words["init"], "libcuda")
    return Unknown(_trouble(answer, "libcuda"))


def _can_launch(cuda: Answer, told: list[dict[str, Value]]) -> Fact:
    for words in told:
        if "missing" in words:
            return Absent("libcuda.so.1 was not found")
        if "launches" in words:
            return Known(words["launches"], "libcuda")
    return Unknown("libcuda was not asked for it" if told else _trouble(cuda, "libcuda"))


def _api_version(told: list[dict[str, Value]], said: list[dict[str, Value]], cuda: Answer) -> Fact:
    """Tell the CUDA driver API version; libcuda's word counts first, programs load that one."""
    for lines, key, source in ((told, "version", "libcuda"), (said, "cuda", "nvml")):
        version = _api_in(lines, key)
        if version is not None:
            return Known(version, source)
    for lines, key, what in ((told, "version", "libcuda"), (said, "cuda", "NVML")):
        if any(words.get(key) == 0 for words in lines):
            return Unknown(f"{what} gave 0 as the CUDA version")
    if any("missing" in words for words in told):
        return Absent("libcuda.so.1 was not found")
    return Unknown(_trouble(cuda, "libcuda"))


def _api_in(lines: list[dict[str, Value]], key: str) -> str | None:
    """Return the CUDA version that a library told: its 12020 is 12.2 (CUDA_VERSION in cuda.h)."""
    numbers = (words.get(key) for words in lines)
    number = next((one for one in numbers if isinstance(one, int) and one > 0), None)
    return f"{number // 1000}.{number % 1000 // 10}" if number is not None else None


def _proc(host: Host) -> Fact:
    try:
        text = host.read("/proc/driver/nvidia/version", 4096)
    except OSError:
        return Absent("there is no /proc/driver/nvidia/version")
    match = re.search(KERNEL_MODULE, text)
    if match is None:
        return Unknown("/proc/driver/nvidia/version is of a form not known here")
    return Known(match[1], "/proc/driver/nvidia/version")


def _sys(host: Host) -> Fact:
    try:
        text = host.read("/sys/module/nvidia/version", 256).strip()
    except OSError:
        return Absent("there is no /sys/module/nvidia/version")
    if not re.fullmatch(r"\d+(\.\d+)+", text):
        return Unknown("/sys/module/nvidia/version is of a form not known here")
    return Known(text, "/sys/module/nvidia/version")


LIBRARY_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/wsl/lib",
    "/usr/local/nvidia/lib64",
    "/run/opengl-driver/lib",
)


def _library(host: Host) -> Fact:
    """Tell the version of the NVML library by the file name drivers install: libnvidia-ml.so.535.104.05."""
    for folder in (*libcuda.library_path(host), *LIBRARY_FOLDERS):
        if not host.exists(os.path.join(folder, "libnvidia-ml.so.1")):
            continue
        real = os.path.basename(os.path.realpath(host.path(os.path.join(folder, "libnvidia-ml.so.1"))))
        match = re.fullmatch(LIBRARY_FILE, real)
        if match:
            return Known(match[1], os.path.join(folder, real))
        return Unknown(f"{folder}/libnvidia-ml.so.1 does not carry its version in its name")
    return Absent("libnvidia-ml.so.1 is in no known folder")


def _nothing_there(at: Looking, facts: Facts) -> bool:
    """Whether no rung below nvidia-smi has seen a driver, so that asking it would be idle."""
    modules = (facts["driver.version.proc"], facts["driver.version.sys"], facts["driver.library_version"])
    return (
        isinstance(facts["nvml.status"], Absent)
        and all(isinstance(fact, Absent) for fact in modules)
        and at.host.which("nvidia-smi") is None
    )


def _ask_smi(at: Looking) -> tuple[Fact, list[gpus.SeenGpu]]:
    """Ask nvidia-smi for what NVML did not tell; its exit code and text are kept where it refuses."""
    program = at.host.which("nvidia-smi") or ("nvidia-smi" if not at.host.live else None)
    if program is None:
        return Absent("nvidia-smi is not on PATH"), []
    answer = at.host.start("nvidia-smi", [program, *SMI_QUERY]).answer(at.deadline)
    if answer.exit != 0:
        said = (answer.out.strip() or answer.error.strip() or answer.trouble or "no output").splitlines()
        return Unknown(f"nvidia-smi gave no answer: {' '.join(said)[:200]}"), []
    return gpus.parse_smi(answer.out)


def _best_version(facts: Facts) -> Fact:
    """Return the first source that told; a loaded module counts also where NVML cannot be asked."""
    rungs = [facts[f"driver.version.{rung}"] for rung in ("nvml", "proc", "sys", "smi")]
    for fact in rungs:
        if isinstance(fact, Known):
            return fact
    if isinstance(facts["nvml.status"], Unknown):
        return facts["nvml.status"]
    # An nvidia-smi that refuses ("couldn't communicate with the NVIDIA driver") tells nothing beyond the others.
    unknown = next((fact for fact in rungs[:3] if isinstance(fact, Unknown)), None)
    return unknown or Absent("no source tells of an NVIDIA driver")
