"""What the kernel rules share: which visible GPUs the installed wheel holds code for.

Shared because "the GPU is newer" and "the GPU is older than the wheel's architectures" are two defects
of one comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.serving import capability_of, jit_refused, toolkit_knows
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

    Each list pairs GPUs with their capability. `unserved`: no code for them. `by_old_ptx`: the driver can compile
    torch's own kernels, but the CUDA libraries beside them are older than the GPU. `without_cudnn`: the wheel's cuDNN
    dropped them.
    """

    torch: TorchBuild
    wheel: Wheel
    sass: tuple[Capability, ...]
    unserved: tuple[tuple[Gpu, Capability], ...]
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
    wheel = matrix.wheel(torch.release, torch.channel or "", machine.wheel_platform)
    if wheel is None or wheel.sass is None:
        raise Undecidable(f"torch {torch.text} is unknown to this matrix ({matrix.revision})")
    unserved: list[tuple[Gpu, Capability]] = []
    by_old_ptx: list[tuple[Gpu, Capability]] = []
    without_cudnn: list[tuple[Gpu, Capability]] = []
    for gpu in machine.visible_gpus:
        capability = capability_of(gpu, matrix)
        kind = kernels_for(wheel.sass, wheel.ptx or (), capability)
        if kind is None or (kind == "ptx" and jit_refused(machine, wheel)):
            unserved.append((gpu, capability))
        elif kind == "ptx" and toolkit_knows(matrix, wheel, capability) is False:
            by_old_ptx.append((gpu, capability))
        elif matrix.cudnn_serves(wheel.cudnn, capability) is False:
            without_cudnn.append((gpu, capability))
    served = len(machine.visible_gpus) - len(unserved)
    return Kernels(torch, wheel, wheel.sass, tuple(unserved), tuple(by_old_ptx), tuple(without_cudnn), served)


def dotted(capability: Capability) -> str:
    """Write (8, 6) as 8.6."""
    return f"{capability[0]}.{capability[1]}"
