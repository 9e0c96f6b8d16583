"""There is no NVIDIA GPU that this environment could use.

## What it means
Neither a driver nor a device was found. torch works, on the CPU. That is a defect only where a GPU was
asked for, so it is a note unless one was.

## Why it happens
CI runners, build machines and laptops have none; a CUDA build of torch is what a plain install gives. A batch system
such as Slurm withholds the GPUs of its machine from a job that did not ask for one.

## How to be sure
`lspci -d 10de:` prints nothing, `nvidia-smi` is not there.

## How to fix
Nothing needs to be fixed. `--require-gpu` turns this into an error where a GPU must be there. A CPU build
of torch is smaller: the `cpu` channel of the PyTorch wheel index. On a cluster ask for one: `srun --gpus=1`.

## Sources
NVML, libcuda, /proc, sysfs and /dev, in the order of `probes/driver.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.model.machine import MOST_GPUS
from envdoctor.rules.cuda_start import withheld
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Say it where a GPU was asked for, or where the installed torch is built for one."""
    asked = machine.wishes.require_gpu
    torch = machine.torch if not asked else None
    if not asked and (torch is None or torch.cuda is None or torch.provenance == "jetson"):
        return
    count = min(machine.number("gpu.count") or 0, MOST_GPUS)
    if count:
        if asked and all(withheld(machine, index) for index in range(count)):
            yield _withheld(machine, count)
        return
    driver = machine.text("driver.version")
    on_the_bus = machine.is_known("pci.nvidia") and bool(machine.items("pci.nvidia"))
    if asked and (driver or on_the_bus):
        what = f"the NVIDIA driver {driver} is there" if driver else "one is on the PCI bus"
        yield RULE.finding(
            machine,
            "machine",
            f"A GPU was asked for and CUDA can reach none here, although {what}.",
            "gpu.count", "driver.version", "pci.nvidia", "host.kind",
            when="a GPU was asked for",
        )  # fmt: skip
        return
    if driver or on_the_bus:
        return
    built = (
        f"torch {torch.text} is built for CUDA {torch.cuda} and runs on the CPU here" if torch else "one was asked for"
    )
    yield RULE.finding(
        machine,
        "machine",
        f"No NVIDIA GPU and no NVIDIA driver were found; {built}.",
        "gpu.count", "driver.version", "pci.nvidia", "torch.cuda",
        when="a GPU was asked for" if asked else "where nobody asked for a GPU",
    )  # fmt: skip


def _withheld(machine: Machine, count: int) -> Finding:
    return RULE.finding(
        machine,
        "machine",
        f"A GPU was asked for, and this process may use none of the {count} that the driver lists: a batch system or a "
        "control group gives them to others.",
        "gpu.count", "gpu.0.status", "device.nodes", "cuda.init",
        when="a GPU was asked for",
    )  # fmt: skip


NOTHING: dict[str, Value] = {
    "driver": None,
    "gpus": None,
    "nvml.status": None,
    "cuda.init": None,
    "device.nodes": None,
    "pci.nvidia": [],
}

RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=("torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "gpu.count",
           "gpu.N.status", "driver.version", "pci.nvidia"),
    fires=(
        Example("a CUDA build on a CI machine", NOTHING, severity=Severity.NOTE, says="runs on the CPU"),
        Example("a GPU was asked for", {**NOTHING, "torch": "2.9.1+cpu"}, require_gpu=True, says="asked for"),
        Example(
            "every GPU is another job's", {"gpu.0.status": 4, "gpu.visible": []}, require_gpu=True, says="may use none"
        ),
    ),
    quiet=(
        Example("a CPU build on a machine without GPU", {**NOTHING, "torch": "2.13.0+cpu"}),
        Example("a machine with a GPU", {}),
    ),
)  # fmt: skip
