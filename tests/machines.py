"""Machines for the tests of every room: described as facts, as variables of the stand-in, or as files.

machine_snapshot(driver="470.256.02", gpus=[A100], torch="2.5.1+cu124")     a Snapshot
snapshot_of(SCENARIOS["S1"])                                                the same
environment_of(SCENARIOS["S1"], path); standin_variables(SCENARIOS["S1"])   the same, to be looked at
run_cli(["check", "--python", str(python)], variables, standin=standin)     by the real command line
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown, Value
from envdoctor.model.snapshot import Snapshot
from ordinary import ordinary
from standin.build import build_shared_object
from standin.command import Said, run_cli
from standin.environment import PARTNER, Environment, has_public_version, install, make_environment, partner_of
from standin.scenarios import DEFECTS, HEALTHY, SCENARIOS, Scenario
from standin.wheels import UNKNOWN_GIT, Build, partner_requires, take_apart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "DEFECTS",
    "HEALTHY",
    "PARTNER",
    "SCENARIOS",
    "Environment",
    "Said",
    "Scenario",
    "break_torch",
    "environment_of",
    "facts",
    "install",
    "machine_snapshot",
    "make_environment",
    "run_cli",
    "snapshot_of",
    "standin_variables",
]

TAKEN = "2026-11-21T10:00:00Z"
SITE = "/venv/lib/python3.11/site-packages"

MODELS: dict[str, tuple[str, int, str]] = {
    # name as NVML gives it: compute capability, memory in MiB, PCI device
    "NVIDIA A100-SXM4-80GB": ("8.0", 81920, "0x20b2"),
    "NVIDIA B300 SXM6 AC": ("10.3", 275040, "0x3182"),
    "NVIDIA GeForce GTX 1080": ("6.1", 8192, "0x1b80"),
    "NVIDIA GeForce RTX 4090": ("8.9", 24564, "0x2684"),
    "NVIDIA GeForce RTX 5090": ("12.0", 32607, "0x2b85"),
    "NVIDIA H100 80GB HBM3": ("9.0", 81559, "0x2330"),
    "NVIDIA H200": ("9.0", 143771, "0x2335"),
    "NVIDIA A10G": ("8.6", 23028, "0x2237"),
    "NVIDIA GB10": ("12.1", 122570, "0x2e12"),
    "NVIDIA GH200 480GB": ("9.0", 97871, "0x2342"),
    "NVIDIA GeForce GTX 1050": ("6.1", 2048, "0x1c81"),
    "NVIDIA GeForce GTX 1080 Ti": ("6.1", 11264, "0x1b06"),
    "NVIDIA GeForce RTX 3050 Ti Laptop GPU": ("8.6", 4096, "0x25a0"),
    "NVIDIA GeForce RTX 3060 Laptop GPU": ("8.6", 6144, "0x2520"),
    "NVIDIA GeForce RTX 3080": ("8.6", 10240, "0x2206"),
    "NVIDIA GeForce RTX 3090": ("8.6", 24576, "0x2204"),
    "NVIDIA GeForce RTX 4060 Laptop GPU": ("8.9", 8188, "0x28e0"),
    "NVIDIA GeForce RTX 4070": ("8.9", 12282, "0x2786"),
    "NVIDIA GeForce RTX 5090 D": ("12.0", 32607, "0x2b87"),
    "NVIDIA L4": ("8.9", 23034, "0x27b8"),
    "NVIDIA X900-16C": ("8.0", 16384, "0x20b5"),
    "Orin": ("8.7", 30697, "0x229e"),
    "NVIDIA Thor": ("11.0", 125772, "0x2b00"),
    "TITAN X (Pascal)": ("6.1", 12288, "0x1b00"),
    "TITAN Xp": ("6.1", 12288, "0x1b02"),
    "Tesla P100-PCIE-16GB": ("6.0", 16384, "0x15f8"),
    "Tesla K80": ("3.7", 11441, "0x102d"),
    "Tesla T4": ("7.5", 15360, "0x1eb8"),
    "Tesla V100-SXM2-16GB": ("7.0", 16384, "0x1db1"),
}

DRIVER_CUDA = {
    "440": "10.2",
    "450": "11.0",
    "460": "11.2",
    "470": "11.4",
    "510": "11.6",
    "515": "11.7",
    "520": "11.8",
    "525": "12.0",
    "530": "12.1",
    "535": "12.2",
    "545": "12.3",
    "550": "12.4",
    "555": "12.5",
    "560": "12.6",
    "570": "12.8",
    "575": "12.9",
    "580": "13.0",
    "590": "13.1",
    "595": "13.2",
}
"""Driver branch to the CUDA driver API version it answers (CUDA Toolkit release notes, table 3)."""


def machine_snapshot(**described: object) -> Snapshot:
    """A `Snapshot` of the described machine; takes what `facts` takes."""
    return Snapshot(facts(**described), taken=TAKEN, envdoctor="0.1.0")  # type: ignore[arg-type]


def facts(
    *,
    driver: str | None = "535.104.05",
    cuda: str | None = None,
    gpus: Sequence[str | tuple[str, str]] = ("NVIDIA A100-SXM4-80GB",),
    torch: str | None = "2.9.1+cu128",
    torch_cuda: str | None = None,
    provenance: str | None = None,
    torchvision: str | None = PARTNER,
    torchaudio: str | None = None,
    triton: str | None = PARTNER,
    requires: Sequence[str] | None = None,
    nvidia: Mapping[str, str] | None = None,
    missing: Sequence[tuple[str, str]] = (),
    python: str = "3.11.7",
    platform: str = "linux-x86_64",
    kind: str = "bare",
    glibc: str = "2.36",
    has_pip: bool = True,
    visible_devices: str | None = None,
    visible: Sequence[int] | None = None,
    nvml_status: int = 0,
    cuda_init: int | None = None,
    lost: Sequence[int] = (),
    unlisted: Sequence[int] = (),
    overrides: Mapping[str, Fact | Value] | None = None,
) -> dict[str, Fact]:
    """Every fact a look at the described machine gives, none left out: what is not there is `Absent`.

    Without `driver` the GPUs are on the PCI bus and nothing else tells of them; without `torch` nothing of
    its family is installed. A GPU is a name out of `MODELS` or (name, compute capability). `cuda` is the CUDA
    driver API version, by default that of the driver's branch. `nvml_status` and `cuda_init` are error
    codes; `lost` are indexes of GPUs that answer 15, `unlisted` those of GPUs on the bus that the driver does
    not know and so does not enumerate. `visible_devices` is CUDA_VISIBLE_DEVICES; `visible` must go with it
    unless it holds nothing but indexes. `missing` pairs an object with a soname. `overrides` come last:
    facts, or plain values taken as known.
    """
    seen = _host_facts(platform, kind, glibc, visible_devices)
    seen |= _python_facts(python, has_pip)
    seen |= _package_facts(torch, torch_cuda, provenance, torchvision, torchaudio, triton, requires, nvidia, missing)
    models = [_model(gpu) for gpu in gpus]
    seen |= _bus_facts(models, driver, kind)
    version = cuda or DRIVER_CUDA.get((driver or "").split(".")[0])
    seen |= _driver_facts(driver, version, nvml_status, cuda_init)
    listed = [(index, model) for index, model in enumerate(models) if index not in unlisted]
    seen |= _gpu_facts(listed, driver, nvml_status, lost, _visible(len(listed), visible_devices, visible))
    for name, value in ordinary(seen).items():
        seen.setdefault(name, value)
    for name, value in (overrides or {}).items():
        seen[name] = value if isinstance(value, (Known, Absent, Unknown)) else Known(value, "described")
    return seen


def snapshot_of(scenario: Scenario) -> Snapshot:
    """The scenario as a `Snapshot`."""
    return machine_snapshot(
        driver=scenario.driver,
        cuda=scenario.cuda,
        gpus=scenario.gpus,
        torch=scenario.torch,
        torch_cuda=scenario.torch_cuda,
        provenance=scenario.provenance,
        missing=_missing(scenario),
    )


def environment_of(scenario: Scenario, path: Path) -> Environment:
    """The scenario's Python packages on disk, broken where it says so; raises `CannotCompile` for S9 alone."""
    environment = make_environment(path, scenario.torch, cuda=scenario.torch_cuda)
    if scenario.missing:
        break_torch(environment, scenario.missing)
    return environment


def standin_variables(scenario: Scenario) -> dict[str, str]:
    """The scenario's driver and GPUs as variables of the stand-in libraries.

    Raises `ValueError` for a machine without a driver: that is one without the libraries.
    """
    if scenario.driver is None or scenario.cuda is None:
        raise ValueError(f"{scenario.name} has no driver: run it without the stand-in libraries")
    major, minor = scenario.cuda.split(".")
    gpus = [(name, *MODELS[name][:2]) for name in scenario.gpus]
    return {
        "STANDIN_DRIVER": scenario.driver,
        "STANDIN_CUDA": str(1000 * int(major) + 10 * int(minor)),
        "STANDIN_GPUS": ";".join(f"{name}|{capability}|{memory}" for name, capability, memory in gpus),
    }


def break_torch(environment: Environment, library: str = "libcudart.so.12") -> None:
    """Give the stub torch objects that need `library`, which is nowhere: `import torch` could not load them.

    They look for it where the wheel would bring it. Raises `CannotCompile`.
    """
    folder = environment.site_packages / "torch" / "lib"
    for name in ("libtorch_global_deps.so", "libtorch_cuda.so"):
        build_shared_object(
            folder / name, ("libc.so.6", library), runpath=("$ORIGIN/../../nvidia/cuda_runtime/lib", "$ORIGIN")
        )


def _missing(scenario: Scenario) -> list[tuple[str, str]]:
    objects = ("torch/lib/libtorch_cuda.so", "torch/lib/libtorch_global_deps.so")
    return [(name, scenario.missing) for name in objects] if scenario.missing else []


def _model(gpu: str | tuple[str, str]) -> tuple[str, str, int, str]:
    """Name, compute capability, memory in MiB, PCI device."""
    if isinstance(gpu, str):
        return (gpu, *MODELS[gpu])
    name, capability = gpu
    _, memory, device = MODELS.get(name, ("", 24576, "0x20b2"))
    return (name, capability, memory, device)


def _visible(count: int, variable: str | None, stated: Sequence[int] | None) -> list[int]:
    if stated is not None:
        return list(stated)
    if variable is None:
        return list(range(count))
    chosen: list[int] = []
    for entry in variable.split(",") if variable else []:
        if not entry.strip().lstrip("-").isdigit():
            raise ValueError(f"CUDA_VISIBLE_DEVICES={variable!r}: give `visible` too")
        if not 0 <= int(entry) < count:
            break
        chosen.append(int(entry))
    return chosen


def _host_facts(platform: str, kind: str, glibc: str, visible_devices: str | None) -> dict[str, Fact]:
    system = platform.split("-")[0]
    not_set = "not set in the environment"
    return {
        "host.os": Known(system, "platform"),
        "host.platform": Known(platform, "platform"),
        "host.kind": Known(kind, "files"),
        "host.libc": Known(f"glibc {glibc}", "confstr") if system == "linux" else Absent(f"{system} has no glibc"),
        "host.kernel": Known("6.1.0-18-amd64", "uname"),
        "env.CUDA_VISIBLE_DEVICES": (
            Absent(not_set) if visible_devices is None else Known(visible_devices, "environment")
        ),
        "env.CUDA_DEVICE_ORDER": Absent(not_set),
        "env.LD_LIBRARY_PATH": Absent(not_set),
        "env.NVIDIA_VISIBLE_DEVICES": Absent(not_set),
        "env.NVIDIA_PYTORCH_VERSION": Absent(not_set),
    }


def _python_facts(python: str, has_pip: bool) -> dict[str, Fact]:
    source = "interpreter"
    return {
        "python.executable": Known("/venv/bin/python", source),
        "python.version": Known(python, source),
        "python.tag": Known("cp" + "".join(python.split(".")[:2]), source),
        "python.prefix": Known("/venv", source),
        "python.site_packages": Known([SITE], source),
        "python.chosen_because": Known("the environment envdoctor is installed in", "envdoctor"),
        "python.also_with_torch": Absent("none was found"),
        "python.has_pip": Known(has_pip, source),
        "python.externally_managed": Known(False, source),
    }


def _package_facts(
    torch: str | None,
    torch_cuda: str | None,
    provenance: str | None,
    torchvision: str | None,
    torchaudio: str | None,
    triton: str | None,
    requires: Sequence[str] | None,
    nvidia: Mapping[str, str] | None,
    missing: Sequence[tuple[str, str]],
) -> dict[str, Fact]:
    installed: dict[str, Value] = {"pip": "25.2"}
    if torch is None:
        return {"packages.installed": Known(dict(installed), "dist-info"), **_no_torch()}
    build = take_apart(torch)
    public = has_public_version(build, {"pypi": True, "pytorch-index": False}.get(provenance or ""))
    origin = provenance or ("pypi" if public else "pytorch-index")
    runtime = torch_cuda or build.cuda
    shipped = {**(nvidia if nvidia is not None else build.nvidia_packages)}
    compiler = partner_of(build, "triton", triton) if runtime else None
    seen = _torch_facts(build, torch, runtime, origin, public, requires)
    installed["torch"] = build.release if public else torch
    for name, asked in (("torchvision", torchvision), ("torchaudio", torchaudio)):
        version = partner_of(build, name, asked)
        seen |= _partner_facts(name, version, build, origin)
        if version:
            full = version if "+" in version or not build.channel or public else f"{version}+{build.local}"
            installed[name] = full
    if compiler:
        installed["triton"] = compiler
    found: list[Value] = [{"object": path, "library": soname} for path, soname in missing]
    return {
        **seen,
        "packages.installed": Known({**installed, **shipped}, "dist-info"),
        "triton.version": Known(compiler, "dist-info") if compiler else _not_installed("triton"),
        "nvidia.packages": Known({**shipped}, "dist-info"),
        "libraries.missing": Known(found, "elf"),
    }


def _not_installed(name: str) -> Absent:
    return Absent(f"no distribution named {name}")


def _no_torch() -> dict[str, Fact]:
    torch = (
        "version",
        "dist_version",
        "cuda",
        "hip",
        "git",
        "local",
        "channel",
        "provenance",
        "location",
        "requires",
    )
    partner = ("version", "cuda", "requires")
    return {
        **{f"torch.{name}": _not_installed("torch") for name in torch},
        **{f"{of}.{name}": _not_installed(of) for of in ("torchvision", "torchaudio") for name in partner},
        "triton.version": _not_installed("triton"),
        "nvidia.packages": Known({}, "dist-info"),
        "libraries.missing": Absent("torch is not installed"),
    }


def _torch_facts(
    build: Build, torch: str, cuda: str | None, provenance: str, public: bool, requires: Sequence[str] | None
) -> dict[str, Fact]:
    source = "torch/version.py"
    channel = build.channel or (f"cu{cuda.replace('.', '')}" if cuda else None)
    stated: list[Value] = list(requires if requires is not None else build.requires)
    return {
        "torch.version": Known(torch, source),
        "torch.dist_version": Known(build.release if public else torch, "dist-info"),
        "torch.cuda": Known(cuda, source) if cuda else Absent("torch/version.py says cuda = None"),
        "torch.hip": Absent("torch/version.py says hip = None"),
        "torch.git": Known(build.known.git if build.known else UNKNOWN_GIT, source),
        "torch.local": Known(build.local, source) if build.local else Absent("no local version"),
        "torch.channel": Known(channel, source) if channel else Absent("not a CUDA or CPU build"),
        "torch.provenance": Known(provenance, "dist-info"),
        "torch.location": Known(f"{SITE}/torch", "dist-info"),
        "torch.requires": Known(stated, "dist-info"),
    }


def _partner_facts(name: str, version: str | None, build: Build, provenance: str) -> dict[str, Fact]:
    if version is None:
        return {f"{name}.{what}": _not_installed(name) for what in ("version", "cuda", "requires")}
    public, _, local = version.partition("+")
    own = take_apart(version) if local else build
    full = version if local or not build.channel else f"{public}+{build.local}"
    needs: list[Value] = list(partner_requires(name, public))
    return {
        f"{name}.version": Known(full, f"{name}/version.py"),
        f"{name}.cuda": Known(own.cuda, f"{name}/version.py") if own.cuda else Absent("a build without CUDA"),
        f"{name}.requires": Known(needs, "dist-info"),
    }


def _bus_facts(models: Sequence[tuple[str, str, int, str]], driver: str | None, kind: str) -> dict[str, Fact]:
    devices: list[Value] = []
    for index, (name, _, _, device) in enumerate(models):
        display = "GeForce" in name
        address = f"0000:{index + 1:02x}:00.0"
        devices.append({"address": address, "device": device, "class": "0x030000" if display else "0x030200"})
    nodes: list[Value] = []
    if driver:
        nodes = ["dxg"] if kind == "wsl2" else [*(f"nvidia{n}" for n in range(len(models))), "nvidia-uvm", "nvidiactl"]
    no_bus = Unknown("/sys/bus/pci/devices: no such folder")
    return {
        "pci.nvidia": no_bus if kind == "wsl2" else Known(devices, "sysfs"),
        "device.nodes": Known(nodes, "/dev") if nodes else Absent("/dev holds no device file of an NVIDIA driver"),
    }


def _driver_facts(driver: str | None, cuda: str | None, nvml_status: int, cuda_init: int | None) -> dict[str, Fact]:
    if driver is None:
        no_nvml, no_cuda = (Absent(f"{name} was not found") for name in ("libnvidia-ml.so.1", "libcuda.so.1"))
        return {
            "driver.version": Absent("no NVIDIA driver was found"),
            "driver.trouble": Absent("nothing hung or crashed"),
            "driver.version.nvml": no_nvml,
            "driver.version.proc": Absent("/proc/driver/nvidia/version: no such file"),
            "driver.version.sys": Absent("/sys/module/nvidia/version: no such file"),
            "driver.version.smi": Absent("nvidia-smi is not on PATH"),
            "driver.cuda_version": no_cuda,
            "driver.library_version": no_nvml,
            "nvml.status": no_nvml,
            "cuda.init": no_cuda,
            "cuda.can_launch": no_cuda,
        }
    refused = Unknown(f"NVML answered {nvml_status}")
    by_nvml = refused if nvml_status else Known(driver, "nvml")
    # 9: the libraries are there and the kernel module is not loaded, so that no file of it is there either.
    no_module = Absent("the kernel module is not loaded")
    by_kernel = nvml_status != 9
    init = cuda_init if cuda_init is not None else {0: 0, 9: 100, 18: 803}.get(nvml_status, 999)
    version: Fact = by_nvml
    if nvml_status:
        version = Known(driver, "/proc/driver/nvidia/version") if by_kernel else no_module
    return {
        "driver.version": version,
        "driver.trouble": Absent("nothing hung or crashed"),
        "driver.version.nvml": by_nvml,
        "driver.version.proc": Known(driver, "/proc/driver/nvidia/version") if by_kernel else no_module,
        "driver.version.sys": Known(driver, "/sys/module/nvidia/version") if by_kernel else no_module,
        "driver.version.smi": (
            Unknown("nvidia-smi gave no answer") if nvml_status else Absent("not asked: NVML answered")
        ),
        "driver.cuda_version": Known(cuda, "libcuda") if cuda else Unknown("cuDriverGetVersion did not answer"),
        "driver.library_version": Known(driver, f"/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.{driver}"),
        "nvml.status": Known(nvml_status, "nvml"),
        "cuda.init": Known(init, "libcuda"),
        "cuda.can_launch": Known(True, "libcuda"),
    }


def _gpu_facts(
    listed: Sequence[tuple[int, tuple[str, str, int, str]]],
    driver: str | None,
    nvml_status: int,
    lost: Sequence[int],
    visible: Sequence[int],
) -> dict[str, Fact]:
    if driver is None or nvml_status:
        why: Fact = Unknown(f"NVML refused with error {nvml_status}")
        if driver is None:
            why = Absent("no NVIDIA driver lists a GPU")
        return {"gpu.count": why, "gpu.visible": why, "gpu.cuda_order": why}
    shown: list[Value] = [index for index in visible if index not in lost]
    seen: dict[str, Fact] = {
        "gpu.count": Known(len(listed), "nvml"),
        "gpu.visible": Known(shown, "libcuda"),
        "gpu.cuda_order": Known(shown, "libcuda"),
    }
    for index, (on_bus, (name, capability, memory, _)) in enumerate(listed):
        values: dict[str, Value] = {
            "name": name,
            "uuid": f"GPU-{0xA0000000 + index:08x}-0000-4000-8000-{index:012x}",
            "compute_capability": capability,
            "memory_mib": memory,
            "pci": f"00000000:{on_bus + 1:02X}:00.0",
            "memory_free_mib": memory,
            "persistence": "off",
            "compute_mode": "default",
            "throttle": [],
            "virtualization": "none",
            "processes": 0,
            "utilization": 0,
        }
        gone = Unknown("the GPU refused with NVML error 15")
        for what, value in values.items():
            seen[f"gpu.{index}.{what}"] = gone if index in lost else Known(value, "nvml")
        seen[f"gpu.{index}.status"] = Known(15 if index in lost else 0, "nvml")
        large = capability in ("8.0", "9.0", "10.0")  # those of data centres, which alone have MIG
        for what, state in (("mig_mode", "off"), ("ecc", "on"), ("ecc_errors", 0)):
            told: Fact = Known(state, "nvml") if large else Absent("not supported by this GPU")
            seen[f"gpu.{index}.{what}"] = gone if index in lost else told
    return seen
