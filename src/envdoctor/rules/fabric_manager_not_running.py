"""CUDA waits for the NVIDIA Fabric Manager, which has not set up the NVLink switches.

## What it means
On HGX and DGX machines the GPUs are joined by NVSwitch. `nvidia-smi` lists them at once; CUDA starts only after
the Fabric Manager service has trained the links. Until then cuInit answers 802, and torch says "Unexpected error
from cudaGetDeviceCount() ... Error 802: system not yet initialized". No package can change that.

## Why it happens
The package nvidia-fabricmanager is not installed (the driver does not bring it), its service is stopped or failed,
or its version differs from the driver's by as little as the last number, mostly after an upgrade of one of them.
In a virtual machine with some of the board's GPUs the host runs it, and may not have set up their partition yet.
In confidential computing, H100 and later answer 802 until the GPUs are set ready.

## How to be sure
`systemctl status nvidia-fabricmanager` and `nvidia-smi --query-gpu=driver_version --format=csv` beside
`nv-fabricmanager --version`: both versions must be equal. `nvidia-smi -q | grep -A3 Fabric` shows "Completed" for
each GPU that is ready. `dmesg | grep -i nvswitch` shows whether the switches themselves were found.

## How to fix
Install the nvidia-fabricmanager of exactly the driver's version, then
`systemctl enable --now nvidia-fabricmanager`. Of a container: on its host. On B200 and later also nvlsm is needed.
A single GPU that is passed to a virtual machine without the switches starts with the module option
`NVreg_NvLinkDisable=1`. In confidential computing: `nvidia-smi conf-compute -srs 1`.

## Sources
CUDA driver API, CUDA_ERROR_SYSTEM_NOT_READY (802); NVIDIA Fabric Manager user guide; pytorch issue 35710.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.cuda_start import FABRIC, NEEDS, cause, has_nvswitch
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find the refusal 802 on GPUs that may be joined by NVSwitch."""
    if cause(machine, matrix) != FABRIC:
        return
    name = machine.told("gpu.0.name")
    joined = "this machine has NVSwitches" if has_nvswitch(machine) else f"{name or 'such a GPU'} may be behind one"
    place = " It runs on the host of this container." if machine.told("host.kind") == "container" else ""
    yield RULE.finding(
        machine,
        "driver",
        "CUDA does not start: cuInit refuses with error 802 (system not yet initialized), as it does until the NVIDIA "
        f"Fabric Manager has set up the NVLink switches, and {joined}.{place}",
        "cuda.init", "nvml.status", "gpu.0.name", "device.nodes", "driver.version",
    )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=NEEDS,
    explains=("driver-query-failed", "no-nvidia-gpu"),
    fires=(
        Example(
            "eight H200 and their switches",
            {
                "cuda.init": 802,
                "gpus": ["NVIDIA H200 9.0"] * 8,
                "device.nodes": ["nvidia0", "nvidia-nvswitch0", "nvidia-nvswitchctl", "nvidiactl"],
            },
            says="has NVSwitches",
        ),
        Example(
            "one GPU of such a board in a container",
            {"cuda.init": 802, "gpus": ["NVIDIA H100 80GB HBM3 9.0"], "host.kind": "container"},
            says="on the host",
        ),
        Example("a GPU that the matrix does not know", {"cuda.init": 802, "gpus": ["NVIDIA X900 HGX 13.0"]}),
        Example(
            "it stopped after the machine was looked at",
            {"gpus": ["NVIDIA H200 9.0"], **smoked(failed("start", "CUDA error: system not yet initialized"))},
            says="CUDA waits for the Fabric Manager",
        ),
    ),
    quiet=(
        Example("the same machine with the service running", {"gpus": ["NVIDIA H200 9.0"] * 8}),
        Example("a consumer GPU, which has no switch", {"cuda.init": 802, "gpus": ["NVIDIA GeForce RTX 4090 8.9"]}),
        Example("another refusal of CUDA", {"cuda.init": 999}),
    ),
)
