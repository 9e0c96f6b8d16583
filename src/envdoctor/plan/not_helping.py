"""What people try, and why it gains nothing on this machine.

Each sentence is worked out from rows of the matrix; where a row is missing, nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.serving import capability_of, disputed, driver_runs, kernels_of, need_of, obstacles
from envdoctor.matrix.versions import minor, parts
from envdoctor.model.machine import Undecidable
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.terms import admits, wished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need, Obstacle
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.model.machine import Capability, Machine

MOST = 3


def would_not_help(plan: Plan, machine: Machine, matrix: Matrix) -> tuple[str, ...]:
    """Return at most three sentences on the build that fails here: the installed one, or the one that was wished for.

    Empty where no build fails, where the plan has nothing to do, and where what fails is not known.
    """
    if plan.status is Status.NOTHING_TO_DO or plan.undecided:
        return ()
    try:
        need = need_of(machine, matrix)
        failing = _failing(plan, machine, matrix, need)
        if failing is None:
            return ()
        broken = obstacles(matrix, *failing, need)
        opens = _driver_opens(plan) or _serves_some(failing[1], need, broken)
        advice = Advice(machine, matrix, need, failing[1], driver_opens=opens)
        said = tuple(dict.fromkeys(_sentences(advice, broken)))
    except Undecidable:
        return ()
    return said[:MOST]


def _sentences(advice: Advice, broken: tuple[Obstacle, ...]) -> Iterator[str]:
    """Yield what does not help against each constraint that the build breaks, the first of them first."""
    kinds = {one.constraint.partition(":")[0] for one in broken}
    for constraint, _, about in (one.constraint.partition(":") for one in broken):
        if constraint == "python":
            yield from advice.python()
        elif constraint == "glibc":
            yield from advice.glibc()
        elif constraint == "build":
            yield from advice.cpu_build()
        elif constraint == "gpu-driver":
            yield from advice.driver_for_gpu(_capability(about))
        elif constraint in ("kernels", "cudnn") and not advice.past_driver(_capability(about)):
            yield from advice.kernels(_capability(about))
        elif constraint == "driver" and len(kinds) == 1:
            yield from advice.driver()
    if kinds & {"driver", "gpu-driver"} and not kinds & {"python", "glibc"}:
        yield from advice.toolkit()


def _failing(plan: Plan, machine: Machine, matrix: Matrix, need: Need) -> tuple[Release, Wheel] | None:
    """Return the build that is asked about: the newest that was wished for, where none of those fits; else the present.

    Where nothing is installed either, and nothing fits, it is the one that a plain install gives.
    """
    impossible = plan.status is Status.IMPOSSIBLE
    torch, wish = machine.torch, machine.wishes.torch
    if torch is not None and not wish:
        present = matrix.release(torch.release) if torch.official else None
        wheel = matrix.wheel(torch.release, torch.channel or "", need.platform)
        return (present, wheel) if present and wheel else None
    pinned = tuple(pin.specifier for pin in machine.wishes.pins if pin.package == "torch")
    for release in reversed(matrix.releases if impossible else ()):
        wheel = matrix.wheel(release.version, release.default_channel.get(need.platform, ""), need.platform)
        asked = (wished(wish), *pinned) if wish else pinned
        if wheel and (wheel.cuda is not None) == need.cuda and all(admits(one, release.version) for one in asked):
            return release, wheel
    return None


def _driver_opens(plan: Plan) -> bool:
    """Whether another way out begins with a newer driver, so that it does help together with something else."""
    return any(step.kind == "upgrade-driver" for way in (plan, *plan.alternatives) for step in way.steps)


def _serves_some(wheel: Wheel, need: Need, broken: tuple[Obstacle, ...]) -> bool:
    """Whether a driver keeps a build from GPUs that it holds kernels for, so that a newer one helps those."""
    by_driver = any(one.constraint.startswith(("driver", "gpu-driver:")) for one in broken)
    return by_driver and any(kernels_of(wheel, capability) for capability in need.capabilities)


def _capability(text: str) -> Capability:
    major, _, rest = text.partition(".")
    return int(major), int(rest)


class Advice:
    """Sentences about one failing wheel on one machine; `driver_opens` where a newer driver is part of a way out."""

    def __init__(self, machine: Machine, matrix: Matrix, need: Need, wheel: Wheel, *, driver_opens: bool) -> None:
        self.machine = machine
        self.matrix = matrix
        self.need = need
        self.wheel = wheel
        self.newer_driver = "a newer driver alone" if driver_opens else "a newer driver"

    def kernels(self, capability: Capability) -> Iterator[str]:
        """A wheel without kernels: no driver adds any, and of dropped GPUs newer releases have none either."""
        if any(disputed(wheel, capability) for wheel in self._wheels()):
            return  # a newer driver, which JetPack brings, may be what helps
        name = f"compute capability {capability[0]}.{capability[1]}"
        lacking = self._lacking(capability)
        last_branch = self.matrix.last_driver_branch(capability)
        last = f", and driver branch {last_branch} is the last that runs it" if last_branch else ""
        yield f"{self.newer_driver}, since {lacking}{last}"
        holding = [release for release in self.matrix.releases if self._holds(release, capability)]
        later = [release for release in self.matrix.releases if holding and _newer(release, holding[-1])]
        if later and all(self._lacks(release, capability) for release in later):
            newest = later[-1].version
            up_to = f"{newest} holds none" if len(later) == 1 else f"none up to {newest} holds any"
            yield f"a newer torch, since {holding[-1].version} is the last release with kernels for {name} and {up_to}"
        last_toolkit = self.matrix.last_toolkit(capability)
        built = self._majors(self.matrix.releases[-1])
        if last_toolkit and built and min(built) > int(last_toolkit.partition(".")[0]):
            yield (
                f"a nightly or a build of one's own with CUDA {min(built)}, since CUDA {last_toolkit} is the last that "
                f"compiles for {name}"
            )

    def past_driver(self, capability: Capability) -> bool:
        """Whether the driver is of a branch that dropped the GPU."""
        last, driver = self.matrix.last_driver_branch(capability), self.need.driver
        return last is not None and driver is not None and self.matrix.driver_branch(driver) > last

    def driver_for_gpu(self, capability: Capability) -> Iterator[str]:
        """A driver that does not run the GPU: whatever the wheel."""
        lowest, last = self.matrix.gpu_driver_floor(capability), self.matrix.last_driver_branch(capability)
        name, driver = self._name(capability), self.need.driver
        if self.past_driver(capability):
            yield f"a newer driver or another torch, since branch {last} is the last that runs {name}; this is {driver}"
        elif lowest is not None:
            yield f"another torch alone, since {name} needs driver {lowest.branch} or newer; this is {driver}"

    def driver(self) -> Iterator[str]:
        """A driver too old for the CUDA of the wheel: for every build of that CUDA major alike."""
        major = minor(self.wheel.cuda or "0")[0]
        floor = self.matrix.driver_floor(self.wheel.cuda or "0", self.need.driver_os)
        alike = [wheel for wheel in self._wheels() if wheel.cuda and minor(wheel.cuda)[0] == major]
        if (
            floor
            and self.need.driver
            and all(driver_runs(self.matrix, wheel.cuda or "", self.need) is False for wheel in alike)
        ):
            present = self.need.driver
            yield f"another CUDA {major} build of torch, since each needs driver {floor} or newer; this is {present}"

    def cpu_build(self) -> Iterator[str]:
        """A build without CUDA beside a GPU."""
        build = f"torch {self.wheel.torch} from {self.wheel.channel}"
        yield f"{self.newer_driver} or a CUDA toolkit, since {build} was built without CUDA"

    def python(self) -> Iterator[str]:
        """A Python for which there is no wheel: the last release that had one, where later ones dropped it."""
        tag = self.need.python_tag
        having = [one for one in self.matrix.releases if tag in one.pythons.get(self.need.platform, ())]
        later = [one for one in self.matrix.releases if having and _newer(one, having[-1])]
        if later:
            last = having[-1].version
            yield f"another channel or a newer torch, since {last} is the last release with wheels for {tag}"

    def glibc(self) -> Iterator[str]:
        """A C library older than the wheel's floor: every newer release needs at least that."""
        own = self.matrix.release(self.wheel.torch)
        floor = own.glibc.get(self.need.platform) if own else None
        floors = [
            release.glibc[self.need.platform]
            for release in self.matrix.releases
            if own and self.need.platform in release.glibc and _newer(release, own)
        ]
        if floor and self.need.glibc and all(one > self.need.glibc for one in floors):
            newer = " or a newer torch" if floors else ""
            yield f"another channel{newer}, since each needs glibc {floor[0]}.{floor[1]} or newer"

    def toolkit(self) -> Iterator[str]:
        """A toolkit on disk, which those install who read "CUDA" in a message about the driver."""
        build = f"torch {self.wheel.torch} from {self.wheel.channel}"
        yield f"installing a CUDA toolkit, since {build} brings its own CUDA and takes the driver alone from the system"

    def _lacking(self, capability: Capability) -> str:
        """Say as generally as is known which wheels hold no kernels for a GPU."""
        name = self._name(capability)
        if self.matrix.cudnn_serves(self.wheel.cudnn, capability) is False and self._runs(self.wheel, capability):
            return f"cuDNN {self.wheel.cudnn} of that build dropped {name}"
        major = minor(self.wheel.cuda or "0")[0]
        alike = [wheel for wheel in self._wheels() if wheel.cuda and minor(wheel.cuda)[0] == major]
        if all(wheel.sass is not None and not self._runs(wheel, capability) for wheel in alike):
            return f"no CUDA {major} wheel holds kernels for {name}"
        return f"torch {self.wheel.torch} from {self.wheel.channel} holds no kernels for {name}"

    def _holds(self, release: Release, capability: Capability) -> bool:
        return any(self._runs(wheel, capability) for wheel in self._wheels(release))

    def _lacks(self, release: Release, capability: Capability) -> bool:
        """Whether it is known that no wheel of a release runs on a GPU."""
        wheels = self._wheels(release)
        return bool(wheels) and all(wheel.sass is not None and not self._runs(wheel, capability) for wheel in wheels)

    def _runs(self, wheel: Wheel, capability: Capability) -> bool:
        return wheel.sass is not None and kernels_for(wheel.sass, wheel.ptx, capability) is not None

    def _wheels(self, release: Release | None = None) -> list[Wheel]:
        """Return the CUDA wheels of this platform, announced ones too: of one release, or of all."""
        releases = self.matrix.releases if release is None else (release,)
        return [
            wheel
            for one in releases
            for wheel in self.matrix.wheels(one.version)
            if wheel.platform == self.need.platform and wheel.channel.startswith("cu")
        ]

    def _majors(self, release: Release) -> set[int]:
        """The CUDA majors a release is built with; channels name them: cu126 is 12.6."""
        return {int(wheel.channel[2:-1]) for wheel in self._wheels(release)}

    def _name(self, capability: Capability) -> str:
        """Name the first visible GPU of a compute capability: "Tesla V100 (compute capability 7.0)"."""
        dotted = f"compute capability {capability[0]}.{capability[1]}"
        gpus = self.machine.visible_gpus
        label = next((gpu.label for gpu in gpus if capability_of(gpu, self.matrix) == capability), dotted)
        return label if dotted in label else f"{label} ({dotted})"


def _newer(release: Release, other: Release) -> bool:
    return parts(release.version) > parts(other.version)
