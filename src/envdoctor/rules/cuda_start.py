"""What the rules of the driver share: why CUDA does not start although the driver answers.

Shared because one refusal of cuInit has one cause: each of these rules asks here whether the cause is its own, so
that no two of them speak of the same refusal, and `driver-query-failed` of those that none of them knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import consumer_gpu
from envdoctor.model.machine import MOST_GPUS

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine

FABRIC = "fabric-manager-not-running"
STALE = "cuda-init-stale-driver-state"
COMPAT = "compat-libcuda-mismatch"
WSL = "wsl-driver"

STUB = 34  # CUDA_ERROR_STUB_LIBRARY
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE: also what CUDA says where CUDA_VISIBLE_DEVICES hides every GPU
NOT_READY = 802  # CUDA_ERROR_SYSTEM_NOT_READY
DRIVER_MISMATCH = 803  # CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
COMPAT_NOT_SUPPORTED = 804  # CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE
UNKNOWN = 999  # CUDA_ERROR_UNKNOWN
NO_PERMISSION = 4  # NVML_ERROR_NO_PERMISSION: of one GPU no defect, as a batch system gave it to another job

NEEDS = (
    "cuda.init", "nvml.status", "driver.trouble", "gpu.count", "gpu.visible", "gpu.N.name", "gpu.N.compute_capability",
    "gpu.N.status", "device.nodes", "cuda.compat", "cuda.library", "cuda.library_version", "driver.version",
    "driver.version.nvml", "driver.version.proc", "driver.version.sys", "host.wsl", "host.kind",
    "env.CUDA_VISIBLE_DEVICES",
)  # fmt: skip
"""The facts that `cause` may read."""

OWN_DRIVER = frozenset({"bare", "sbsa", "vm-vgpu"})
"""Kinds of host whose driver is installed in that very system."""

NO_NVSWITCH = frozenset({"consumer", "workstation", "jetson"})
"""Kinds of GPU that are never joined by NVSwitch."""


def cause(machine: Machine, matrix: Matrix) -> str | None:
    """Return the rule that explains why cuInit refuses; None where it does not, or where none of them does.

    Raises `Undecidable` where it is not known whether CUDA starts.
    """
    init = machine.number("cuda.init")
    return cause_of(init, machine, matrix) if init else None


def cause_of(init: int, machine: Machine, matrix: Matrix) -> str | None:
    """Return the rule that explains a refusal of cuInit, by its number, to whomever it was given.

    Raises `Undecidable` where a fact that decides is not known.
    """
    if machine.number("nvml.status") not in (None, 0) or machine.is_known("driver.trouble"):
        return foreign_in_wsl(machine)
    if init == NOT_READY:
        return FABRIC if may_have_nvswitch(machine, matrix) else None
    if init in (DRIVER_MISMATCH, COMPAT_NOT_SUPPORTED) or (init == STUB and machine.number("nvml.status") == 0):
        return COMPAT
    if init == NO_DEVICE and machine.is_known("env.CUDA_VISIBLE_DEVICES"):
        return None
    if machine.is_known("cuda.compat") and consumer_gpu(machine, matrix):
        return COMPAT
    if foreign_in_wsl(machine):
        return WSL
    if under_wsl(machine) or machine.told("host.kind") == "jetson":
        return None  # there is no module nvidia_uvm there
    return STALE if init == UNKNOWN and _answers_in_one_voice(machine) else None


def may_have_nvswitch(machine: Machine, matrix: Matrix) -> bool:
    """Whether the GPUs may be joined by NVSwitch: its device files are there, or no GPU rules it out."""
    if has_nvswitch(machine):
        return True
    kinds = [_kind(machine, matrix, index) for index in _indexes(machine)]
    return not kinds or any(kind not in NO_NVSWITCH for kind in kinds)


def has_nvswitch(machine: Machine) -> bool:
    """Whether the device files of NVSwitches are there."""
    nodes = machine.items("device.nodes") if machine.is_known("device.nodes") else []
    return any(isinstance(node, str) and node.startswith("nvidia-nvswitch") for node in nodes)


def under_wsl(machine: Machine) -> bool:
    """Whether the kernel is WSL2's, inside a container there too."""
    return machine.text("host.kind") == "wsl2" or (machine.is_known("host.wsl") and machine.value("host.wsl") is True)


def foreign_in_wsl(machine: Machine) -> str | None:
    """Tell (by the rule's name) that under WSL2 a libcuda of a Linux driver is loaded in place of the lent one."""
    if not under_wsl(machine) or machine.told("cuda.library_version") is None:
        return None
    library = machine.told("cuda.library") or ""
    return WSL if library and "/wsl/" not in library and "/compat" not in library else None


def withheld(machine: Machine, index: int) -> bool:
    """Whether NVML lists a GPU that this process may not use."""
    name = f"gpu.{index}.status"
    return machine.is_known(name) and machine.number(name) == NO_PERMISSION


def _indexes(machine: Machine) -> range:
    """The GPUs the driver lists; none where it is not known how many."""
    count = machine.number("gpu.count") if machine.is_known("gpu.count") else None
    return range(min(count or 0, MOST_GPUS))


def _kind(machine: Machine, matrix: Matrix, index: int) -> str | None:
    model = matrix.gpu(machine.told(f"gpu.{index}.name") or "")
    return model.kind if model else None


def _answers_in_one_voice(machine: Machine) -> bool:
    """Whether NVML answers, no GPU refuses, and libraries and kernel module are of one version."""
    if machine.number("nvml.status") != 0:
        return False
    statuses = [f"gpu.{index}.status" for index in _indexes(machine) if not withheld(machine, index)]
    if any(machine.is_known(name) and machine.number(name) for name in statuses):
        return False
    sources = ("driver.version.nvml", "driver.version.proc", "driver.version.sys", "cuda.library_version")
    return len({machine.told(name) for name in sources} - {None}) <= 1
