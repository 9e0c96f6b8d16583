"""AMD GPUs and what a ROCm build of torch carries for them, as the names of their architecture.

The amdgpu driver lists every processor it serves under `/sys/class/kfd/kfd/topology/nodes`; programs reach them by
`/dev/kfd`, which a container sees only where it was passed in, while `/sys` is the host's. What torch carries is
read from the names of the kernel files beside its copies of rocBLAS and hipBLASLt, which stop a program on a GPU
they have no file for ("TensileLibrary.dat: Illegal seek for GPU arch").
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "amd.gpus": "architectures (gfx1100, gfx90a, ...) of the AMD GPUs that ROCm programs reach, in the driver's order",
    "torch.rocm_archs": "architectures that a ROCm build of torch carries BLAS kernels for, by their file names",
}

NODES = "/sys/class/kfd/kfd/topology/nodes"
DEVICE = "/dev/kfd"

MOST_NODES = 1024
"""A machine with eight GPUs has about twelve."""

MOST_FILES = 20_000
"""A wheel for a dozen architectures has some two thousand."""

MOST_ARCHITECTURES = 64
"""AMD has named about fifty."""

KERNEL_FOLDERS = (("lib", "rocblas", "library"), ("lib", "hipblaslt", "library"))

VERSION = r"(?m)^gfx_target_version (\d{1,9})$"
ARCHITECTURE = r"gfx\d+(?:-\d)?-generic|gfx[1-9][0-9a-f]{2,5}(?![0-9a-z])"
# TensileLibrary_lazy_gfx1100.dat, Kernels.so-000-gfx90a-xnack+.hsaco, TensileLibrary_Type_HH_..._fallback_gfx1030.hsaco


def look(at: Looking) -> Facts:
    """Read the driver's list and torch's file names."""
    return {"amd.gpus": _gpus(at.host), "torch.rocm_archs": _carried(at)}


def _gpus(host: Host) -> Fact:
    if host.os != "linux":
        return Absent(f"the list of the amdgpu driver is one of Linux, this is {host.os}")
    try:
        names = host.listdir(NODES)[:MOST_NODES]
    except FileNotFoundError:
        return Absent("the amdgpu driver serves no GPU here (no /sys/class/kfd)")
    except OSError as problem:
        return Unknown(f"{NODES}: {problem.strerror or problem}")
    if not host.exists(DEVICE):
        return Absent("there is no /dev/kfd, by which ROCm programs reach a GPU")
    found = []
    for name in sorted(names, key=lambda name: (len(name), name)):
        try:
            said = re.search(VERSION, host.read(f"{NODES}/{name}/properties", 65536))
        except PermissionError:
            continue  # a GPU that the control group withholds (amdkfd, kfd_devcgroup_check_permission)
        except OSError as problem:
            return Unknown(f"{NODES}/{name}/properties: {problem.strerror or problem}")
        number = int(said[1]) if said else 0
        if number:  # 0 is a processor that is no GPU
            found.append(architecture(number))
    return Known([*found], NODES) if found else Absent("the amdgpu driver lists no GPU")


def architecture(number: int) -> str:
    """Return the name of a `gfx_target_version`: 110501 is gfx1151, 90010 is gfx90a (minor and step as hex digits)."""
    return f"gfx{number // 10000}{number // 100 % 100:x}{number % 100:x}"


def _carried(at: Looking) -> Fact:
    hip = at.facts.get("torch.hip")
    if not isinstance(hip, Known):
        return hip if isinstance(hip, Unknown) else Absent("torch is no ROCm build")
    folder = at.text("torch.location")
    if folder is None:
        return Absent("there is no folder torch")
    found: set[str] = set()
    for parts in KERNEL_FOLDERS:
        try:
            names = at.host.listdir(os.path.join(folder, *parts))[:MOST_FILES]
        except FileNotFoundError:
            continue
        except OSError as problem:
            return Unknown(f"{'/'.join(('torch', *parts))}: {problem.strerror or problem}")
        found.update(name for file in names for name in re.findall(ARCHITECTURE, file[:255]))
    if not found:
        return Absent("this torch has no BLAS kernels of its own: it loads those of a ROCm installation")
    names = sorted(found, key=lambda name: (len(name), name))
    return Known([*names[:MOST_ARCHITECTURES]], "torch/lib")
