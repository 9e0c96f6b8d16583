"""The healthy machine that every rule's examples vary, and the shorthands they may use.

An A100 on driver 535.104.05 with the default build of torch 2.9.1: healthy because CUDA 12.8 runs on any
driver from 525.60.13 on (NVIDIA CUDA Compatibility, minor-version compatibility).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known
from envdoctor.model.snapshot import Snapshot

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.rules.rule import Example

SOURCE = "example"

HEALTHY: dict[str, Value] = {
    "host.os": "linux",
    "host.platform": "linux-x86_64",
    "host.kind": "bare",
    "host.kernel": "6.1.0",
    "host.libc": "glibc 2.36",
    "python.executable": "/home/me/venv/bin/python",
    "python.chosen_because": "VIRTUAL_ENV",
    "python.also_with_torch": None,
    "python.version": "3.11.7",
    "python.tag": "cp311",
    "python.prefix": "/home/me/venv",
    "python.site_packages": ["/home/me/venv/lib/python3.11/site-packages"],
    "python.has_pip": True,
    "python.externally_managed": False,
    "packages.installed": {},
    "nvidia.packages": {},
    "torch": "2.9.1+cu128",
    "torch.provenance": "pypi",
    "torch.requires": [],
    "torchvision": None,
    "torchaudio": None,
    "triton.version": None,
    "libraries.missing": [],
    "libraries.loaded": [],
    "libraries.shadowed": [],
    "libraries.undefined": [],
    "libraries.unmet_versions": [],
    "cudnn.version": None,
    "nccl.version": None,
    "torch.kernels": None,
    "extensions.kernels": [],
    "packages.damaged": [],
    "python.local_modules": [],
    "driver": "535.104.05 12.2",
    "driver.trouble": None,
    "nvml.status": 0,
    "cuda.init": 0,
    "gpus": ["NVIDIA A100-SXM4-80GB 8.0"],
    "pci.nvidia": [{"address": "0000:01:00.0", "device": "0x20b2", "class": "0x030200", "driver": "nvidia"}],
    "device.nodes": ["nvidia0", "nvidiactl"],
    "env.CUDA_VISIBLE_DEVICES": None,
    "env.CUDA_DEVICE_ORDER": None,
    "env.LD_LIBRARY_PATH": None,
    "env.NVIDIA_VISIBLE_DEVICES": None,
    "host.version": "debian 12",
    "host.wsl": None,
    "host.l4t": None,
    "host.virtualization": None,
    "host.memory_bytes": 270_000_000_000,
    "cpu.model": "AMD EPYC 7742 64-Core Processor",
    "cpu.architecture": "x86_64",
    "cpu.flags": ["sse4_2", "avx", "avx2", "fma"],
    "cpu.count": 128,
    "container.runtime": None,
    "container.nvidia_require": None,
    "shm.total_bytes": 135_000_000_000,
    "shm.free_bytes": 135_000_000_000,
    "limits.memlock_bytes": None,
    "limits.stack_bytes": 8_388_608,
    "limits.open_files": 1024,
    "cgroup.memory_bytes": None,
    "cgroup.cpus": None,
    "amd.gpus": None,
    "windows.missing_runtime": None,
    "python.environment": "venv",
    "python.manager": "venv",
    "python.project": None,
    "python.project_tool": None,
    "python.prefix_writable": True,
    "python.system_site": False,
    "python.user_site": None,
    "python.layers": [{"folder": "/home/me/venv/lib/python3.11/site-packages", "kind": "environment"}],
    "python.base_prefix": "/usr",
    "python.machine": "x86_64",
    "python.bits": 64,
    "python.translated": None,
    "index.settings": [],
    "packages.duplicates": [],
    "packages.leftovers": [],
    "packages.conda": None,
    "torch.editable": None,
    "torch.wheel_tags": ["cp311-cp311-manylinux_2_28_x86_64"],
    "torch.installer": "pip",
    "torch.location": "/home/me/venv/lib/python3.11/site-packages/torch",
    "torch.rocm_archs": None,
    "nvidia.toolkit_requires": None,
    "nvidia.clashes": [],
    "numpy.version": None,
    "opencv.packages": {},
    "extensions.packages": {},
    "cuda.library": "/usr/lib/x86_64-linux-gnu/libcuda.so.535.104.05",
    "cuda.library_version": "535.104.05",
    "cuda.compat": None,
    "cuda.compat_folders": [],
    "driver.wsl_library": None,
    "toolkit.installed": [],
    "toolkit.home": None,
    "toolkit.home_version": None,
    "toolkit.home_because": None,
    "toolkit.nvcc": None,
    "toolkit.nvcc_version": None,
    "compiler.path": None,
    "compiler.version": None,
}


def snapshot_of(example: Example) -> Snapshot:
    """Return the machine of an example: the healthy one, with the example's facts in place."""
    return snapshot({**HEALTHY, **example.facts})


def snapshot(told: dict[str, Value]) -> Snapshot:
    """Turn shorthands into facts; a value None becomes an absence.

    `torch`, `torchvision`, `torchaudio`: a version text such as "2.14.0+cu130", from which CUDA and channel
    follow. `driver`: "535.104.05 12.2", version and CUDA driver API version. `gpus`: "NAME 8.0" each; all
    are visible unless `gpu.visible` says otherwise. `taken`: when the machine was looked at.
    """
    facts: dict[str, Fact] = {}
    for name, value in told.items():
        if name in ("torch", "torchvision", "torchaudio"):
            facts.update(_build(name, str(value) if value else None))
        elif name == "driver":
            version, _, api = str(value or "").partition(" ")
            facts["driver.version"] = _fact(version or None)
            facts["driver.cuda_version"] = _fact(api or None)
        elif name == "gpus":
            facts.update(_gpus(value))
    facts.update({name: _fact(value) for name, value in told.items() if "." in name})
    taken = str(told.get("taken") or "2026-11-21T10:00:00Z")
    return Snapshot(facts, taken=taken, envdoctor="0.1.0", redacted=True)


def _fact(value: Value) -> Fact:
    return Absent("not there in this example") if value is None else Known(value, SOURCE)


def _build(name: str, version: str | None) -> dict[str, Fact]:
    local = version.partition("+")[2] if version else ""
    cuda = f"{local[2:-1]}.{local[-1]}" if local.startswith("cu") else None
    facts = {f"{name}.version": _fact(version), f"{name}.cuda": _fact(cuda), f"{name}.requires": _fact(None)}
    if name == "torch":
        facts |= {
            "torch.hip": _fact(local.removeprefix("rocm") if local.startswith("rocm") else None),
            "torch.local": _fact(local or None),
            "torch.channel": _fact((local or "cpu") if version else None),
            "torch.dist_version": _fact(version.partition("+")[0] if version else None),
        }
    return facts


def _gpus(value: Value) -> dict[str, Fact]:
    lines = [str(line) for line in value] if isinstance(value, list) else []
    if value is None:
        return {"gpu.count": _fact(None), "gpu.visible": _fact(None)}
    facts: dict[str, Fact] = {"gpu.count": _fact(len(lines)), "gpu.visible": _fact([*range(len(lines))])}
    for index, line in enumerate(lines):
        name, _, capability = line.rpartition(" ")
        facts[f"gpu.{index}.name"] = _fact(name)
        facts[f"gpu.{index}.compute_capability"] = _fact(capability)
        facts[f"gpu.{index}.status"] = _fact(0)
    return facts
