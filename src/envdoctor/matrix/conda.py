"""torch as conda packages: the builds of conda-forge, and the end of PyTorch's own channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from envdoctor.matrix.versions import minor

if TYPE_CHECKING:
    from envdoctor.matrix.rows import Row
    from envdoctor.matrix.tables import Certainty
    from envdoctor.model.machine import Capability

CONDA_FORGE: Final = "conda-forge"

_ORIGIN = ("source", "certainty")


def build_string(cuda: str | None) -> str:
    """What `conda install "pytorch=2.13.0=…"` takes to mean the builds for a CUDA, "cuda129*", or for the CPU."""
    return "cuda{}{}*".format(*minor(cuda)) if cuda else "cpu*"


class CondaBuild(NamedTuple):
    """CUDA builds of one torch release on conda-forge, as its recipe makes them.

    `cuda` is the minor that the package `cuda-version` selects ("12.9"). `first_build` is the recipe's build number
    from which on the row holds; published CUDA builds carry it plus 200, those with MKL plus 300. `tegra` marks the
    builds for Jetson boards alone (package `arm-variant` of type tegra). `sass` and `ptx` are compute capabilities.
    """

    torch: str
    cuda: str
    first_build: int
    tegra: bool
    platforms: tuple[str, ...]
    sass: tuple[Capability, ...]
    ptx: tuple[Capability, ...]
    source: str
    certainty: Certainty

    @property
    def build_string(self) -> str:
        """What conda takes to mean this CUDA: "cuda129*"."""
        return build_string(self.cuda)


class ChannelEnd(NamedTuple):
    """The last torch release on PyTorch's own conda channel."""

    channel: str
    last: str
    source: str
    certainty: Certainty


def read_builds(row: Row, architectures: Row) -> tuple[CondaBuild, ...]:
    """A row of [[conda_forge]]: the releases whose builds for a CUDA are alike; `architectures` are the sets."""
    row.only((*_ORIGIN, "torch", "cuda", "first_build", "variant", "platforms", "architectures"))
    key = row.text("architectures")
    if key not in architectures.cells:
        raise row.wrong(f"{key!r} is not in architectures", "architectures")
    kernels = architectures.row(key)
    variant = row.optional_text("variant")
    if variant not in (None, "tegra"):
        raise row.wrong(f"{variant!r} is not tegra", "variant")
    return tuple(
        CondaBuild(
            torch=torch,
            cuda=row.version("cuda"),
            first_build=row.optional_number("first_build") or 0,
            tegra=variant is not None,
            platforms=row.texts("platforms"),
            sass=kernels.capabilities("sass"),
            ptx=kernels.capabilities("ptx"),
            source=row.text("source"),
            certainty=row.certainty(),
        )
        for torch in row.versions("torch")
    )


def read_channel_end(row: Row) -> ChannelEnd:
    """The row [conda_channel]."""
    row.only((*_ORIGIN, "channel", "last"))
    return ChannelEnd(row.text("channel"), row.version("last"), row.text("source"), row.certainty())
