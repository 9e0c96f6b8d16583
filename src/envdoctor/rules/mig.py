"""A GPU is in MIG mode, and CUDA sees no instance of it.

## What it means
MIG cuts a data-centre GPU into instances. While the mode is on, the GPU itself is no device for CUDA: programs see
its instances alone, one of them at a time. Without an instance, or without access to one, torch says "No CUDA GPUs
are available", although `nvidia-smi` lists the GPU.

## Why it happens
MIG mode was switched on and no instances were made since: the mode of an A100 outlives a reboot, its instances do
not, unless nvidia-mig-manager makes them again. A GPU instance without a compute instance counts as none. Or the
instances are there and the program has no access: the container was given the whole GPU rather than an instance, or
the files in /dev/nvidia-caps belong to somebody else.

## How to be sure
`nvidia-smi -L` lists the instances as MIG devices below their GPU; `nvidia-smi mig -lgi` and `nvidia-smi mig -lci`
as administrator show GPU instances and compute instances. `ls -l /dev/nvidia-caps` shows who may use them.

## How to fix
Make instances, for example `sudo nvidia-smi mig -cgi 9,9 -C` (the `-C` makes the compute instances too), and name one
by CUDA_VISIBLE_DEVICES=MIG-... or `--gpus '"device=0:0"'`. Where MIG is not wanted, `sudo nvidia-smi -i 0 -mig 0`
with nothing running on the GPU. torch needs no other build for MIG.

## Sources
NVIDIA Multi-Instance GPU user guide, "CUDA Device Enumeration" and "Creating GPU Instances"; NVML API reference,
nvmlDeviceGetMigMode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.machine import MOST_GPUS
from envdoctor.rules.cuda_start import NO_DEVICE
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

NONE, UNSEEN = "no instance", "instances that CUDA does not enumerate"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Find GPUs in MIG mode that CUDA reaches by no instance, unless a setting leaves them out."""
    count = min(machine.number("gpu.count") or 0, MOST_GPUS)
    modes = {index: instances for index in range(count) if (instances := _instances(machine, index)) is not None}
    if not modes:
        return
    init = machine.number("cuda.init")
    if init not in (0, NO_DEVICE):
        return  # CUDA does not start at all, which has other causes
    visible = [index for index in machine.items("gpu.visible") if isinstance(index, int)]
    if any(modes.get(index) for index in visible):
        modes = {index: instances for index, instances in modes.items() if not instances}
    asked = machine.text("env.CUDA_VISIBLE_DEVICES")
    if asked is not None and not _names_only_these(asked, init, modes, count):
        return
    for index, instances in modes.items():
        if index in visible:
            continue
        yield RULE.finding(
            machine,
            f"gpu:{index}",
            _words(machine, index, len(instances)),
            f"gpu.{index}.mig_mode", f"gpu.{index}.mig", "cuda.init", "gpu.visible", "env.CUDA_VISIBLE_DEVICES",
            when=UNSEEN if instances else NONE,
            confidence=Confidence.PROVED,
        )  # fmt: skip


def _instances(machine: Machine, index: int) -> list[str] | None:
    """Return the instances of a GPU in MIG mode; None where the mode is off, not supported or not known."""
    listed = machine.is_known(f"gpu.{index}.mig")
    mode = machine.told(f"gpu.{index}.mig_mode")
    if mode == "off" or not listed:
        return None  # on, but not listed: whether there are instances is not known
    return [str(uuid) for uuid in machine.items(f"gpu.{index}.mig")]


def _names_only_these(asked: str, init: int | None, modes: dict[int, list[str]], count: int) -> bool:
    """Whether CUDA_VISIBLE_DEVICES cannot have meant anything but these GPUs, and CUDA still finds none."""
    entries = [entry.strip().lower() for entry in asked.split(",")]
    if init != NO_DEVICE or not entries[0]:
        return False
    known = {uuid.lower() for instances in modes.values() for uuid in instances}
    if entries[0].startswith("mig-"):
        return entries[0] in known
    return len(modes) == count and entries[0].isdigit() and int(entries[0][:6]) < count


def _words(machine: Machine, index: int, instances: int) -> str:
    name = machine.told(f"gpu.{index}.name")
    label = f"GPU {index} ({name})" if name else f"GPU {index}"
    if not instances:
        return f"{label} is in MIG mode and has no instance, so no CUDA program can use it."
    has = "an instance" if instances == 1 else f"{instances} instances"
    return (
        f"{label} is in MIG mode and has {has}, and CUDA enumerates none of them: this environment has no access to "
        "them, or they have no compute instance."
    )


RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=(
        "gpu.count", "gpu.N.mig", "gpu.N.mig_mode", "gpu.N.name", "cuda.init", "gpu.visible",
        "env.CUDA_VISIBLE_DEVICES",
    ),
    explains=("cuda-visible-devices-empty", "no-nvidia-gpu"),
    fires=(
        Example(
            "MIG on, no instance",
            {"gpu.0.mig_mode": "on", "gpu.0.mig": [], "cuda.init": 100, "gpu.visible": []},
            severity=Severity.WARNING,
            says="no instance",
        ),
        Example(
            "one of two GPUs has no instance",
            {
                "gpus": ["NVIDIA A100-SXM4-80GB 8.0", "NVIDIA A100-SXM4-80GB 8.0"], "gpu.visible": [0],
                "gpu.1.mig_mode": "on", "gpu.1.mig": [],
            },
            severity=Severity.WARNING,
            says="GPU 1",
        ),
        Example(
            "instances out of reach",
            {"gpu.0.mig_mode": "on", "gpu.0.mig": ["MIG-1", "MIG-2"], "cuda.init": 100, "gpu.visible": []},
            severity=Severity.WARNING,
            says="2 instances",
        ),
        Example(
            "no instance, and an index that names the GPU",
            {
                "gpu.0.mig_mode": "on", "gpu.0.mig": [], "cuda.init": 100, "gpu.visible": [],
                "env.CUDA_VISIBLE_DEVICES": "0",
            },
            severity=Severity.WARNING,
        ),
    ),
    quiet=(
        Example("an instance in use", {"gpu.0.mig_mode": "on", "gpu.0.mig": ["MIG-1", "MIG-2"]}),
        Example("MIG off", {"gpu.0.mig_mode": "off"}),
        Example(
            "the GPU in MIG mode is left out by CUDA_VISIBLE_DEVICES",
            {
                "gpus": ["NVIDIA A100-SXM4-80GB 8.0", "NVIDIA A100-SXM4-80GB 8.0"], "gpu.visible": [0],
                "gpu.1.mig_mode": "on", "gpu.1.mig": [], "env.CUDA_VISIBLE_DEVICES": "0",
            },
        ),
        Example(
            "every GPU hidden on purpose",
            {
                "gpu.0.mig_mode": "on", "gpu.0.mig": [], "cuda.init": 100, "gpu.visible": [],
                "env.CUDA_VISIBLE_DEVICES": "",
            },
        ),
    ),
)  # fmt: skip
