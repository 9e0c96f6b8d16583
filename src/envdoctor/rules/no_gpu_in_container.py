"""No GPU, or not all that CUDA needs of its driver, was passed into this container.

## What it means
A container sees the GPUs that its runtime passes in: device files, and the libraries of the host's driver. Without them
`torch.cuda.is_available()` is False, `nvidia-smi` is "command not found", and the images of NVIDIA NGC print "WARNING:
The NVIDIA Driver was not detected. GPU functionality will not be available." torch runs on the CPU, which may be meant:
a note, unless a GPU was asked for. Where the GPU is there and libcuda alone was left out, `nvidia-smi` works and CUDA
does not, with "Found no NVIDIA driver on your system": torch cannot use a GPU that it could have.

## Why it happens
`docker run` without `--gpus all`; no NVIDIA Container Toolkit on the host, or Docker not restarted after it was
installed; a service in Compose without a device reservation; a pod without `nvidia.com/gpu` in its limits, or on a node
without the device plugin; the steps of `docker build`, which never have a GPU; `NVIDIA_VISIBLE_DEVICES=none`. Device
files handed over by hand (`--device /dev/nvidia0`), or shared as Toolbx and Distrobox do, come without the libraries.
`NVIDIA_DRIVER_CAPABILITIES=utility` brings nvidia-smi and NVML alone; `compute` brings libcuda.

## How to be sure
Inside: `ls /dev/nvidia*` and `ldconfig -p | grep libcuda`. On the host: `nvidia-smi`, then
`docker run --rm --gpus all ubuntu nvidia-smi`, which needs nothing of the image.

## How to fix
Install the NVIDIA Container Toolkit on the host, `sudo nvidia-ctk runtime configure --runtime=docker`, restart Docker,
and start the container with `--gpus all`. Podman: `--device nvidia.com/gpu=all` after `nvidia-ctk cdi generate`.
Singularity and Apptainer: `--nv`. Kubernetes: `resources: {limits: {nvidia.com/gpu: 1}}`. Toolbx and Distrobox:
`distrobox create --nvidia`. With libcuda alone missing: `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility`. No driver is
installed inside a container.

## In a file
`envdoctor lint` notes a service in a compose file that runs an image with CUDA and asks for no GPU: with
`gpus: all`, or a device reservation below `deploy`, it gets one.

## Sources
NVIDIA Container Toolkit documentation, "Specialized Configurations with Docker" (NVIDIA_VISIBLE_DEVICES and
NVIDIA_DRIVER_CAPABILITIES); Docker documentation, "GPU access"; anomalib#584 and DreamMat#14, where it was the cause.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

NOT_LOADED = 9  # NVML_ERROR_DRIVER_NOT_LOADED

REQUEST = r"[\w.,:/=-]{1,200}"
NO_REQUEST = frozenset({"all", "none", "void"})
"""Values that images carry of themselves, or that a runtime sets which passes devices in another way (CDI)."""

NOBODY, ASKED, NO_COMPUTE = "where nobody asked for a GPU", "a GPU was asked for", "without the compute libraries"


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Say it where a GPU was asked for, or where the installed torch is built for one."""
    if machine.text("host.kind") != "container":
        return
    request = _request(machine)
    asked = machine.wishes.require_gpu or request is not None
    torch = machine.torch if not asked else None
    if not asked and (torch is None or torch.cuda is None):
        return
    if machine.is_known("cuda.init") and machine.number("cuda.init") == 0:
        return
    if machine.is_known("driver.trouble") or machine.number("nvml.status") not in (None, 0, NOT_LOADED):
        return  # a driver is there and refuses: other rules speak of that
    if machine.number("gpu.count"):
        yield from _without_compute(machine)
        return
    why = f"torch {torch.text} is built for CUDA {torch.cuda} and runs on the CPU here" if torch else ASKED
    if request is not None:
        why = f"NVIDIA_VISIBLE_DEVICES={request} asked for one"
    yield RULE.finding(
        machine,
        "machine",
        f"This container has no NVIDIA GPU, and {why}: {_seen(machine)}.",
        "gpu.count", "container.runtime", "device.nodes", "driver.version", "pci.nvidia", "env.NVIDIA_VISIBLE_DEVICES",
        when=ASKED if asked else NOBODY,
        confidence=Confidence.PROVED,
    )  # fmt: skip


def _request(machine: Machine) -> str | None:
    """Return the GPUs that the start of the container named one by one, None where it named none so."""
    name = "env.NVIDIA_VISIBLE_DEVICES"
    value = (machine.told(name)) or ""
    named = re.fullmatch(REQUEST, value) and value.lower() not in NO_REQUEST and not value.endswith("=all")
    return value if named else None


def _seen(machine: Machine) -> str:
    """Say what is seen of the host's GPU from inside."""
    nodes = machine.items("device.nodes") if machine.is_known("device.nodes") else []
    if any(re.fullmatch(r"nvidia\d+|dxg", str(node)) for node in nodes) and machine.number("nvml.status") is None:
        return "device files of a GPU are here, and the libraries of its driver are not"
    driver = machine.told("driver.version")
    if driver:
        return f"its host runs the NVIDIA driver {driver}, and no GPU was passed in"
    if machine.is_known("pci.nvidia") and machine.items("pci.nvidia"):
        return "its host has one on the bus, with no NVIDIA driver loaded, and none was passed in"
    return "none was passed in, and whether its host has one cannot be seen from inside"


def _without_compute(machine: Machine) -> Iterator[Finding]:
    """NVML lists GPUs, and there is no libcuda: the capability `compute` was not asked for."""
    if machine.number("cuda.init") is not None or not machine.visible_gpus:
        return
    torch = machine.torch
    built = torch is not None and torch.cuda is not None
    if not built and not machine.wishes.require_gpu:
        return
    name = "env.NVIDIA_DRIVER_CAPABILITIES"
    asked = (machine.told(name)) or ""
    without = re.fullmatch(REQUEST, asked) and not {"compute", "all"} & set(asked.split(","))
    because = f", because NVIDIA_DRIVER_CAPABILITIES={asked} leaves out compute" if without else ""
    yield RULE.finding(
        machine,
        "driver",
        f"The driver lists {machine.visible_gpus[0].label} in this container, and its libcuda was not passed in"
        f"{because}: nvidia-smi works and CUDA does not.",
        "cuda.init", "nvml.status", "gpu.count", "driver.version", name, "container.runtime",
        when=NO_COMPUTE if built else ASKED,
        confidence=Confidence.PROVED,
    )  # fmt: skip


WITHOUT: dict[str, Value] = {
    "host.kind": "container",
    "container.runtime": "docker",
    "driver": "535.104.05",
    "gpus": None,
    "nvml.status": None,
    "cuda.init": None,
    "device.nodes": None,
}
INSIDE: dict[str, Value] = {"host.kind": "container", "container.runtime": "docker"}

RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=(
        "host.kind", "env.NVIDIA_VISIBLE_DEVICES", "env.NVIDIA_DRIVER_CAPABILITIES", "torch.version", "torch.cuda",
        "torch.hip", "torch.channel", "torch.provenance", "cuda.init", "driver.trouble", "nvml.status", "gpu.count",
        "gpu.visible", "gpu.N.name", "gpu.N.compute_capability", "device.nodes", "driver.version", "pci.nvidia",
    ),
    explains=("no-nvidia-gpu", "driver-missing"),
    fires=(
        Example("started without --gpus", WITHOUT, severity=Severity.NOTE, says="no GPU was passed in"),
        Example(
            "on a host without any",
            {**WITHOUT, "driver": None, "pci.nvidia": []},
            severity=Severity.NOTE,
            says="cannot be seen from inside",
        ),
        Example(
            "device files without libraries",
            {**WITHOUT, "container.runtime": "toolbx", "device.nodes": ["nvidia0", "nvidiactl"]},
            severity=Severity.NOTE,
            says="device files",
        ),
        Example("a GPU was asked for", {**WITHOUT, "torch": "2.9.1+cpu"}, require_gpu=True, says="asked for"),
        Example("the start named a GPU", {**WITHOUT, "env.NVIDIA_VISIBLE_DEVICES": "0,1"}, says="0,1"),
        Example(
            "the capability utility alone",
            {**INSIDE, "cuda.init": None, "env.NVIDIA_DRIVER_CAPABILITIES": "utility"},
            says="leaves out compute",
        ),
    ),
    quiet=(
        Example("a container with its GPU", INSIDE),
        Example("a CPU build, and nobody asked", {**WITHOUT, "torch": "2.13.0+cpu"}),
        Example(
            "an image that asks for all of itself",
            {**WITHOUT, "torch": "2.13.0+cpu", "env.NVIDIA_VISIBLE_DEVICES": "all"},
        ),
        Example(
            "a GPU without libcuda that is hidden as well",
            {**INSIDE, "cuda.init": None, "gpu.visible": [], "env.NVIDIA_DRIVER_CAPABILITIES": "utility"},
        ),
    ),
)  # fmt: skip
