"""Does a wheel serve a machine: the constraints that rules and planner must share.

One place, so that what the rules call broken and what the planner calls a way out can never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.matrix import NO_MINOR_COMPATIBILITY
from envdoctor.matrix.versions import minor, parts
from envdoctor.model.machine import Undecidable

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.model.machine import Capability, Gpu, Machine


@dataclass(frozen=True, slots=True)
class Need:
    """What a machine demands of a wheel. None stands for "not known": such a constraint drops nothing.

    `driver` is the driver version, `api` the CUDA driver API version, `capabilities` those of the GPUs to
    serve, `glibc` a pair such as (2, 36). `cuda` tells whether a CUDA build is wanted: for GPUs, or for one that
    was asked for and not named.
    """

    platform: str
    python_tag: str | None
    glibc: tuple[int, int] | None
    driver_os: str
    driver: str | None
    api: str | None
    capabilities: tuple[Capability, ...]
    cuda: bool


def need_of(machine: Machine, matrix: Matrix, gpus: tuple[Gpu, ...] | None = None) -> Need:
    """Read the need off a machine, for its visible GPUs or for `gpus` among them.

    Raises `Undecidable` where a capability, the visible GPUs or the platform are not known.
    """
    served = machine.visible_gpus if gpus is None else gpus
    return Need(
        platform=machine.platform,
        python_tag=machine.text("python.tag"),
        glibc=_glibc(machine),
        driver_os=driver_os(machine),
        driver=dotted(machine, "driver.version") if machine.is_known("driver.version") else None,
        api=effective_api(machine, matrix),
        capabilities=tuple(dict.fromkeys(capability_of(gpu, matrix) for gpu in served)),
        cuda=bool(served) or machine.wishes.cuda,
    )


def effective_api(machine: Machine, matrix: Matrix) -> str | None:
    """Return the CUDA version of the libcuda that programs load; None where it is not known.

    A forward-compat libcuda in effect counts by the driver it is taken from, where it did not answer itself.
    """
    told = dotted(machine, "driver.cuda_version") if machine.is_known("driver.cuda_version") else None
    if not machine.is_known("cuda.compat") or not machine.is_known("cuda.library_version"):
        return told
    compat = matrix.driver_cuda(dotted(machine, "cuda.library_version") or "0")
    return compat if compat and (told is None or minor(told) < minor(compat)) else told


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


def driver_runs(matrix: Matrix, cuda: str, need: Need) -> bool | None:
    """Tell whether the driver runs a wheel built for CUDA `cuda`; None where neither version is known.

    A libcuda as new as the wheel's CUDA runs it, whoever put it there. From CUDA 11 on an older one of the same
    major does so too (minor-version compatibility), where the driver reaches the floor of that major: driver
    450.51 answers for CUDA 11.0 and runs no 11.8. Forward-compat libraries, which show as a libcuda newer than
    the driver's own, are past that floor whatever the driver. A driver named by its branch alone counts as one
    of the later releases of it.
    """
    floor = matrix.driver_floor(cuda, need.driver_os)
    if need.api is not None:
        api, built = minor(need.api), minor(cuda)
        if api >= built:
            return True
        same_major = api[0] == built[0] >= NO_MINOR_COMPATIBILITY
        if same_major and (need.driver is None or floor is None or _forward_compat(matrix, need.driver, api)):
            return True
        if built[0] < NO_MINOR_COMPATIBILITY:
            return False
    if need.driver is not None and floor is not None:
        driver = parts(need.driver)
        return driver >= parts(floor)[: len(driver)] if len(driver) == 1 else driver >= parts(floor)
    return None if need.api is None or floor is None else False


def _forward_compat(matrix: Matrix, driver: str, api: tuple[int, int]) -> bool:
    """Whether libcuda answers for a newer CUDA than a driver of this branch brings."""
    own = matrix.driver_cuda(driver)
    return own is not None and minor(own) < api


def jit_refused(machine: Machine, wheel: Wheel) -> bool:
    """Whether the driver is too old to compile the PTX of a wheel.

    PTX of a newer toolkit is not covered by minor-version compatibility (CUDA Compatibility guide).
    """
    api = dotted(machine, "driver.cuda_version")
    return api is not None and wheel.cuda is not None and _older(api, wheel.cuda)


def toolkit_knows(matrix: Matrix, wheel: Wheel, capability: Capability) -> bool | None:
    """Whether the CUDA of a wheel is as new as a GPU, so that its cuBLAS and cuDNN have kernels for it.

    None where the matrix does not know the GPU or the wheel's CUDA.

    PTX lets the driver compile torch's own kernels for a newer GPU, not those of the libraries beside them.
    """
    first = matrix.first_toolkit(capability)
    return None if first is None or wheel.cuda is None else not _older(wheel.cuda, first)


def _older(api: str, cuda: str) -> bool:
    return minor(api) < minor(cuda)


class Obstacle(NamedTuple):
    """The constraint a wheel breaks on a machine (`python`, `driver`, `kernels`, ...), and how, in words."""

    constraint: str
    text: str


def obstacle(matrix: Matrix, release: Release, wheel: Wheel, need: Need) -> Obstacle | None:
    """Return the first constraint that a wheel breaks on a machine; None when it serves."""
    problem = _platform_obstacle(release, need)
    if problem or not need.cuda:
        return problem
    build = f"torch {release.version} from {wheel.channel}"
    if wheel.cuda is None:
        return Obstacle("build", f"{build} is a CPU build")
    # Kernels before the driver: to read "needs a newer driver" of a wheel without kernels would be a bait.
    problems = (_gpu_obstacle(matrix, wheel, build, need, capability) for capability in need.capabilities)
    problem = next(filter(None, problems), None)
    if problem is None and driver_runs(matrix, wheel.cuda, need) is False:
        floor = matrix.driver_floor(wheel.cuda, need.driver_os) or "(unknown)"
        return Obstacle("driver", f"{build} needs driver {floor} or newer, this is {need.driver}")
    return problem


def _platform_obstacle(release: Release, need: Need) -> Obstacle | None:
    tags = release.pythons.get(need.platform)
    if tags is None:
        return Obstacle("platform", f"torch {release.version} has no wheel for {need.platform}")
    if need.python_tag is not None and need.python_tag not in tags:
        return Obstacle("python", f"torch {release.version} has no wheel for {need.python_tag}")
    floor = release.glibc.get(need.platform)
    if floor and need.glibc and need.glibc < floor:
        return Obstacle("glibc", f"torch {release.version} needs glibc {floor[0]}.{floor[1]}")
    return None


def _gpu_obstacle(matrix: Matrix, wheel: Wheel, build: str, need: Need, capability: Capability) -> Obstacle | None:
    name = f"compute capability {capability[0]}.{capability[1]}"
    branch = matrix.driver_branch(need.driver) if need.driver else None
    lowest, last = matrix.gpu_driver_floor(capability), matrix.last_driver_branch(capability)
    if lowest and branch is not None and branch < lowest.branch:
        return Obstacle("gpu-driver", f"a GPU of {name} needs driver {lowest.branch} or newer, this is {need.driver}")
    if last and branch is not None and branch > last:
        return Obstacle("gpu-driver", f"driver branch {last} is the last that runs {name}, this is {need.driver}")
    if wheel.sass is None:
        return Obstacle("unknown", f"the architectures of {build} are not known")
    kind = kernels_for(wheel.sass, wheel.ptx or (), capability)
    if kind is None:
        return Obstacle("kernels", f"{build} holds no kernels for {name}")
    if kind == "ptx" and toolkit_knows(matrix, wheel, capability) is not True:
        return Obstacle("ptx", f"nobody has shown that the CUDA libraries of {build} serve GPUs of {name}")
    if kind == "ptx" and (need.api is None or _older(need.api, wheel.cuda or "0")):
        return Obstacle("ptx", f"the PTX in {build} for {name} is newer than this driver can compile")
    if matrix.cudnn_serves(wheel.cudnn, capability) is False:
        return Obstacle("cudnn", f"cuDNN {wheel.cudnn} of {build} dropped {name}")
    return None


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
