"""What an ordinary machine tells besides torch and its driver: the facts a description need not name.

In step with what the probes document: `tests/gallery/test_described_machines.py` holds that a described machine has
every documented fact and no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known
from envdoctor.probes import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value

VERSIONS = {"linux": "ubuntu 22.04", "windows": "windows 10.0.22631", "macos": "macos 14.5"}
DATA_CENTRE = ("A100", "A30", "H100", "H200", "GH200", "B200", "B300", "GB200")
"""GPUs that can be cut into MIG instances."""
NO_ECC = ("GeForce", "GTX", "Orin", "Thor", "TITAN X", "GRID", "GB10")


def ordinary(described: Mapping[str, Fact]) -> dict[str, Fact]:
    """Every fact beyond those described, as a machine of that platform, kind and package set tells it."""
    platform, kind = _text(described, "host.platform"), _text(described, "host.kind")
    system, _, machine = platform.partition("-")
    machine = machine.removesuffix("-jetson")
    values: dict[str, Value] = {
        **_host(system, kind, machine),
        **_python(described, machine),
        **_packages(described),
        **_tools(described, kind),
        **_gpu_states(described),
    }
    told: dict[str, Fact] = {name: Absent("not set") for name in environment.FACTS}
    for name, value in values.items():
        told[name] = Known(value, source_of(name)) if value is not None else Absent("not there")
    return told


SOURCES = {
    "cpu.": "/proc/cpuinfo",
    "env.": "environment",
    "gpu.": "nvml",
    "host.": "files",
    "index.": "configuration",
    "limits.": "/proc/self/limits",
    "packages.": "dist-info",
    "packages.conda": "conda-meta",
    "python.": "interpreter",
    "shm.": "/dev/shm",
    "torch.": "dist-info",
    "torchaudio.": "dist-info",
    "torchvision.": "dist-info",
    "driver.": "nvml",
    "nvml.": "nvml",
    "cuda.": "libcuda",
}


def source_of(name: str) -> str:
    """Where a look has a fact from, in general: the longest beginning of its name that is in the table."""
    fitting = [beginning for beginning in SOURCES if name.startswith(beginning)]
    return SOURCES[max(fitting, key=len)] if fitting else "files"


def _text(described: Mapping[str, Fact], name: str) -> str:
    fact = described.get(name)
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else ""


def _host(system: str, kind: str, machine: str) -> dict[str, Value]:
    linux = system == "linux"
    container = kind == "container"
    flags: dict[str, Value] = {
        "x86_64": ["sse4_1", "sse4_2", "avx", "avx2", "fma"],
        "aarch64": ["atomics", "asimd", "asimddp"],
    }
    return {
        "host.version": VERSIONS.get(system),
        "host.wsl": True if kind == "wsl2" else None,
        "host.l4t": "36.4.0" if kind == "jetson" else None,
        "host.virtualization": {"vm-vgpu": "kvm", "wsl2": "hyperv"}.get(kind),
        "host.memory_bytes": 64 * 2**30,
        "cpu.model": "a processor",
        "cpu.architecture": machine,
        "cpu.flags": flags.get(machine) if linux else None,
        "cpu.count": 16,
        "container.runtime": "docker" if container else None,
        "container.nvidia_require": None,
        "shm.total_bytes": 32 * 2**30 if linux else None,
        "shm.free_bytes": 32 * 2**30 if linux else None,
        "limits.memlock_bytes": None if container or not linux else 8 * 2**20,
        "limits.stack_bytes": 8 * 2**20 if system != "windows" else None,
        "limits.open_files": 1024 if system != "windows" else None,
        "cgroup.memory_bytes": None,
        "cgroup.cpus": None,
        "amd.gpus": None,
        "windows.missing_runtime": [] if system == "windows" else None,
    }


def _python(described: Mapping[str, Fact], machine: str) -> dict[str, Value]:
    sites = described.get("python.site_packages")
    folders = sites.value if isinstance(sites, Known) and isinstance(sites.value, list) else []
    return {
        "python.environment": "venv",
        "python.manager": "venv",
        "python.project": None,
        "python.project_tool": None,
        "python.prefix_writable": True,
        "python.system_site": False,
        "python.user_site": None,
        "python.layers": [{"folder": folder, "kind": "environment"} for folder in folders],
        "python.base_prefix": "/usr",
        "python.machine": machine,
        "python.bits": 64,
        "python.translated": None,
        "index.settings": [],
    }


def _packages(described: Mapping[str, Fact]) -> dict[str, Value]:
    installed = isinstance(described.get("torch.version"), Known)
    tag, platform = _text(described, "python.tag"), _text(described, "host.platform")
    wheel = f"{tag}-{tag}-manylinux_2_28_{platform.partition('-')[2].removesuffix('-jetson')}"
    return {
        "packages.duplicates": [],
        "packages.leftovers": [],
        "packages.conda": None,
        "torch.editable": None,
        "torch.wheel_tags": [wheel] if installed and platform.startswith("linux") else None,
        "torch.installer": "pip" if installed else None,
        "torch.rocm_archs": None,
        "torch.dependents": [],
        "nvidia.toolkit_requires": None,
        "nvidia.clashes": [],
        "numpy.version": None,
        "opencv.packages": {},
        "extensions.packages": {},
        "extensions.objects": {},
        "packages.damaged": [],
        "python.local_modules": [],
        **_binaries(platform.startswith("linux")),
    }


def _binaries(elf: bool) -> dict[str, Value]:
    """What is read out of shared objects: a description without files has none to read device code from."""
    return {
        "libraries.loaded": [] if elf else None,
        "libraries.shadowed": [] if elf else None,
        "libraries.undefined": [] if elf else None,
        "libraries.unmet_versions": [] if elf else None,
        "cudnn.version": None,
        "nccl.version": None,
        "torch.kernels": None,
        "extensions.kernels": [] if elf else None,
    }


def _tools(described: Mapping[str, Fact], kind: str) -> dict[str, Value]:
    driver = _text(described, "driver.version") or _text(described, "driver.library_version") or None
    lent = "/usr/lib/wsl/lib/libcuda.so.1"
    machine = "aarch64" if "aarch64" in _text(described, "host.platform") else "x86_64"
    folder = f"/usr/lib/{machine}-linux-gnu"
    return {
        "cuda.library": (lent if kind == "wsl2" else f"{folder}/libcuda.so.{driver}") if driver else None,
        "cuda.library_version": driver,
        "cuda.compat": None,
        "cuda.compat_folders": [],
        "driver.wsl_library": lent if kind == "wsl2" and driver else None,
        "toolkit.installed": [],
        "toolkit.home": None,
        "toolkit.home_version": None,
        "toolkit.home_because": None,
        "toolkit.nvcc": None,
        "toolkit.nvcc_version": None,
        "compiler.path": None,
        "compiler.version": None,
    }


def _gpu_states(described: Mapping[str, Fact]) -> dict[str, Value]:
    """What NVML tells of each listed GPU beyond its name: nothing is wrong with it, and nothing runs on it."""
    count = described.get("gpu.count")
    number = count.value if isinstance(count, Known) and isinstance(count.value, int) else 0
    told: dict[str, Value] = {}
    for index in range(number):
        name = _text(described, f"gpu.{index}.name")
        memory = described.get(f"gpu.{index}.memory_mib")
        whole = memory.value if isinstance(memory, Known) and isinstance(memory.value, int) else None
        corrected = not any(word in name for word in NO_ECC)
        told |= {
            f"gpu.{index}.mig_mode": "off" if any(word in name.split() or f"{word}-" in name for word in DATA_CENTRE)
            else None,
            f"gpu.{index}.ecc": "on" if corrected else None,
            f"gpu.{index}.ecc_errors": 0 if corrected else None,
            f"gpu.{index}.persistence": "on" if corrected else "off",
            f"gpu.{index}.compute_mode": "default",
            f"gpu.{index}.throttle": [],
            f"gpu.{index}.virtualization": "none",
            f"gpu.{index}.memory_free_mib": max(whole - 512, 0) if whole is not None else None,
            f"gpu.{index}.processes": 0,
            f"gpu.{index}.utilization": 0,
        }  # fmt: skip
    return told
