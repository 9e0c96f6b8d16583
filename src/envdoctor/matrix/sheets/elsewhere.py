"""torch from elsewhere than PyTorch's wheel index: container images, conda packages, and what Jetson boards use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.sheets import cells
from envdoctor.matrix.versions import parts
from envdoctor.model.sheet import Column, Items, Sheet, Table

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix

TORCH = Column("torch", "torch")
CUDA = Column("cuda", "CUDA")


def images(matrix: Matrix, *, day: str) -> Sheet:
    """Container images with torch in them, newest first: PyTorch's own, then NVIDIA's."""
    columns = (TORCH, CUDA, Column("tag", "image"), *cells.ORIGIN)
    rows = tuple(
        (one.torch, one.cuda, one.tag, *cells.origin(matrix, one.certainty, one.source))
        for one in reversed(matrix.images)
    )
    ngc = tuple(
        (one.torch, one.cuda, one.tag, one.driver_branch, *cells.origin(matrix, one.certainty, one.source))
        for one in reversed(matrix.ngc_images)
    )
    branch = Column("driver_branch", "driver from", 2)
    tables = (
        Table("images", "Images of PyTorch for linux-x86_64", columns, rows),
        Table("ngc_images", "Images of NVIDIA", (*columns[:3], branch, *cells.ORIGIN), ngc),
    )
    return cells.sheet(matrix, "Container images", tables, day=day)


def conda(matrix: Matrix, *, day: str) -> Sheet:
    """The CUDA builds of torch on conda-forge, newest release first, and where PyTorch's own channel ended."""
    columns = (
        TORCH,
        CUDA,
        Column("platforms", "platforms", 1),
        Column("sass", "machine code for"),
        Column("ptx", "PTX for", 2),
        Column("first_build", "from build", 3),
        Column("boards", "for"),
        *cells.ORIGIN,
    )
    newest_first = sorted(matrix.conda_forge, key=lambda one: parts(one.torch), reverse=True)
    rows = tuple(
        (
            one.torch,
            one.cuda,
            Items(one.platforms),
            cells.capabilities(one.sass),
            cells.capabilities(one.ptx),
            one.first_build,
            "Jetson" if one.tegra else "",
            *cells.origin(matrix, one.certainty, one.source),
        )
        for one in newest_first
    )
    end = matrix.conda_channel_end
    notes = (f"PyTorch's own conda channel, {end.channel}, ends with torch {end.last}.",) if end else ()
    choosing = tuple(
        f"A build is chosen by its CUDA: pytorch={one.torch} beside cuda-version={one.cuda}."
        for one in newest_first[:1]
    )
    builds = Table("builds", "CUDA builds on conda-forge", columns, rows, choosing)
    return cells.sheet(matrix, "torch as conda packages", (builds,), notes, day=day)


def jetson(matrix: Matrix, *, day: str) -> Sheet:
    """Where Jetson boards get a torch that holds kernels for them, newest Jetson Linux first."""
    columns = (
        Column("l4t", "Jetson Linux"),
        Column("jetpack", "JetPack"),
        CUDA,
        Column("compute_capability", "capability"),
        Column("place", "torch from"),
        Column("channel", "channel"),
        Column("page", "page", 3),
        *cells.ORIGIN,
    )
    rows = tuple(
        (
            one.l4t,
            one.jetpack,
            one.cuda,
            cells.capability_text(one.capability),
            one.place,
            one.channel or "",
            one.page,
            *cells.origin(matrix, one.certainty, one.source),
        )
        for one in reversed(matrix.jetson_sources)
    )
    return cells.sheet(matrix, "torch for Jetson boards", (Table("boards", "", columns, rows),), day=day)
