"""From rows of the file to the frozen tables. Each function reads one kind of row and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.tables import (
    STANDINGS,
    CudaFloor,
    CudnnSupport,
    DriverBranch,
    DriverFloor,
    Generation,
    GpuModel,
    Partner,
    Release,
    Source,
    Toolkit,
    Wheel,
)
from envdoctor.matrix.versions import minor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.matrix.rows import Row
    from envdoctor.matrix.tables import Standing

PLATFORMS = ("linux-x86_64", "linux-aarch64", "windows-x86_64", "macos-arm64", "macos-x86_64")
CPU = "cpu"
PAST: Standing = "legacy"
"""The standing of every channel of [history], whose rows state none."""

_ORIGIN = ("source", "certainty")
_RELEASE = ("released", "requires_python", "torchvision", "torchaudio", "triton", "triton_python_below")
_CHANNEL = ("cuda", "cudnn", "nccl", "standing")
_PAST_CHANNEL = ("cuda",)


def is_channel(key: str) -> bool:
    """Whether a key of a torch row is a CUDA channel such as "cu126"."""
    return re.fullmatch(r"cu\d{2,3}", key, re.ASCII) is not None


def read_source(key: str, row: Row) -> Source:
    """A row of [sources]."""
    row.only(("date", "text"))
    return Source(key, row.text("text"), row.text("date"))


def read_release(version: str, row: Row, pythons: Row, glibc: Row) -> Release:
    """A row [torch."VERSION"] with its platform rows; `pythons` and `glibc` are the sets it refers to."""
    row.only((*_ORIGIN, *_RELEASE, "withheld", *PLATFORMS, *filter(is_channel, row.cells)))
    platforms = {name: row.row(name) for name in PLATFORMS if name in row.cells}
    for platform in platforms.values():
        platform.only(("default", "python", "tags"))
    tags = {name: platform.texts("tags") for name, platform in platforms.items()}
    return Release(
        version=version,
        released=row.text("released"),
        requires_python=row.text("requires_python"),
        pythons={name: read_pythons(platform, pythons) for name, platform in platforms.items()},
        default_channel={name: platform.text("default") for name, platform in platforms.items()},
        platform_tags=tags,
        glibc={
            name: min(_glibc(tag, glibc) for tag in found)
            for name, found in tags.items()
            if found and name.startswith("linux-")
        },
        torchvision=row.optional_version("torchvision"),
        torchaudio=row.optional_version("torchaudio"),
        triton=row.optional_text("triton"),
        triton_python_below=row.optional_version("triton_python_below"),
        source=row.text("source"),
        certainty=row.certainty(),
        withheld=row.optional_text("withheld"),
    )


def read_past_release(version: str, row: Row, pythons: Row) -> Release:
    """A row [history.torch."VERSION"]: as `read_release`, but what only an installer asks for may be missing."""
    row.only((*_ORIGIN, "released", "torchvision", "torchaudio", *PLATFORMS, *filter(is_channel, row.cells)))
    platforms = {name: row.row(name) for name in PLATFORMS if name in row.cells}
    for platform in platforms.values():
        platform.only(("default", "python"))
    return Release(
        version=version,
        released=row.text("released"),
        requires_python="",
        pythons={
            name: read_pythons(platform, pythons) if "python" in platform.cells else ()
            for name, platform in platforms.items()
        },
        default_channel={
            name: platform.text("default") for name, platform in platforms.items() if "default" in platform.cells
        },
        platform_tags={},
        glibc={},
        torchvision=row.optional_version("torchvision"),
        torchaudio=row.optional_version("torchaudio"),
        triton=None,
        triton_python_below=None,
        source=row.text("source"),
        certainty=row.certainty(),
    )


def read_pythons(row: Row, pythons: Row) -> tuple[str, ...]:
    """The Python tags that the `python` cell of `row` refers to."""
    key = row.text("python")
    if key not in pythons.cells:
        raise row.wrong(f"{key!r} is not in python_tags", "python")
    return pythons.texts(key)


def read_glibc_floors(glibc: Row) -> dict[str, tuple[int, int]]:
    """The row [glibc]: the lowest glibc of each kind of platform tag, without its architecture."""
    floors = glibc.row("floors")
    return {name: minor(floors.version(name)) for name in floors.cells}


def _glibc(tag: str, glibc: Row) -> tuple[int, int]:
    for name, floor in read_glibc_floors(glibc).items():
        if tag.startswith(f"{name}_"):
            return floor
    raise glibc.wrong(f"no floor for the platform tag {tag!r}", "floors")


def read_wheels(version: str, row: Row, architectures: Row, standing: Standing | None = None) -> tuple[Wheel, ...]:
    """Every build of the release: its CUDA channels in the order of the file, then the CPU build, by platform.

    `standing` is that of all channels where their rows state none.
    """
    wheels = [
        _cuda_wheel(version, channel, row.row(channel), platform, architectures, standing)
        for channel in filter(is_channel, row.cells)
        for platform in PLATFORMS
        if platform in row.row(channel).cells
    ]
    source, certainty = row.text("source"), row.certainty()
    wheels += [
        Wheel(
            torch=version,
            channel=CPU,
            platform=platform,
            cuda=None,
            cudnn=None,
            nccl=None,
            sass=(),
            ptx=(),
            standing="stable",
            source=source,
            certainty=certainty,
            pins_source=source,
            pins_certainty=certainty,
            cudnn_source=source,
        )
        for platform in PLATFORMS
        if platform in row.cells
    ]
    return tuple(wheels)


def _cuda_wheel(
    version: str, channel: str, row: Row, platform: str, architectures: Row, standing: Standing | None
) -> Wheel:
    row.only((*_ORIGIN, *(_CHANNEL if standing is None else _PAST_CHANNEL), *PLATFORMS))
    build = row.row(platform)
    build.only((*_ORIGIN, "architectures", "cudnn", "cudnn_source"))
    kernels = None
    key = build.optional_text("architectures")
    if key is not None:
        if key not in architectures.cells:
            raise build.wrong(f"{key!r} is not in architectures", "architectures")
        kernels = architectures.row(key)
        kernels.only(("sass", "ptx"))
    # Windows builds have a cuDNN of their own and no NCCL; what was read of them stands in their row.
    linux = platform.startswith("linux-")
    own_cudnn = build.optional_version("cudnn")
    return Wheel(
        torch=version,
        channel=channel,
        platform=platform,
        cuda=row.optional_version("cuda"),
        cudnn=row.optional_version("cudnn") if linux and own_cudnn is None else own_cudnn,
        nccl=row.optional_version("nccl") if linux else None,
        sass=kernels.capabilities("sass") if kernels else None,
        ptx=kernels.capabilities("ptx") if kernels else (),
        standing=standing or _standing(row),
        source=build.text("source"),
        certainty=build.certainty(),
        pins_source=row.text("source"),
        pins_certainty=row.certainty(),
        cudnn_source=row.text("source") if own_cudnn is None else build.text("cudnn_source"),
    )


def _standing(row: Row) -> Standing:
    value = row.text("standing")
    for word in STANDINGS:
        if value == word:
            return word
    raise row.wrong(f"{value!r} is none of {', '.join(STANDINGS)}", "standing")


def read_partners(name: str, row: Row, pythons: Row) -> Mapping[str, Partner]:
    """The table of torchvision or torchaudio, by version; a release may have a source of its own."""
    row.only((*_ORIGIN, "releases"))
    source, certainty = row.text("source"), row.certainty()
    found = {}
    for version, cells in row.row("releases").rows():
        cells.only((*_ORIGIN, "released", "torch", "python", "yanked"))
        own = "source" in cells.cells
        found[version] = Partner(
            name=name,
            version=version,
            released=cells.text("released"),
            torch=cells.text("torch"),
            pythons=read_pythons(cells, pythons),
            yanked=cells.optional_text("yanked"),
            source=cells.text("source") if own else source,
            certainty=cells.certainty() if own else certainty,
        )
    return found


def read_cuda_floor(major: str, row: Row) -> CudaFloor:
    """A row of [driver_floors], named by the CUDA major."""
    row.only((*_ORIGIN, "linux", "windows"))
    if not re.fullmatch(r"\d{1,3}", major, re.ASCII):
        raise row.wrong("is not a CUDA major")
    return CudaFloor(int(major), row.version("linux"), row.version("windows"), row.text("source"), row.certainty())


def read_toolkit(version: str, row: Row) -> Toolkit:
    """A row of [toolkits]."""
    row.only((*_ORIGIN, "linux", "windows"))
    return Toolkit(version, row.version("linux"), row.optional_version("windows"), row.text("source"), row.certainty())


def read_branch(branch: str, row: Row) -> DriverBranch:
    """A row of [driver_branches]."""
    row.only((*_ORIGIN, "cuda"))
    if not re.fullmatch(r"\d{1,6}", branch, re.ASCII):
        raise row.wrong("is not a driver branch")
    return DriverBranch(int(branch), row.version("cuda"), row.text("source"), row.certainty())


def read_generation(row: Row) -> Generation:
    """A row of [[generations]]."""
    lowest = ("lowest_branch", "lowest_branch_source", "lowest_branch_certainty")
    row.only((*_ORIGIN, *lowest, "name", "capabilities", "first_toolkit", "last_toolkit", "last_branch"))
    branch = row.optional_number("lowest_branch")
    return Generation(
        name=row.text("name"),
        capabilities=row.capabilities("capabilities"),
        first_toolkit=row.optional_version("first_toolkit"),
        last_toolkit=row.optional_version("last_toolkit"),
        last_branch=row.optional_number("last_branch"),
        lowest_branch=None
        if branch is None
        else DriverFloor(str(branch), row.text(lowest[1]), row.certainty(lowest[2])),
        source=row.text("source"),
        certainty=row.certainty(),
    )


def read_cudnn(row: Row) -> CudnnSupport:
    """A row of [[cudnn]]."""
    row.only((*_ORIGIN, "from", "capabilities"))
    return CudnnSupport(row.version("from"), row.capabilities("capabilities"), row.text("source"), row.certainty())


def read_gpus(row: Row) -> tuple[GpuModel, ...]:
    """A row of [[gpus]]: the models that share a compute capability, a kind and a source."""
    row.only((*_ORIGIN, "capability", "generation", "kind", "names"))
    capability, generation, kind = row.capability("capability"), row.text("generation"), row.text("kind")
    source, certainty = row.text("source"), row.certainty()
    return tuple(GpuModel(name, capability, generation, kind, source, certainty) for name in row.texts("names"))
