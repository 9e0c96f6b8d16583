"""Under WSL2, the part of the Windows driver that Linux programs need is missing or hidden.

## What it means
In WSL2 no Linux driver is installed. Windows lends its own: the device `/dev/dxg` and the libraries in
/usr/lib/wsl/lib, libcuda.so.1 among them. Where one of them is missing, or where another libcuda is found first,
torch finds no GPU: "Found no NVIDIA driver on your system" or "No CUDA GPUs are available".

## Why it happens
A Linux driver package was installed inside WSL2, alone or as a dependency of the package `cuda`: its libcuda stands
in a folder that is searched first, and looks for a kernel module that WSL2 does not have. Or Windows has no NVIDIA
driver, or one from before WSL2 support (470); or Windows, its WSL or the WSL kernel (4.19.121 is the oldest) is too
old, for which NVML says "GPU access blocked by the operating system"; or the distribution runs under WSL 1, whose
kernel calls itself `4.4.0-...-Microsoft`; or `gpuSupport=false` stands in .wslconfig; or
this distribution's loader does not look into /usr/lib/wsl/lib.

## How to be sure
`ls -l /dev/dxg /usr/lib/wsl/lib/libcuda.so.1`, `ldconfig -p | grep libcuda.so.1` (the one of /usr/lib/wsl/lib must be
first) and, on Debian and Ubuntu, `dpkg -l | grep -e libcuda1 -e libnvidia-compute`. `/usr/lib/wsl/lib/nvidia-smi`
asks Windows directly.

## How to fix
Remove the Linux driver packages (`sudo apt-get remove --purge 'libnvidia-compute-*' 'nvidia-driver-*'`) and run
`sudo ldconfig`; a CUDA toolkit in WSL2 is installed as `cuda-toolkit-*`, never as `cuda`. In Windows: a present NVIDIA
driver, then `wsl --update` and `wsl --shutdown`. Where the loader does not look there, put /usr/lib/wsl/lib into
/etc/ld.so.conf.d/ld.wsl.conf. Reinstalling torch changes nothing.

## Sources
NVIDIA, CUDA on WSL user guide (system requirements; no Linux driver inside WSL); Microsoft, GPU acceleration in WSL
and .wslconfig; NVML API reference, NVML_ERROR_OPERATING_SYSTEM (17).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.rules.cuda_start import NEEDS, WSL, cause, foreign_in_wsl, under_wsl
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

BLOCKED = 17  # NVML_ERROR_OPERATING_SYSTEM: "GPU access blocked by the operating system"
OLDEST_KERNEL = (4, 19, 121)
"""The first WSL2 kernel with a GPU (CUDA on WSL user guide, system requirements)."""


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Tell which part of what Windows lends is missing, where CUDA programs need it."""
    if not under_wsl(machine):
        return
    if machine.number("cuda.init") == 0:
        return
    torch = machine.torch
    if not machine.wishes.require_gpu and (torch is None or torch.cuda is None):
        return  # nothing here needs a GPU
    what, certain = _missing(machine, matrix)
    if not what:
        return
    when = "a GPU was asked for" if machine.wishes.require_gpu else "where nobody asked for a GPU"
    yield RULE.finding(
        machine,
        "driver",
        what,
        "driver.wsl_library", "cuda.library", "cuda.init", "nvml.status", "device.nodes", "host.kernel",
        when="CUDA does not start" if certain else when,
    )  # fmt: skip


def _missing(machine: Machine, matrix: Matrix) -> tuple[str, bool]:
    """Return what is wrong, and whether the NVIDIA driver of Windows is certainly there; nothing where all is well."""
    lent = machine.told("driver.wsl_library")
    init = machine.number("cuda.init")
    if foreign_in_wsl(machine) and (init is None or cause(machine, matrix) == WSL):
        library = machine.told("cuda.library")
        return (
            f"A libcuda of a Linux driver, {library}, is installed inside WSL2 and found before the one that Windows "
            "lends; it looks for a kernel module that WSL2 does not have.",
            lent is not None,
        )
    status = machine.number("nvml.status") if machine.is_known("nvml.status") else None
    if status == BLOCKED:
        return (
            "Windows blocks the GPU for WSL2: NVML refuses with error 17 (GPU access blocked by the operating system). "
            "Windows, its WSL or its NVIDIA driver is too old.",
            True,
        )
    if machine.text("host.kind") == "container" or (init is not None and status == 0):
        return "", False  # a container that was not given the GPU; a driver that answers
    if lent is not None and init is None:
        return (
            f"Windows lends its NVIDIA driver to WSL2, but the loader does not find {lent}: its folder is not among "
            "those that are searched.",
            True,
        )
    if (machine.told("host.kernel") or "").endswith("-Microsoft"):
        return "This is WSL 1, which has no GPU: `wsl --set-version DISTRIBUTION 2` in Windows makes it WSL2.", False
    if "dxg" not in (machine.items("device.nodes") if machine.is_known("device.nodes") else []):
        return f"WSL2 has no GPU device: /dev/dxg is missing, as {_why_no_device(machine)}.", False
    if lent is None:
        return (
            "Windows lends WSL2 no NVIDIA driver: /usr/lib/wsl/lib holds no libcuda.so.1, as Windows has none or one "
            "that is older than 470.",
            False,
        )
    return "", False


def _why_no_device(machine: Machine) -> str:
    kernel = machine.told("host.kernel") or ""
    match = re.match(r"(\d{1,3})\.(\d{1,4})\.(\d{1,5})", kernel)
    if match and tuple(int(part) for part in match.groups()) < OLDEST_KERNEL:
        return f"the WSL kernel {match[0]} is older than 4.19.121"
    return "GPU support is switched off in .wslconfig, or Windows is older than WSL2's GPU support"


WSL_1 = "4.4.0-19041-Microsoft"
KERNEL = "5.15.153.1-microsoft-standard-WSL2"
IN_WSL: dict[str, Value] = {
    "host.kind": "wsl2", "host.wsl": True, "host.kernel": KERNEL, "device.nodes": ["dxg"], "pci.nvidia": [],
    "driver.wsl_library": "/usr/lib/wsl/lib/libcuda.so.1", "cuda.library": "/usr/lib/wsl/lib/libcuda.so.1",
    "cuda.library_version": None, "driver": "581.29 13.0",
}  # fmt: skip
NO_DRIVER: dict[str, Value] = {
    **IN_WSL, "driver": None, "gpus": None, "nvml.status": None, "cuda.init": None, "cuda.library": None,
}  # fmt: skip
NOTHING_LENT: dict[str, Value] = {**NO_DRIVER, "driver.wsl_library": None}
FOREIGN: dict[str, Value] = {
    "cuda.library": "/usr/lib/x86_64-linux-gnu/libcuda.so.535.104.05", "cuda.library_version": "535.104.05",
    "cuda.init": 100,
}  # fmt: skip

RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=(
        *NEEDS,
        "torch.version",
        "torch.cuda",
        "torch.hip",
        "torch.channel",
        "torch.provenance",
        "driver.wsl_library",
        "host.kernel",
    ),
    explains=("driver-query-failed", "driver-missing", "no-gpu-in-container", "no-nvidia-gpu"),
    fires=(
        Example("a Linux driver inside WSL2", {**IN_WSL, **FOREIGN}, says="535.104.05"),
        Example(
            "its NVML hides that of Windows too", {**IN_WSL, **FOREIGN, "nvml.status": 9, "gpus": None}, says="Linux"
        ),
        Example("the loader does not look there", NO_DRIVER, says="does not find"),
        Example("blocked by Windows", {**NO_DRIVER, "nvml.status": 17, "cuda.init": 100}, says="17"),
        Example("Windows has no NVIDIA driver", NOTHING_LENT, severity=Severity.NOTE, says="lends WSL2 no"),
        Example("and a GPU was asked for", {**NOTHING_LENT, "torch": "2.9.1+cpu"}, require_gpu=True),
        Example(
            "an old WSL kernel",
            {**NOTHING_LENT, "device.nodes": None, "host.kernel": "4.19.104-microsoft-standard"},
            severity=Severity.NOTE,
            says="4.19.104",
        ),
        Example(
            "WSL 1",
            {**NOTHING_LENT, "device.nodes": None, "host.kernel": WSL_1},
            severity=Severity.NOTE,
            says="--set-version",
        ),
        Example(
            "CUDA starts when it is asked alone, and not for torch",
            {
                **IN_WSL,
                **FOREIGN,
                "cuda.init": 0,
                "torch": "2.9.1+cu128",
                **smoked(failed("start", "CUDA unknown error - this may be due to an incorrectly set up environment")),
            },
            says="before the one that Windows lends",
        ),
    ),
    quiet=(
        Example("WSL 1 and a CPU build", {**NOTHING_LENT, "host.kernel": WSL_1, "torch": "2.9.1+cpu"}),
        Example("a healthy WSL2", IN_WSL),
        Example("a Linux driver's libcuda that works all the same", {**IN_WSL, **FOREIGN, "cuda.init": 0}),
        Example("nothing lent, and nothing that needs it", {**NOTHING_LENT, "torch": "2.9.1+cpu"}),
        Example(
            "a container without the GPU",
            {**NOTHING_LENT, "host.kind": "container", "device.nodes": None, "torch": "2.9.1+cpu"},
        ),
        Example("no WSL2", {}),
    ),
)
