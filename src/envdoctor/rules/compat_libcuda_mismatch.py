"""The libcuda that programs load is not the driver's own, and does not work with this driver or GPU.

## What it means
libcuda is a part of the driver. Here the loader takes another one: of NVIDIA's forward-compat package (cuda-compat),
or one that an image or a copied folder carries. cuInit then answers 803 ("system has unsupported display driver /
cuda driver combination") or 804 ("forward compatibility was attempted on non supported HW"), and torch sees no GPU.

## Why it happens
LD_LIBRARY_PATH or a file in /etc/ld.so.conf.d names `/usr/local/cuda/compat`. That is meant for data-centre GPUs
whose driver is older than the CUDA of the image; GeForce cards never support it. On other machines the host was
upgraded since, and is now newer than the compat libraries, which then are the older ones. Or a libcuda.so.1 of
another driver was baked into an image, where only the container runtime should put one. Error 34 is the stub that a
CUDA toolkit has in `lib64/stubs`: a folder for the linker, which LD_LIBRARY_PATH should not name.

## How to be sure
`ldconfig -p | grep libcuda.so.1` and `echo "$LD_LIBRARY_PATH"` show the candidates, `ls -l` of them the version in
the real name (libcuda.so.535.104.05); `cat /proc/driver/nvidia/version` shows that of the driver. They must agree,
save on a GPU with forward compatibility, where libcuda may be newer.

## How to fix
Take the folder (of the compat libraries, of the stub) out of LD_LIBRARY_PATH or out of /etc/ld.so.conf.d and run
`ldconfig`; in an image, remove the package cuda-compat or the copied libcuda. What then is left is the driver itself:
where it is too old for the wheel's CUDA, install a wheel of an older CUDA or a newer driver. `envdoctor check` says
which, once libcuda is right.

## Sources
CUDA driver API, CUDA_ERROR_STUB_LIBRARY (34), CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803) and
CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE (804); NVIDIA CUDA Compatibility guide, "Forward Compatibility" (data-centre
GPUs, selected RTX server parts, Jetson); ld.so(8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import consumer_gpu
from envdoctor.model.finding import Confidence
from envdoctor.rules.cuda_start import (
    COMPAT,
    COMPAT_NOT_SUPPORTED,
    DRIVER_MISMATCH,
    NEEDS,
    STUB,
    cause,
)
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine

WORDS = {
    STUB: "the libcuda that is loaded is the stub of a CUDA toolkit, which is there for the linker alone",
    DRIVER_MISMATCH: "the libcuda that is loaded and the kernel module of the driver do not go together",
    COMPAT_NOT_SUPPORTED: "a forward-compat libcuda is loaded, and this GPU does not support forward compatibility",
}


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Find the refusals 34, 803 and 804, and a compat folder in effect on a GPU that never supports it."""
    if cause(machine, matrix) != COMPAT:
        return
    init = machine.number("cuda.init")
    gpu = consumer_gpu(machine, matrix) or "this consumer GPU"
    why = WORDS.get(init or 0, f"a forward-compat libcuda is loaded, which {gpu} does not support")
    yield RULE.finding(
        machine,
        "driver",
        f"CUDA does not start: cuInit refuses with error {init}, as {why}.{_file(machine)}",
        "cuda.init", "cuda.library", "cuda.library_version", "cuda.compat", "driver.version", "gpu.0.name",
        when="CUDA does not start",
        confidence=Confidence.PROVED if init in WORDS else Confidence.INFERRED,
    )  # fmt: skip


def _file(machine: Machine) -> str:
    """Name the file and the folder, as far as they are known."""
    library, version = machine.told("cuda.library"), machine.told("cuda.library_version")
    driver, folder = machine.told("driver.version"), machine.told("cuda.compat")
    if library is None:
        return ""
    of = f" of driver {version}" if version and version not in library else ""
    beside = f", the driver is {driver}" if driver else ""
    named = f"; the folder {folder} is searched before the driver's own" if folder else ""
    return f" Loaded is {library}{of}{beside}{named}."


MODEL = "/usr/local/cuda-12.8/compat"
LOADED: dict[str, Value] = {
    "cuda.compat": MODEL,
    "cuda.library": f"{MODEL}/libcuda.so.570.86.15",
    "cuda.library_version": "570.86.15",
}

RULE = Rule(
    judge,
    stage=Stage.REACH,
    needs=NEEDS,
    explains=("driver-query-failed", "driver-too-old", "no-nvidia-gpu"),
    fires=(
        Example(
            "compat libraries older than the driver they run on",
            {**LOADED, "cuda.init": 803, "driver": "580.95.05 12.8"},
            says=MODEL,
        ),
        Example(
            "compat libraries on a GeForce card",
            {**LOADED, "cuda.init": 804, "gpus": ["NVIDIA GeForce RTX 3090 8.6"]},
            says="forward compatibility",
        ),
        Example(
            "another refusal behind compat libraries on a GeForce card",
            {**LOADED, "cuda.init": 999, "gpus": ["NVIDIA GeForce RTX 3090 8.6"]},
            says="RTX 3090",
        ),
        Example(
            "the stub of a toolkit on LD_LIBRARY_PATH",
            {
                "cuda.init": 34, "cuda.library": "/usr/local/cuda/lib64/stubs/libcuda.so",
                "cuda.library_version": None,
            },
            says="stub",
        ),
        Example("CUDA alone tells", {"cuda.init": 803, "cuda.library": None, "cuda.library_version": None}),
        Example(
            "the software itself says so, when kernels are run",
            {
                **LOADED,
                **smoked(failed("start", "Error 804: forward compatibility was attempted on non supported HW")),
            },
            says="Error 804",
        ),
    ),
    quiet=(
        Example("compat libraries in effect on a data-centre GPU", {**LOADED, "driver": "535.104.05 12.8"}),
        Example(
            "a GeForce card that works behind them", {**LOADED, "gpus": ["NVIDIA GeForce RTX 3090 8.6"]}
        ),
        Example(
            "every GPU hidden on purpose",
            {
                **LOADED, "cuda.init": 100, "gpus": ["NVIDIA GeForce RTX 3090 8.6"], "gpu.visible": [],
                "env.CUDA_VISIBLE_DEVICES": "",
            },
        ),
        Example(
            "a stub where no driver is, as on a build machine",
            {"cuda.init": 34, "nvml.status": None, "gpus": None, "driver": None, "pci.nvidia": []},
        ),
        Example("an upgrade without a reboot", {"nvml.status": 18, "cuda.init": 803, "gpus": None}),
    ),
)  # fmt: skip
