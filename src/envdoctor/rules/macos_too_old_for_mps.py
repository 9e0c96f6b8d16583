"""The macOS of a Mac is older than the installed torch needs to use its GPU.

## What it means
torch imports and works, but `torch.backends.mps.is_available()` is False while `is_built()` is True, and
`tensor.to("mps")` raises "RuntimeError: The MPS backend is supported on MacOS 13.0+".

## Why it happens
The MPS backend calls parts of Apple's Metal Performance Shaders that came with a certain macOS, and newer releases
of torch call newer ones: 12.3 from torch 1.12 on, 13.0 from 2.5 on, 14.0 from 2.10 on. The message can name an older
version than the build really needs: 2.5.1 asks for 12.3 where it takes 13.0, builds of 2.10 for 13.0 where they
take 14.0.

## How to be sure
`sw_vers -productVersion` names the system's version, and
`python -c "import torch; print(torch.__version__, torch.backends.mps.is_built(), torch.backends.mps.is_available())"`
ends with `True False`. A Python that was built for an old system reports 10.16 instead of the true version, also to
`platform.mac_ver()`; with `SYSTEM_VERSION_COMPAT=0` set it tells the truth.

## How to fix
Update macOS (System Settings, General, Software Update), or keep the system and install the newest torch that serves
it: `python -m pip install "torch<2.10"` on macOS 13, `"torch<2.5"` on 12.3 and later. Work on the CPU needs neither.

## Sources
torch's aten/src/ATen/mps/MPSDevice.mm, which looks for a method of that macOS; pytorch/pytorch pull request 133141
(13.0, in 2.5) and issue 139425 (2.5.1 on 12.7.6), issues 159275 and 164943 and pull request 163515 (14.0, before
2.10), issue 78343 (12.2.1 with a build of 1.13). Wheels up to 2.11 install on any macOS from 11 on all the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.versions import older
from envdoctor.model.finding import Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the system with what the MPS backend of this release takes, on Apple silicon.

    A Mac with an Intel processor has MPS only with a GPU of AMD, which no fact tells of.
    """
    if machine.text("host.os") != "macos" or machine.text("python.machine") != "arm64":
        return
    torch = machine.torch
    release = _numbers(torch.release if torch else None)
    floor = matrix.mps_floor(release) if release else None
    if torch is None or floor is None:
        return
    version = (machine.text("host.version") or "").removeprefix("macos ")
    system = _numbers(version)
    # "macOS 13" may be any 13.x, so that a major alone is old only where it is the older major.
    if system is None or not older(system, floor) or ("." not in system and system == floor.partition(".")[0]):
        return
    yield RULE.finding(
        machine,
        "torch",
        f"torch {torch.text} uses the GPU of a Mac from macOS {floor} on; this is macOS {version}, so it computes on "
        "the CPU.",
        "host.version", "torch.version", "python.machine",
    )  # fmt: skip


def _numbers(text: str | None) -> str | None:
    """Return the leading numbers of a version: 1.13.0 of "1.13.0.dev20220525"."""
    said = re.match(r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}", text or "")
    return said[0] if said else None


MAC: dict[str, Value] = {
    "host.os": "macos",
    "host.platform": "macos-arm64",
    "host.kind": "macos",
    "host.version": "macos 14.5",
    "host.libc": None,
    "cpu.architecture": "arm64",
    "cpu.flags": None,
    "python.machine": "arm64",
    "torch": "2.9.1",
    "torch.wheel_tags": ["cp311-none-macosx_11_0_arm64"],
    "driver": None,
    "gpus": None,
    "nvml.status": None,
    "cuda.init": None,
    "device.nodes": None,
    "pci.nvidia": None,
    "cuda.library": None,
    "cuda.library_version": None,
    "shm.total_bytes": None,
    "shm.free_bytes": None,
}

RULE = Rule(
    judge,
    stage=Stage.SUPPORT,
    needs=(
        "host.os",
        "host.version",
        "python.machine",
        "torch.version",
        "torch.cuda",
        "torch.hip",
        "torch.channel",
        "torch.provenance",
    ),
    fires=(
        Example(
            "Monterey with a release that takes Ventura",
            {**MAC, "torch": "2.5.1", "host.version": "macos 12.7.6"},
            severity=Severity.WARNING,
            says="macOS 13.0",
        ),
        Example(
            "an early Monterey with the first releases that had MPS",
            {**MAC, "torch": "1.13.0.dev20220525", "host.version": "macos 12.2.1"},
            severity=Severity.WARNING,
            says="macOS 12.3",
        ),
        Example(
            "Ventura with a release that takes Sonoma",
            {**MAC, "torch": "2.10.0", "host.version": "macos 13.7.4"},
            severity=Severity.WARNING,
            says="macOS 14.0",
        ),
    ),
    quiet=(
        Example("a Mac of today", MAC),
        Example(
            "Monterey 12.3 with the newest release it serves", {**MAC, "torch": "2.4.1", "host.version": "macos 12.3"}
        ),
        Example("Ventura 13.0 with 2.5.0", {**MAC, "torch": "2.5.0", "host.version": "macos 13.0"}),
        Example("Sonoma 14.0 with 2.10.0", {**MAC, "torch": "2.10.0", "host.version": "macos 14.0"}),
        Example("a torch without MPS", {**MAC, "torch": "1.11.0", "host.version": "macos 11.6"}),
        Example("only the first number of the version is known", {**MAC, "torch": "2.4.0", "host.version": "macos 12"}),
        Example(
            "an Intel Mac",
            {
                **MAC,
                "torch": "2.2.2",
                "host.version": "macos 11.7.10",
                "host.platform": "macos-x86_64",
                "cpu.architecture": "x86_64",
                "python.machine": "x86_64",
            },
        ),
        Example("no torch", {**MAC, "torch": None, "host.version": "macos 12.0"}),
        Example("a machine with Linux", {}),
    ),
)
