"""NVIDIA's container images of CUDA (nvidia/cuda): which release stands for which system, with which cuDNN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from envdoctor.matrix.rows import Row
    from envdoctor.matrix.tables import Certainty

Flavour = Literal["base", "runtime", "devel"]
"""`base` holds the CUDA runtime alone, `runtime` the libraries too, `devel` also compilers and headers."""

FLAVOURS: tuple[Flavour, ...] = ("base", "runtime", "devel")

_ORIGIN = ("source", "certainty")


class CudaImages(NamedTuple):
    """The images of one CUDA release. A tag is `{cuda}[-{cudnn}]-{flavour}-{system}`, and base has no cuDNN.

    `cudnn` is its word in tags ("cudnn8", from 12.4 on "cudnn"), "" where no tag has it, and `without_cudnn` the
    systems that go without. Of the systems in `gone` there were tags, which NVIDIA deleted.
    """

    cuda: str
    cudnn: str
    systems: tuple[str, ...]
    without_cudnn: tuple[str, ...]
    gone: tuple[str, ...]
    source: str
    certainty: Certainty

    def has(self, cudnn: str, flavour: str, system: str) -> bool:
        """Whether there is a tag of these parts; `cudnn` is "" for one without it."""
        return system in self.systems and self._made(cudnn, flavour, system)

    def had(self, cudnn: str, flavour: str, system: str) -> bool:
        """Whether there was a tag of these parts that is deleted."""
        return system in self.gone and self._made(cudnn, flavour, system)

    def _made(self, cudnn: str, flavour: str, system: str) -> bool:
        if flavour not in FLAVOURS:
            return False
        return not cudnn or (cudnn == self.cudnn and flavour != "base" and system not in self.without_cudnn)

    def tag(self, cudnn: str, flavour: str, system: str) -> str:
        """Return the tag of these parts."""
        return "-".join(filter(None, (self.cuda, cudnn, flavour, system)))


def read_cuda_images(row: Row) -> tuple[CudaImages, ...]:
    """The table [cuda_images], oldest release first; a release may have a source of its own."""
    row.only((*_ORIGIN, "releases"))
    found = []
    for cuda, cells in row.row("releases").rows():
        cells.only((*_ORIGIN, "cudnn", "systems", "without_cudnn", "gone"))
        origin = cells if "source" in cells.cells else row
        without, gone = (cells.texts(key) if key in cells.cells else () for key in ("without_cudnn", "gone"))
        cudnn = cells.optional_text("cudnn") or ""
        systems, source, certainty = cells.texts("systems"), origin.text("source"), origin.certainty()
        found.append(CudaImages(cuda, cudnn, systems, without, gone, source, certainty))
    return tuple(found)
