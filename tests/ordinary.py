"""What an ordinary machine tells besides torch and its driver: the facts a description need not name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value

VERSIONS = {"linux": "ubuntu 22.04", "windows": "windows 10.0.22631", "macos": "macos 14.5"}


def ordinary(described: Mapping[str, Fact]) -> dict[str, Fact]:
    """Every fact beyond those described, as a machine of that platform, kind and package set tells it."""
    platform, kind = _text(described, "host.platform"), _text(described, "host.kind")
    system, _, machine = platform.partition("-")
    machine = machine.removesuffix("-jetson")
    values: dict[str, Value] = {
        **_host(system, kind, machine),
        **_python(described, machine),
        **_packages(described),
        **_tools(described),
    }
    return {
        name: Known(value, "ordinary") if value is not None else Absent("not there") for name, value in values.items()
    }


def _text(described: Mapping[str, Fact], name: str) -> str:
    fact = described.get(name)
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else ""


def _host(system: str, kind: str, machine: str) -> dict[str, Value]:
    linux = system == "linux"
    container = kind == "container"
    return {
        "host.version": VERSIONS.get(system),
        "host.wsl": True if kind == "wsl2" else None,
        "host.l4t": "36.4.0" if kind == "jetson" else None,
        "host.virtualization": "kvm" if kind == "vm-vgpu" else None,
        "host.memory_bytes": 64 * 2**30,
        "cpu.model": "a processor",
        "cpu.architecture": machine,
        "cpu.flags": ["sse4_2", "avx", "avx2", "fma"]
        if machine == "x86_64"
        else ["asimd", "asimddp"]
        if linux
        else None,
        "cpu.count": 16,
        "container.runtime": "docker" if container else None,
        "container.nvidia_require": None,
        "shm.total_bytes": 32 * 2**30 if linux else None,
        "shm.free_bytes": 32 * 2**30 if linux else None,
        "limits.memlock_bytes": None,
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
    wheel = f"{tag}-{tag}-manylinux_2_28_{platform.partition('-')[2]}"
    return {
        "packages.duplicates": [],
        "packages.leftovers": [],
        "packages.conda": None,
        "torch.editable": None,
        "torch.wheel_tags": [wheel] if installed and platform.startswith("linux") else None,
        "torch.installer": "pip" if installed else None,
        "torch.rocm_archs": None,
        "nvidia.toolkit_requires": None,
        "nvidia.clashes": [],
        "numpy.version": None,
        "opencv.packages": {},
        "extensions.packages": {},
    }


def _tools(described: Mapping[str, Fact]) -> dict[str, Value]:
    driver = _text(described, "driver.version") or None
    return {
        "cuda.library": f"/usr/lib/x86_64-linux-gnu/libcuda.so.{driver}" if driver else None,
        "cuda.library_version": driver,
        "cuda.compat": None,
        "cuda.compat_folders": [],
        "toolkit.installed": [],
        "toolkit.home": None,
        "toolkit.home_version": None,
        "toolkit.home_because": None,
        "toolkit.nvcc": None,
        "toolkit.nvcc_version": None,
        "compiler.path": None,
        "compiler.version": None,
    }
