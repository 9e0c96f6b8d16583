"""The NVIDIA libraries and the loaded kernel module are of different versions.

## What it means
The driver's user-space libraries on disk are of one version, the kernel module in memory of another. NVML
and `nvidia-smi` refuse with "Failed to initialize NVML: Driver/library version mismatch"; CUDA programs mostly fail to
start.

## Why it happens
The driver package was upgraded (often by unattended upgrades) while the old module stayed loaded. In a
container: libraries of the image or an earlier host driver are in use instead of the host's. Where the library is
the older of the two, it is a leftover in a folder that is searched first (LD_LIBRARY_PATH, /usr/local/lib).

## How to be sure
`cat /proc/driver/nvidia/version` shows the loaded module, `nvidia-smi` the refusal.

## How to fix
Reboot the machine, or unload the module with every program that uses it stopped and load the new one. In a
container: restart it after the host was rebooted. An older library that is found first has to be removed
(`ldconfig -p | grep libnvidia-ml` names it). Reinstalling torch changes nothing.

## Sources
NVML API reference, NVML_ERROR_LIB_RM_VERSION_MISMATCH (18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.versions import older
from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

MISMATCH = 18  # NVML_ERROR_LIB_RM_VERSION_MISMATCH


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """NVML says so itself; what CUDA says decides how much it matters."""
    if machine.number("nvml.status") != MISMATCH:
        return
    module = machine.told("driver.version.proc")
    library = machine.told("driver.library_version")
    versions = f" (module {module}, library {library})" if module and library and module != library else ""
    cuda_works = machine.is_known("cuda.init") and machine.number("cuda.init") == 0
    effect = "CUDA programs still start" if cuda_works else "programs cannot use the GPU until they agree"
    yield RULE.finding(
        machine,
        "driver",
        f"The loaded NVIDIA kernel module and the driver libraries are of different versions{versions}; {effect}. "
        f"{_cause(machine, module, library)}",
        "nvml.status", "driver.version.proc", "driver.library_version", "cuda.init",
        when="CUDA works" if cuda_works else "CUDA does not start",
        confidence=Confidence.PROVED,
    )  # fmt: skip


def _cause(machine: Machine, module: str | None, library: str | None) -> str:
    """Say how it came to be: after an upgrade the library is the newer of the two."""
    if machine.is_known("host.kind") and machine.text("host.kind") == "container":
        return (
            "The host's driver was upgraded after this container was started or without a reboot, or the image holds "
            "libraries of a driver."
        )
    if module and library and older(library, module):
        return (
            "The library is the older one: a leftover of an earlier driver is found first, or the driver was changed "
            "and the machine not rebooted since."
        )
    return "The driver was upgraded and the machine not rebooted since."


RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=("nvml.status", "driver.version.proc", "driver.library_version", "cuda.init", "host.kind"),
    explains=("driver-query-failed", "driver-too-old"),
    fires=(
        Example(
            "upgraded from 535 to 550 without a reboot",
            {"nvml.status": 18, "cuda.init": 803, "driver.version.proc": "535.104.05",
             "driver.library_version": "550.54.15", "gpus": None},
            says="550.54.15",
        ),
        Example(
            "in a container",
            {"nvml.status": 18, "cuda.init": 803, "gpus": None, "host.kind": "container"},
            says="image",
        ),
        Example(
            "an older library is found first",
            {"nvml.status": 18, "cuda.init": 803, "driver.version.proc": "580.95.05",
             "driver.library_version": "535.104.05", "gpus": None},
            says="leftover",
        ),
        Example("NVML refuses and CUDA works", {"nvml.status": 18, "cuda.init": 0}, severity=Severity.WARNING),
    ),
    quiet=(
        Example("both of one version", {"driver.version.proc": "535.104.05", "driver.library_version": "535.104.05"}),
        Example("another refusal of NVML", {"nvml.status": 999, "cuda.init": 999, "gpus": None}),
    ),
)  # fmt: skip
