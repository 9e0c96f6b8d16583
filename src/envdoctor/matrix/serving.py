"""Does a wheel serve a machine: the constraints that rules and planner must share.

One place, so that what the rules call broken and what the planner calls a way out can never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from envdoctor.matrix.conda import CONDA_FORGE
from envdoctor.matrix.fit import cubin_disputed_on, kernels_for
from envdoctor.matrix.matrix import NO_MINOR_COMPATIBILITY
from envdoctor.matrix.remember import remembered
from envdoctor.matrix.versions import minor, parts
from envdoctor.model.machine import MOST_GPUS, Undecidable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.model.machine import Capability, Gpu, Machine


@dataclass(frozen=True, slots=True)
class Need:
    """What a machine demands of a wheel. None stands for "not known": such a constraint drops nothing.

    `driver` is the driver version, `api` the CUDA driver API version, `capabilities` those of the GPUs to
    serve, `glibc` a pair such as (2, 36). `cuda` tells whether a CUDA build is wanted: for GPUs, or for one that
    was asked for and not named. `platform` is that of the wheels; a Jetson takes those of every Linux on Arm, and
    `jetson` says that its driver came with JetPack.
    """

    platform: str
    python_tag: str | None
    glibc: tuple[int, int] | None
    driver_os: str
    driver: str | None
    api: str | None
    capabilities: tuple[Capability, ...]
    cuda: bool
    jetson: bool = False


def need_of(machine: Machine, matrix: Matrix, gpus: tuple[Gpu, ...] | None = None) -> Need:
    """Read the need off a machine, for its visible GPUs or for `gpus` among them.

    Where torch is wished for as a build for the CPU, no GPU needs to be served unless it is named.
    Raises `Undecidable` where a capability, the visible GPUs or the platform are not known.
    """
    served = (() if machine.wishes.cpu else machine.visible_gpus) if gpus is None else gpus
    return Need(
        platform=machine.wheel_platform,
        python_tag=machine.text("python.tag"),
        glibc=_glibc(machine),
        driver_os=driver_os(machine),
        driver=dotted(machine, "driver.version") if machine.is_known("driver.version") else None,
        api=effective_api(machine, matrix),
        capabilities=tuple(dict.fromkeys(capability_of(gpu, matrix) for gpu in served)),
        cuda=bool(served) or machine.wishes.cuda,
        jetson=machine.platform != machine.wheel_platform,
    )


def effective_api(machine: Machine, matrix: Matrix) -> str | None:
    """Return the CUDA version of the libcuda that programs load; None where it is not known.

    A forward-compat libcuda in effect counts by the driver it is taken from, where it did not answer itself and the
    GPU may have forward compatibility: on a consumer GPU such a libcuda does nothing.
    """
    told = dotted(machine, "driver.cuda_version") if machine.is_known("driver.cuda_version") else None
    if not machine.is_known("cuda.compat") or not machine.is_known("cuda.library_version"):
        return told
    if consumer_gpu(machine, matrix):
        return told
    compat = matrix.driver_cuda(dotted(machine, "cuda.library_version") or "0")
    return compat if compat and (told is None or minor(told) < minor(compat)) else told


def consumer_gpu(machine: Machine, matrix: Matrix) -> str | None:
    """Return the name of the first GPU that is certainly a consumer one: those have no forward compatibility.

    Source: NVIDIA CUDA Compatibility guide, "Forward Compatibility" (data-centre GPUs, some RTX server parts, Jetson).
    """
    count = machine.number("gpu.count") or 0 if machine.is_known("gpu.count") else 0
    for index in range(min(count, MOST_GPUS)):
        name = machine.told(f"gpu.{index}.name")
        model = matrix.gpu(name) if name else None
        if model is not None and model.kind == "consumer":
            return name
    return None


def dotted(machine: Machine, name: str) -> str | None:
    """Return a fact that is a dotted version, None where it is absent; raises `Undecidable` for other text."""
    text = machine.text(name)
    try:
        parts(text or "0")
    except ValueError:
        raise Undecidable(f"{name} is not a version: {text!r:.60}", name) from None
    return text


def driver_os(machine: Machine) -> str:
    """Return whose driver floors count: under WSL2 the driver is the Windows one, also for a container there.

    Snapshots of before `host.wsl` tell by the kind alone.
    """
    if machine.text("host.os") == "windows" or machine.text("host.kind") == "wsl2":
        return "windows"
    return "windows" if machine.is_known("host.wsl") and machine.value("host.wsl") is True else "linux"


def capability_of(gpu: Gpu, matrix: Matrix) -> Capability:
    """Return a GPU's compute capability: the driver's word, else the matrix row of its name."""
    if gpu.capability is not None:
        return gpu.capability
    model = matrix.gpu(gpu.name) if gpu.name else None
    if model is None:
        raise Undecidable(f"the compute capability of {gpu.label} is not known", f"gpu.{gpu.index}.compute_capability")
    return model.capability


@remembered()
def known_capabilities(matrix: Matrix) -> frozenset[Capability]:
    """Return every compute capability that a GPU of the matrix has."""
    generations = (one for row in matrix.generations for one in row.capabilities)
    return frozenset((*generations, *(model.capability for model in matrix.gpus), *matrix.tegra))


def driver_runs(matrix: Matrix, cuda: str, need: Need) -> bool | None:
    """Tell whether the driver runs a wheel built for CUDA `cuda`; None where neither version is known.

    A libcuda as new as the wheel's CUDA runs it, whoever put it there. From CUDA 11 on an older one of the same
    major does so too (minor-version compatibility), where the driver reaches the floor of that major: driver
    450.51 answers for CUDA 11.0 and runs no 11.8. Forward-compat libraries, which show as a libcuda newer than
    the driver's own, are past that floor whatever the driver. A driver named by its branch alone, or by less of its
    number than the floor has, counts as one of the later releases of it.
    """
    return _driver_runs(matrix, cuda, need.driver_os, need.driver, need.api)


@remembered()
def _driver_runs(matrix: Matrix, cuda: str, driver_os: str, driver: str | None, api: str | None) -> bool | None:
    floor = matrix.driver_floor(cuda, driver_os)
    if api is not None:
        answered, built = minor(api), minor(cuda)
        if answered >= built:
            return True
        same_major = answered[0] == built[0] >= NO_MINOR_COMPATIBILITY
        if same_major and (driver is None or floor is None or _forward_compat(matrix, driver, answered)):
            return True
        if built[0] < NO_MINOR_COMPATIBILITY:
            return False
    if driver is not None and floor is not None:
        present = parts(driver)
        return present >= parts(floor)[: len(present)]
    return None if api is None or floor is None else False


def _forward_compat(matrix: Matrix, driver: str, api: tuple[int, int]) -> bool:
    """Whether libcuda answers for a newer CUDA than a driver of this branch brings."""
    own = matrix.driver_cuda(driver)
    return own is not None and minor(own) < api


def jit_refused(machine: Machine, cuda: str | None) -> bool:
    """Whether the driver is too old to compile the PTX of a build with that CUDA.

    PTX of a newer toolkit is not covered by minor-version compatibility (CUDA Compatibility guide).
    """
    api = dotted(machine, "driver.cuda_version")
    return api is not None and cuda is not None and _older(api, cuda)


def toolkit_knows(matrix: Matrix, cuda: str | None, capability: Capability) -> bool | None:
    """Whether the CUDA of a build is as new as a GPU, so that its cuBLAS and cuDNN have kernels for it.

    None where the matrix does not know the GPU, or the build's CUDA is not known.

    PTX lets the driver compile torch's own kernels for a newer GPU, not those of the libraries beside them.
    """
    first = matrix.first_toolkit(capability)
    return None if first is None or cuda is None else not _older(cuda, first)


def _older(api: str, cuda: str) -> bool:
    return minor(api) < minor(cuda)


class Obstacle(NamedTuple):
    """The constraint a wheel breaks on a machine, and how, in words.

    `constraint` names it for all wheels alike, with the compute capability it is about where there is one: `platform`,
    `python`, `glibc`, `build`, `gpu-driver:12.0` (the driver does not run the GPU), `kernels:7.0` (it holds none, or
    what it holds is not known), `libraries:7.0` (nothing shows that its CUDA libraries serve the GPU), `ptx:7.0` (newer
    PTX than the driver compiles), `cudnn:7.0`, `driver`.
    """

    constraint: str
    text: str


def obstacle(matrix: Matrix, release: Release, wheel: Wheel, need: Need) -> Obstacle | None:
    """Return the first constraint that a wheel breaks on a machine; None when it serves."""
    return next(_broken(matrix, release, wheel, need), None)


def obstacles(matrix: Matrix, release: Release, wheel: Wheel, need: Need) -> tuple[Obstacle, ...]:
    """Return every constraint that a wheel breaks on a machine, `obstacle` first; empty when it serves."""
    return tuple(_broken(matrix, release, wheel, need))


def _broken(matrix: Matrix, release: Release, wheel: Wheel, need: Need) -> Iterator[Obstacle]:
    """Yield them: what keeps it from being installed, then kernels, then the driver.

    Kernels before the driver: to read "needs a newer driver" of a wheel without kernels would be a bait.
    """
    tags = release.pythons.get(need.platform)
    if tags is None:
        yield Obstacle("platform", f"torch {release.version} has no wheel for {need.platform}")
        return
    if need.python_tag is not None and need.python_tag not in tags:
        yield Obstacle("python", f"torch {release.version} has no wheel for {need.python_tag}")
    floor = release.glibc.get(need.platform)
    if floor and need.glibc and need.glibc < floor:
        yield Obstacle("glibc", f"torch {release.version} needs glibc {floor[0]}.{floor[1]}")
    if not need.cuda:
        return
    if wheel.cuda is None:
        yield Obstacle("build", f"{_build(wheel)} is a CPU build")
        return
    for capability in need.capabilities:
        name = f"{capability[0]}.{capability[1]}"
        problem = _driver_knows(matrix, need.driver, capability) if need.driver else None
        if problem:
            yield Obstacle(f"gpu-driver:{name}", problem)
        for constraint, problem in _gpu_problems(matrix, wheel, need.api, capability):
            yield Obstacle(f"{constraint}:{name}", problem)
    problem = _driver_problem(matrix, wheel, need)
    if problem:
        yield Obstacle("driver", problem)


def _build(wheel: Wheel) -> str:
    # conda-forge has builds for several CUDAs in one channel.
    of_conda = f" for CUDA {wheel.cuda}" if wheel.channel == CONDA_FORGE and wheel.cuda else ""
    return f"torch {wheel.torch} from {wheel.channel}{of_conda}"


def _driver_problem(matrix: Matrix, wheel: Wheel, need: Need) -> str | None:
    """Say why the driver does not run a CUDA wheel, or is not known to."""
    cuda = wheel.cuda or "0"
    runs = driver_runs(matrix, cuda, need)
    if runs is False:
        floor = matrix.driver_floor(cuda, need.driver_os) or "(unknown)"
        present = f"this is {need.driver}" if need.driver else f"this one answers for CUDA {need.api}"
        return f"{_build(wheel)} needs driver {floor} or newer, {present}"
    if need.jetson and need.api is not None and _older(need.api, cuda):
        # The guide speaks of drivers that are installed by themselves; JetPack brings one for its own CUDA.
        return f"{_build(wheel)} brings CUDA {cuda}; no source says that a JetPack of CUDA {need.api} runs it"
    return None


@remembered()
def _driver_knows(matrix: Matrix, driver: str, capability: Capability) -> str | None:
    """Say why a driver does not run GPUs of a compute capability at all."""
    name = f"compute capability {capability[0]}.{capability[1]}"
    branch = matrix.driver_branch(driver)
    lowest, last = matrix.gpu_driver_floor(capability), matrix.last_driver_branch(capability)
    if lowest and branch < lowest.branch:
        return f"a GPU of {name} needs driver {lowest.branch} or newer, this is {driver}"
    if last and branch > last:
        return f"driver branch {last} is the last that runs {name}, this is {driver}"
    return None


def _gpu_problems(matrix: Matrix, wheel: Wheel, api: str | None, capability: Capability) -> Iterator[tuple[str, str]]:
    """Yield what a CUDA wheel lacks for GPUs of a compute capability, as constraint and words."""
    build, name = _build(wheel), f"compute capability {capability[0]}.{capability[1]}"
    if wheel.sass is None:
        yield "kernels", f"the architectures of {build} are not known"
        return
    kind = kernels_of(wheel, capability)
    if disputed(wheel, capability):
        yield "kernels", f"no source says for certain that the machine code of {build} runs on {name}"
    elif kind is None:
        yield "kernels", f"{build} holds no kernels for {name}"
    if kind == "ptx" and toolkit_knows(matrix, wheel.cuda, capability) is not True:
        yield "libraries", f"nobody has shown that the CUDA libraries of {build} serve GPUs of {name}"
    if kind == "ptx" and (api is None or _older(api, wheel.cuda or "0")):
        yield "ptx", f"the PTX in {build} for {name} is newer than this driver can compile"
    if matrix.cudnn_serves(wheel.cudnn, capability) is False:
        yield "cudnn", f"cuDNN {wheel.cudnn} of {build} dropped {name}"


def disputed(wheel: Wheel, capability: Capability) -> bool:
    """Whether a wheel holds nothing that is sure to run on a GPU, yet code that was reported to: on Tegra parts."""
    if wheel.cuda is None or kernels_of(wheel, capability) is not None:
        return False
    major = minor(wheel.cuda)[0]
    return any(cubin_disputed_on(built_for, capability, major) for built_for in wheel.sass or ())


def kernels_of(wheel: Wheel, capability: Capability) -> Literal["sass", "ptx"] | None:
    """Say how a wheel runs on a GPU, as `kernels_for` does; None also where its kernels are not known."""
    return _kernels(wheel.sass or (), wheel.ptx, capability)


_kernels = lru_cache(maxsize=4096)(kernels_for)


NO_GLIBC = (0, 0)
"""Older than every floor: of a system with another C library, which no published wheel for Linux runs on."""


def _glibc(machine: Machine) -> tuple[int, int] | None:
    """Read "glibc 2.36" as (2, 36)."""
    if machine.is_absent("host.libc"):
        return NO_GLIBC
    text = machine.told("host.libc")
    if text and text.startswith("musl"):
        return NO_GLIBC
    parts = text.removeprefix("glibc ").split(".") if text and text.startswith("glibc ") else []
    return (int(parts[0]), int(parts[1])) if len(parts) >= 2 and all(p.isdigit() for p in parts[:2]) else None
