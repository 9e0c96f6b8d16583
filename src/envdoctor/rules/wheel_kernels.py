"""What the kernel rules share: which visible GPUs the installed torch holds code for.

Shared because "the GPU is newer" and "the GPU is older than the architectures of torch" are two defects of one
comparison. The file itself decides where it could be read, whoever built it; else the row of the matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.device_code import DeviceCode, read_code, read_flags, throughout
from envdoctor.matrix.fit import cubin_disputed_on
from envdoctor.matrix.serving import capability_of, jit_refused, toolkit_knows
from envdoctor.matrix.serving import dotted as version_of
from envdoctor.matrix.versions import minor
from envdoctor.model.finding import Confidence
from envdoctor.model.machine import Undecidable

if TYPE_CHECKING:
    from envdoctor.matrix.device_code import Kind
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Wheel
    from envdoctor.model.machine import Capability, Gpu, Machine, TorchBuild

NEEDS = (
    "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance", "torch.kernels", "cudnn.version",
    "host.platform", "gpu.count", "gpu.visible", "gpu.N.name", "gpu.N.compute_capability", "driver.cuda_version",
)  # fmt: skip


class TorchFile(NamedTuple):
    """What the installed torch holds: `code` by its device code, `flags` by the list of targets it states of itself.

    Where no device code could be read, `code` is that list. `stated` says so.
    """

    code: DeviceCode
    flags: DeviceCode | None
    stated: bool


def torch_file(machine: Machine) -> TorchFile | None:
    """Read `torch.kernels`; None where it is not known, or tells nothing.

    Raises `Undecidable` for a fact of another shape.
    """
    if not machine.is_known("torch.kernels"):
        return None
    row = machine.table("torch.kernels")
    code, flags = read_code(row, "torch.kernels"), read_flags(row.get("flags"), "torch.kernels")
    if code.best:
        return TorchFile(code, flags, stated=False)
    return TorchFile(flags, flags, stated=True) if flags else None


class Kernels(NamedTuple):
    """The installed torch against the visible GPUs.

    `code` is what it holds, `file` the file that was read, None where the matrix told it; `jit` says that the driver is
    new enough to compile its PTX. Each list pairs GPUs with their capability. `unserved`: no code for them. `disputed`:
    Jetson parts of which reports differ on whether the code runs. `by_old_ptx`: the driver can compile torch's own
    kernels, but the CUDA libraries beside them are older than the GPU. `without_cudnn`: its cuDNN dropped them.
    `unclear`: some modules have code for them and others do not.
    """

    torch: TorchBuild
    code: DeviceCode
    file: TorchFile | None
    jit: bool
    cudnn: str | None
    unserved: tuple[tuple[Gpu, Capability], ...]
    disputed: tuple[tuple[Gpu, Capability], ...]
    by_old_ptx: tuple[tuple[Gpu, Capability], ...]
    without_cudnn: tuple[tuple[Gpu, Capability], ...]
    unclear: tuple[tuple[Gpu, Capability], ...]
    served: int

    @property
    def made_for(self) -> DeviceCode:
        """What it was compiled for throughout."""
        return self.code.made_for(self.file.flags if self.file else None)

    @property
    def lowest(self) -> Capability:
        """The lowest architecture among these."""
        return min((*self.made_for.sass, *self.made_for.ptx)).capability

    def lacks(self, gpu: Gpu, capability: Capability) -> str:
        """Say that there are no kernels for a GPU, what there is instead, and where that was read."""
        if self.file is None:
            told = f"it was built for {self.made_for.listed}"
        else:
            holds = "state that it was built for" if self.file.stated else "hold"
            told = f"its own files {holds} {self.made_for.listed}"
        amount = "kernels in some modules alone" if self._share(capability) else "no kernels"
        return (
            f"torch {self.torch.text} holds {amount} for {gpu.label} (compute capability {dotted(capability)}): {told}."
        )

    def fails(self, capability: Capability) -> str:
        """Say which kernels fail on a GPU, as the beginning of a sentence."""
        share = self._share(capability)
        return f"All but {share:.1%} of its modules fail on that GPU" if share else "Every kernel on that GPU fails"

    def _share(self, capability: Capability) -> float:
        return min(1.0, sum(self.code.shares_for(capability, jit=self.jit)))

    def facts(self, gpu: Gpu) -> tuple[str, ...]:
        """Name the evidence for what is said of a GPU."""
        told_by = "torch.provenance" if self.file is None else "torch.kernels"
        return (f"gpu.{gpu.index}.name", f"gpu.{gpu.index}.compute_capability", "torch.version", told_by)

    def confidence(self, gpu: Gpu) -> Confidence:
        """How sure a missing kernel is: the file and the driver prove it, the matrix lets one infer it."""
        return Confidence.INFERRED if self.file is None or gpu.capability is None else Confidence.PROVED

    def decide(self) -> None:
        """Raise `Undecidable` where a GPU is neither served nor unserved."""
        for gpu, capability in self.unclear:
            raise Undecidable(
                f"only some modules of torch {self.torch.text} hold code for {gpu.label} ({dotted(capability)})"
            )


def kernels(machine: Machine, matrix: Matrix) -> Kernels | None:
    """Compare; None where there is nothing to compare: no CUDA torch, or no visible GPU.

    Raises `Undecidable` where neither the file nor a row of the matrix tells the kernels of this build, or a
    capability is not known.
    """
    torch = machine.torch
    if torch is None or torch.cuda is None or not machine.visible_gpus:
        return None
    file, row = torch_file(machine), matrix_row(machine, matrix)
    by_row = throughout(row.sass, row.ptx) if row is not None and row.sass is not None else None
    code = file.code if file else by_row
    if code is None:
        if not torch.official:
            raise Undecidable(f"the matrix does not speak for builds from {torch.provenance}")
        raise Undecidable(f"torch {torch.text} is unknown to this matrix ({matrix.revision})")
    cuda = row.cuda if row else version_of(machine, "torch.cuda")
    cudnn = row.cudnn if row else _cudnn(machine)
    sources = [one for one in (code, file and file.flags, by_row) if one is not None]
    # Asked only where there is PTX: a driver that does not tell its CUDA leaves the rest decidable.
    jit = not any(one.ptx for one in sources) or not jit_refused(machine, cuda)
    unserved: list[tuple[Gpu, Capability]] = []
    in_dispute: list[tuple[Gpu, Capability]] = []
    by_old_ptx: list[tuple[Gpu, Capability]] = []
    without_cudnn: list[tuple[Gpu, Capability]] = []
    unclear: list[tuple[Gpu, Capability]] = []
    for gpu in machine.visible_gpus:
        capability = capability_of(gpu, matrix)
        kind = _kind(sources, capability, jit=jit)
        if kind is None and disputed_on(code, cuda, capability):
            in_dispute.append((gpu, capability))
        elif kind is None:
            unserved.append((gpu, capability))
        elif kind == "some":
            unclear.append((gpu, capability))
        elif kind == "ptx" and toolkit_knows(matrix, cuda, capability) is False:
            by_old_ptx.append((gpu, capability))
        elif matrix.cudnn_serves(cudnn, capability) is False:
            without_cudnn.append((gpu, capability))
    return Kernels(
        torch, code, file, jit, cudnn, tuple(unserved), tuple(in_dispute), tuple(by_old_ptx), tuple(without_cudnn),
        tuple(unclear), served=len(machine.visible_gpus) - len(unserved) - len(unclear),
    )  # fmt: skip


def _kind(sources: list[DeviceCode], capability: Capability, *, jit: bool) -> Kind | None:
    """Ask the sources, the surest first, until one does not say "some"."""
    answers = (code.kind_for(capability, jit=jit) for code in sources)
    return next((kind for kind in answers if kind != "some"), "some")


def _cudnn(machine: Machine) -> str | None:
    return version_of(machine, "cudnn.version") if machine.is_known("cudnn.version") else None


def disputed_on(code: DeviceCode, cuda: str | None, capability: Capability) -> bool:
    """Whether code that is not sure to run on a GPU was reported to: on Tegra parts."""
    if cuda is None:
        return False
    major = minor(cuda)[0]
    built_for = [one.capability for one in code.made_for().sass if one.special != "a"]
    return any(cubin_disputed_on(one, capability, major) for one in built_for)


class Reach(NamedTuple):
    """A build whose kernels nobody has read, against the visible GPUs: what its CUDA cannot have compiled for.

    Each entry of `too_new` and `too_old` is a GPU, its capability and the first or last CUDA for it.
    """

    torch: TorchBuild
    too_new: tuple[tuple[Gpu, Capability, str], ...]
    too_old: tuple[tuple[Gpu, Capability, str], ...]
    others: int


def reach(machine: Machine, matrix: Matrix) -> Reach | None:
    """Compare the CUDA of a build of unknown kernels with the GPUs; None for one whose file or row tells them.

    Raises `Undecidable` where a capability is not known, or torch.cuda is not a version.
    """
    torch = machine.torch
    if torch is None or torch.cuda is None or not machine.visible_gpus or torch_file(machine) is not None:
        return None
    row = matrix_row(machine, matrix)
    if row is not None and row.sass is not None:
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


def matrix_row(machine: Machine, matrix: Matrix) -> Wheel | None:
    """Return the row of the installed torch; None for a build from elsewhere and for one the matrix does not know."""
    torch = machine.torch
    if torch is None or not torch.official:
        return None
    return matrix.wheel(torch.release, torch.channel or "", machine.wheel_platform)


def dotted(capability: Capability) -> str:
    """Write (8, 6) as 8.6."""
    return f"{capability[0]}.{capability[1]}"
