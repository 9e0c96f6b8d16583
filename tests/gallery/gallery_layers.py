"""The layers that machines of the gallery share: operating systems, containers, environments, partners."""

from __future__ import annotations

from typing import Any

A100 = "NVIDIA A100-SXM4-80GB"
GTX_1080 = "NVIDIA GeForce GTX 1080"
H100 = "NVIDIA H100 80GB HBM3"
H200 = "NVIDIA H200"
RTX_4090 = "NVIDIA GeForce RTX 4090"
RTX_5090 = "NVIDIA GeForce RTX 5090"
V100 = "Tesla V100-SXM2-16GB"
MIG_UUIDS = ["MIG-5c1e9f2a-0000-4000-8000-000000000001", "MIG-5c1e9f2a-0000-4000-8000-000000000002"]
SITE = "/srv/train/.venv/lib/python3.11/site-packages"
LINUX = 'platform_system == "Linux"'

UBUNTU: dict[str, Any] = {
    "glibc": "2.35",
    "overrides": {"host.version": "ubuntu 22.04", "host.kernel": "5.15.0-122-generic"},
}
DEBIAN: dict[str, Any] = {"glibc": "2.36", "overrides": {"host.version": "debian 12", "host.kernel": "6.1.0-18-amd64"}}
FEDORA: dict[str, Any] = {
    "glibc": "2.41",
    "overrides": {"host.version": "fedora 42", "host.kernel": "6.14.4-300.fc42.x86_64"},
}
ROCKY_8: dict[str, Any] = {
    "glibc": "2.28",
    "overrides": {"host.version": "rocky 8.10", "host.kernel": "4.18.0-553.el8_10"},
}
CENTOS_7: dict[str, Any] = {
    "glibc": "2.17",
    "overrides": {"host.version": "centos 7", "host.kernel": "3.10.0-1160.el7"},
}

ARM_SERVER: dict[str, Any] = {
    "platform": "linux-aarch64",
    "kind": "sbsa",
    "glibc": "2.39",
    "overrides": {"host.version": "ubuntu 24.04", "host.kernel": "6.8.0-1021-nvidia-64k", "cpu.model": "Neoverse V2",
                  "cpu.flags": ["atomics", "asimd", "asimddp", "sve", "sve2"]},
}  # fmt: skip

JETSON: dict[str, Any] = {
    "platform": "linux-aarch64-jetson",
    "kind": "jetson",
    "python": "3.10.12",
    "glibc": "2.35",
    "overrides": {"host.version": "ubuntu 22.04", "host.kernel": "5.15.148-tegra", "cpu.model": "ARMv8 Processor rev 1",
                  "host.memory_bytes": 32 * 10**9, "cpu.count": 12},
}  # fmt: skip

WINDOWS: dict[str, Any] = {
    "platform": "windows-x86_64",
    "kind": "windows",
    "python": "3.11.9",
    "triton": None,
    "nvidia": {},
    "requires": ["filelock", "typing-extensions>=4.10.0", f"triton==3.5.1; {LINUX}"],
    "base": r"C:\Python311",
    "manager": "venv",
}

MACOS: dict[str, Any] = {
    "platform": "macos-arm64",
    "kind": "macos",
    "python": "3.12.4",
    "driver": None,
    "gpus": [],
    "triton": None,
    "nvidia": {},
    "requires": ["filelock", "typing-extensions>=4.10.0"],
    "base": "/opt/homebrew/opt/python@3.12",
    "manager": "venv",
    "tags": ["TAG-macosx_11_0_arm64"],
    "overrides": {"cpu.model": "Apple M3", "host.memory_bytes": 24 * 2**30, "cpu.count": 8},
}

WSL2: dict[str, Any] = {**UBUNTU, "kind": "wsl2"}
WSL2 = {**WSL2, "overrides": {"host.version": "ubuntu 22.04", "host.memory_bytes": 16 * 2**30}}

NO_GPU: dict[str, Any] = {"driver": None, "gpus": []}

DOCKER: dict[str, Any] = {
    "kind": "container",
    "prefix": "/usr/local",
    "environment": "system",
    "manager": None,
    "base": "/usr/local",
    "overrides": {"limits.open_files": 1_048_576, "limits.memlock_bytes": 8 * 2**20,
                  "shm.total_bytes": 16 * 2**30, "shm.free_bytes": 16 * 2**30},
}  # fmt: skip
"""A container that was started with --shm-size; docker's own default is 64 MiB."""

DEFAULT_SHM: dict[str, Any] = {"overrides": {"shm.total_bytes": 67_108_864, "shm.free_bytes": 67_108_864}}

NGC: dict[str, Any] = {
    **DOCKER,
    "python": "3.12.3",
    "glibc": "2.39",
    "torch": "2.6.0a0+ecf3bae40a.nv25.01",
    "torch_cuda": "12.8",
    "provenance": "ngc",
    "torchvision": "0.20.0a0",
    "triton": "3.1.0",
    "requires": ["filelock", "typing-extensions>=4.10.0"],
    "tags": ["TAG-linux_x86_64"],
    "sites": [("/usr/local/lib/python3.12/dist-packages", "dist-packages"),
              ("/usr/lib/python3/dist-packages", "dist-packages")],
    "env": {"NVIDIA_PYTORCH_VERSION": "25.01", "NVIDIA_VISIBLE_DEVICES": "all", "CUDA_HOME": "/usr/local/cuda",
            "NVIDIA_DRIVER_CAPABILITIES": "compute,utility,video", "LD_LIBRARY_PATH":
            "/usr/local/cuda/compat/lib:/usr/local/nvidia/lib:/usr/local/nvidia/lib64"},
    "overrides": {
        **DOCKER["overrides"],
        "host.version": "ubuntu 24.04",
        "limits.memlock_bytes": None,
        "python.externally_managed": True,
        "torch.channel": "cu128",
        "torchvision.cuda": None,
        "torchvision.requires": ["numpy", "torch"],
        "toolkit.installed": [{"path": "/usr/local/cuda-12.8", "version": "12.8.61", "nvcc": True}],
        "toolkit.home": "/usr/local/cuda",
        "toolkit.home_version": "12.8.61",
        "toolkit.home_because": "CUDA_HOME",
        "toolkit.nvcc": "/usr/local/cuda/bin/nvcc",
        "toolkit.nvcc_version": "12.8.61",
        "compiler.path": "/usr/bin/c++",
        "compiler.version": "13",
        "cuda.compat_folders": [{"folder": "/usr/local/cuda-12.8/compat/lib.real", "version": "570.86.10"}],
    },
}  # fmt: skip
"""NVIDIA's PyTorch image of January 2025, whose start puts its compat folder first where the driver is older."""

CONDA: dict[str, Any] = {
    "prefix": "/opt/miniforge3/envs/train",
    "base": "/opt/miniforge3/envs/train",
    "environment": "conda",
    "manager": "conda",
    "installer": "conda",
    "env": {"CONDA_PREFIX": "/opt/miniforge3/envs/train", "CONDA_DEFAULT_ENV": "train"},
    "overrides": {"packages.conda": {}},
}

SYSTEM: dict[str, Any] = {
    "prefix": "/usr",
    "base": "/usr",
    "environment": "system",
    "manager": None,
    "overrides": {"python.externally_managed": True},
}
"""The operating system's own Python, which pip may not change (PEP 668)."""


def conda_records(**records: tuple[str, str, str]) -> dict[str, Any]:
    """What conda recorded: name (with `_` for a dash) to version, build and channel."""
    told = {
        name.replace("_", "-"): {"version": version, "build": build, "channel": channel}
        for name, (version, build, channel) in records.items()
    }
    return {"overrides": {"packages.conda": told}}


def partner(name: str, version: str, torch: str, cuda: str | None = None) -> dict[str, Any]:
    """A partner that the table of stub wheels does not know: its version, its pin on torch and its CUDA."""
    return {
        name: version,
        "overrides": {f"{name}.version": version, f"{name}.requires": [f"torch=={torch}"], f"{name}.cuda": cuda},
    }


def toolkit(*versions: str, home: str | None = None, because: str = "/usr/local/cuda") -> dict[str, Any]:
    """CUDA toolkits in /usr/local, and which of them a build would take."""
    taken = home or versions[0]
    folder = f"/usr/local/cuda-{'.'.join(taken.split('.')[:2])}"
    listed = [
        {"path": f"/usr/local/cuda-{'.'.join(version.split('.')[:2])}", "version": version, "nvcc": True}
        for version in versions
    ]
    on_path = because == "nvcc on PATH"
    return {
        "overrides": {
            "toolkit.installed": listed,
            "toolkit.home": "/usr/local/cuda" if because == "/usr/local/cuda" else folder,
            "toolkit.home_version": taken,
            "toolkit.home_because": because,
            "toolkit.nvcc": f"{folder}/bin/nvcc" if on_path else None,
            "toolkit.nvcc_version": taken if on_path else None,
            "compiler.path": "/usr/bin/c++",
            "compiler.version": "11",
        }
    }


OF_2020: dict[str, Any] = {
    "python": "3.8.20",
    "torchvision": None,
    "triton": None,
    "nvidia": {},
    "requires": [],
    "tags": ["TAG-manylinux1_x86_64"],
    "packages": {"numpy": "1.19.5"},
}
"""An environment of the days when torch's wheels held all of CUDA and had no triton."""
