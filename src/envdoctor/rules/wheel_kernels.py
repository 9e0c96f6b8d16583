"""What the kernel rules share: which visible GPUs the installed wheel holds code for.

Shared because "the GPU is newer" and "the GPU is older than the wheel's architectures" are two defects
of one comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.serving import capability_of, disputed, jit_refused, toolkit_knows
from envdoctor.matrix.versions import minor
from envdoctor.model.machine import Undecidable

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Wheel
    from envdoctor.model.machine import Capability, Gpu, Machine, TorchBuild

NEEDS = (
    "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "host.platform",
    "gpu.count", "gpu.visible", "gpu.N.name", "gpu.N.compute_capability", "driver.cuda_version",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kernels:
    """The installed wheel against the visible GPUs.

    Each list pairs GPUs with their capability. `unserved`: no code for them. `disputed`: Jetson parts of which reports
    differ on whether the code runs. `by_old_ptx`: the driver can compile
    torch's own kernels, but the CUDA libraries beside them are older than the GPU. `without_cudnn`: the wheel's cuDNN
    dropped them.
    """

    torch: TorchBuild
    wheel: Wheel
    sass: tuple[Capability, ...]
    unserved: tuple[tuple[Gpu, Capability], ...]
    disputed: tuple[tuple[Gpu, Capability], ...]
    by_old_ptx: tuple[tuple[Gpu, Capability], ...]
    without_cudnn: tuple[tuple[Gpu, Capability], ...]
    served: int

    @property
    def listed(self) -> str:
        """The architectures of the wheel as torch itself lists them."""
        return " ".join(f"sm_{major}{minor}" for major, minor in self.sass) + "".join(
            f" compute_{major}{minor}" for major, minor in self.wheel.ptx or ()
        )


def kernels(machine: Machine, matrix: Matrix) -> Kernels | None:
    """Compare; None where there is nothing to compare: no CUDA torch, or no visible GPU.

    Raises `Undecidable` where the matrix has no row for this build, or a capability is not known.
    """
    torch = machine.torch
    if torch is None or torch.cuda is None or not machine.visible_gpus:
        return None
    if not torch.official:
        raise Undecidable(f"the matrix does not speak for builds from {torch.provenance}")
    wheel = _wheel(machine, matrix, torch)
    if wheel is None or wheel.sass is None:
        raise Undecidable(f"torch {torch.text} is unknown to this matrix ({matrix.revision})")
    unserved: list[tuple[Gpu, Capability]] = []
    in_dispute: list[tuple[Gpu, Capability]] = []
    by_old_ptx: list[tuple[Gpu, Capability]] = []
    without_cudnn: list[tuple[Gpu, Capability]] = []
    for gpu in machine.visible_gpus:
        capability = capability_of(gpu, matrix)
        kind = kernels_for(wheel.sass, wheel.ptx or (), capability)
        if disputed(wheel, capability):
            in_dispute.append((gpu, capability))
        elif kind is None or (kind == "ptx" and jit_refused(machine, wheel)):
            unserved.append((gpu, capability))
        elif kind == "ptx" and toolkit_knows(matrix, wheel, capability) is False:
            by_old_ptx.append((gpu, capability))
        elif matrix.cudnn_serves(wheel.cudnn, capability) is False:
            without_cudnn.append((gpu, capability))
    served = len(machine.visible_gpus) - len(unserved)
    return Kernels(
        torch, wheel, wheel.sass, tuple(unserved), tuple(in_dispute), tuple(by_old_ptx), tuple(without_cudnn), served
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """A build whose kernels nobody has read, against the visible GPUs: what its CUDA cannot have compiled for.

    Each entry of `too_new` and `too_old` is a GPU, its capability and the first or last CUDA for it.
    """

    torch: TorchBuild
    too_new: tuple[tuple[Gpu, Capability, str], ...]
    too_old: tuple[tuple[Gpu, Capability, str], ...]
    others: int


def reach(machine: Machine, matrix: Matrix) -> Reach | None:
    """Compare the CUDA of a build that has no row in the matrix with the GPUs; None for one that has.

    Raises `Undecidable` where a capability is not known, or torch.cuda is not a version.
    """
    torch = machine.torch
    if torch is None or torch.cuda is None or not machine.visible_gpus:
        return None
    wheel = _wheel(machine, matrix, torch) if torch.official else None
    if wheel is not None and wheel.sass is not None:
        return None
    try:
        built = minor(torch.cuda)
    except ValueError:
        raise Undecidable(f"torch.cuda is not a version: {torch.cuda!r:.60}", "torch.cuda") from None
    too_new: list[tuple[Gpu, Capability, str]] = []
    too_old: list[tuple[Gpu, Capability, str]] = []
    for gpu in machine.visible_gpus:
        capability = capability_of(gpu, matrix)
        first, last = matrix.first_toolkit_serving(capability), matrix.last_toolkit(capability)
        if first is not None and built < minor(first):
            too_new.append((gpu, capability, first))
        elif last is not None and built[0] > int(last.partition(".")[0]):
            too_old.append((gpu, capability, last))
    others = len(machine.visible_gpus) - len(too_new) - len(too_old)
    return Reach(torch, tuple(too_new), tuple(too_old), others)


def _wheel(machine: Machine, matrix: Matrix, torch: TorchBuild) -> Wheel | None:
    return matrix.wheel(torch.release, torch.channel or "", machine.wheel_platform)


def dotted(capability: Capability) -> str:
    """Write (8, 6) as 8.6."""
    return f"{capability[0]}.{capability[1]}"
