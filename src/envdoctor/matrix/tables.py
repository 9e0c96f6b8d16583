"""The rows of the matrix. Each one says where it comes from (`source`) and how far to trust it (`certainty`).

Named tuples rather than dataclasses: as unchangeable, and each costs a seventh of the time at import, which
every check pays for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.machine import Capability

Certainty = Literal["verified", "sourced", "inferred", "recalled"]
"""Read inside the wheel / read in the named document / follows from a sourced row / remembered."""

CERTAINTIES: tuple[Certainty, ...] = ("verified", "sourced", "inferred", "recalled")

Standing = Literal["stable", "experimental", "legacy", "unadvertised", "planned"]
"""What PyTorch says of a channel; `planned` ones were announced and not seen on the index."""

STANDINGS: tuple[Standing, ...] = ("stable", "experimental", "legacy", "unadvertised", "planned")


class Source(NamedTuple):
    """Where a row was read, and when (`date`, ISO 8601)."""

    key: str
    text: str
    date: str


class Release(NamedTuple):
    """One torch release as the package index holds it.

    `pythons`, `default_channel` and `glibc` are by platform ("linux-x86_64", ...): the Python tags of its wheels
    ("cp310", "cp313t"), the channel that an install without an index URL gets, and the lowest glibc that the
    platform tags ask for (Linux only). `torchvision` and `torchaudio` are the partner versions, `triton` the
    specifier that torch pins on Linux ("==3.1.0", "~=3.8.0") for Python below `triton_python_below`; None where
    there is none. `withheld` is why an organisation wants no plan to name it; nothing installed is judged by that.
    """

    version: str
    released: str
    requires_python: str
    pythons: Mapping[str, tuple[str, ...]]
    default_channel: Mapping[str, str]
    platform_tags: Mapping[str, tuple[str, ...]]
    glibc: Mapping[str, tuple[int, int]]
    torchvision: str | None
    torchaudio: str | None
    triton: str | None
    triton_python_below: str | None
    source: str
    certainty: Certainty
    withheld: str | None = None

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms it has wheels for."""
        return tuple(self.pythons)


class Wheel(NamedTuple):
    """One build of one torch release: a channel on a platform.

    `cuda` is the CUDA runtime of the wheel ("12.6.3"); it, `cudnn` and `nccl` are None for a CPU build and where
    they are not known. `sass` and `ptx` are the compute capabilities it carries machine code and PTX for, both
    empty for a CPU build; `sass` is None where the kernels are not known. `source` and `certainty` speak for the
    build and its kernels, `pins_source` and `pins_certainty` for the versions and the standing, `cudnn_source`
    for cuDNN.
    """

    torch: str
    channel: str
    platform: str
    cuda: str | None
    cudnn: str | None
    nccl: str | None
    sass: tuple[Capability, ...] | None
    ptx: tuple[Capability, ...]
    standing: Standing
    source: str
    certainty: Certainty
    pins_source: str
    pins_certainty: Certainty
    cudnn_source: str


class Partner(NamedTuple):
    """One torchvision or torchaudio release.

    `torch` is the specifier its METADATA puts on torch ("==2.14.0", ">=2.14.0", "" for none). `yanked` is the
    reason its files were withdrawn, None where they were not.
    """

    name: str
    version: str
    released: str
    torch: str
    pythons: tuple[str, ...]
    yanked: str | None
    source: str
    certainty: Certainty

    def has_wheel_for(self, python_tag: str) -> bool:
        """Whether it has a wheel for that Python tag; one tagged py3 is for every Python."""
        return python_tag in self.pythons or "py3" in self.pythons


class DriverFloor(NamedTuple):
    """The lowest driver for something, as a version or a branch ("525.60.13", "570")."""

    driver: str
    source: str
    certainty: Certainty

    @property
    def branch(self) -> int:
        """The first number of it, the driver branch."""
        return int(self.driver.partition(".")[0])


class CudaFloor(NamedTuple):
    """The lowest driver version for every toolkit of one CUDA major (minor-version compatibility)."""

    major: int
    linux: str
    windows: str
    source: str
    certainty: Certainty


class Toolkit(NamedTuple):
    """One CUDA toolkit release and the driver it ships; `windows` is None where none is named."""

    version: str
    linux: str
    windows: str | None
    source: str
    certainty: Certainty


class DriverBranch(NamedTuple):
    """A driver branch and the CUDA driver API version it provides."""

    branch: int
    cuda: str
    source: str
    certainty: Certainty


class Generation(NamedTuple):
    """A GPU generation: the toolkits that compile for it and the driver branches that run it.

    `last_toolkit` may name a major alone ("12"). None means: not ended, or not known for `first_toolkit` and
    `lowest_branch`.
    """

    name: str
    capabilities: tuple[Capability, ...]
    first_toolkit: str | None
    last_toolkit: str | None
    last_branch: int | None
    lowest_branch: DriverFloor | None
    source: str
    certainty: Certainty


class CudnnSupport(NamedTuple):
    """The compute capabilities that cuDNN names from release `since` on, until the next row."""

    since: str
    capabilities: tuple[Capability, ...]
    source: str
    certainty: Certainty


class GpuModel(NamedTuple):
    """A GPU by its marketing name; `kind` is consumer, workstation, datacenter or jetson."""

    name: str
    capability: Capability
    generation: str
    kind: str
    source: str
    certainty: Certainty
