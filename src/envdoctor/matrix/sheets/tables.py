"""The other tables: drivers, CUDA toolkits, GPUs, cuDNN, partners of torch and sources, each as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.sheets import cells
from envdoctor.matrix.sheets.serving_gpus import GPU, LAST_TORCH, NOT_ENDED, Asked, gpu_row
from envdoctor.matrix.speed import NUMBER_TYPES
from envdoctor.matrix.versions import parts
from envdoctor.model.sheet import Column, Items, Sheet, Table

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.sheet import Cell

LINUX = Column("linux", "Linux")
WINDOWS = Column("windows", "Windows")


def drivers(matrix: Matrix, line: str | None, *, day: str) -> Sheet:
    """Driver branches with the CUDA each provides and the GPUs each is the last for, newest first; then the floors."""
    columns = (Column("branch", "branch"), Column("cuda", "CUDA"), Column("last_for", "last branch for"), *cells.ORIGIN)
    rows = tuple(
        (
            row.branch,
            row.cuda,
            Items(tuple(dict.fromkeys(one.name for one in matrix.generations if one.last_branch == row.branch))),
            *cells.origin(matrix, row.certainty, row.source),
        )
        for row in reversed(matrix.driver_branches)
        if line is None or row.branch == matrix.driver_branch(line)
    )
    note = "CUDA: the newest that programs may be built for; of the same major the driver runs newer ones too."
    branches = Table("branches", "Driver branches", columns, rows, (note,))
    return cells.sheet(matrix, "NVIDIA drivers", (branches, _floors(matrix)), day=day)


def _floors(matrix: Matrix) -> Table:
    columns = (Column("cuda", "CUDA"), LINUX, WINDOWS, *cells.ORIGIN)
    rows = tuple(
        (f"{row.major}.x", row.linux, row.windows, *cells.origin(matrix, row.certainty, row.source))
        for row in reversed(matrix.cuda_floors)
    )
    note = "Of a CUDA before 11.0 the driver of the toolkit is the lowest; those are under `cuda`."
    return Table("floors", "Lowest driver for a CUDA build", columns, rows, (note,))


def cuda(matrix: Matrix, line: str | None, *, day: str) -> Sheet:
    """CUDA toolkits and the drivers that come with them, newest first; then the floors."""
    columns = (Column("toolkit", "toolkit"), LINUX, WINDOWS, *cells.ORIGIN)
    rows = tuple(
        (row.version, row.linux, row.windows, *cells.origin(matrix, row.certainty, row.source))
        for row in reversed(matrix.toolkits)
        if line is None or cells.belongs_to(row.version, line)
    )
    toolkits = Table("toolkits", "Drivers that come with a CUDA toolkit", columns, rows)
    return cells.sheet(matrix, "CUDA", (toolkits, _floors(matrix)), day=day)


def gpus(matrix: Matrix, *, day: str) -> Sheet:
    """Every GPU by name, then the generations."""
    ordered = sorted(matrix.gpus, key=lambda model: (model.capability, model.kind, model.name))
    rows = (gpu_row(matrix, Asked(model.name, model.capability, model)) for model in ordered)
    names = Table("gpus", "GPUs by name", GPU, tuple(rows), LAST_TORCH)
    columns = (
        Column("generation", "generation"),
        Column("capabilities", "compute capabilities"),
        *(Column(key, title) for key, title in (("first_toolkit", "first CUDA"), ("last_toolkit", "last CUDA"))),
        Column("first_branch", "first driver", 2),
        Column("last_branch", "last driver", 1),
        *cells.ORIGIN,
    )
    generations = tuple(
        (
            row.name,
            cells.capabilities(row.capabilities),
            row.first_toolkit,
            row.last_toolkit or NOT_ENDED,
            row.lowest_branch.branch if row.lowest_branch else None,
            row.last_branch or NOT_ENDED,
            *cells.origin(matrix, row.certainty, row.source),
        )
        for row in sorted(matrix.generations, key=lambda row: row.capabilities)
    )
    second = Table("generations", "Generations", columns, generations)
    return cells.sheet(matrix, "NVIDIA GPUs", (names, second), day=day)


def cudnn(matrix: Matrix, *, day: str) -> Sheet:
    """What cuDNN has kernels for."""
    columns = (Column("from", "from cuDNN"), Column("capabilities", "compute capabilities"), *cells.ORIGIN)
    rows = tuple(
        (row.since, cells.capabilities(row.capabilities), *cells.origin(matrix, row.certainty, row.source))
        for row in reversed(matrix.cudnn_support)
    )
    return cells.sheet(matrix, "cuDNN", (Table("cudnn", "", columns, rows),), day=day)


def partner(matrix: Matrix, name: str, line: str | None, *, everything: bool, day: str) -> Sheet:
    """Releases of torchvision or torchaudio with the torch each asks for, newest first."""
    columns = (
        Column("version", name),
        Column("released", "released", 1),
        Column("torch", "asks for torch"),
        Column("pythons", "Pythons", 1),
        Column("yanked", "withdrawn"),
        *cells.ORIGIN,
    )
    tables = (matrix.partners.get(name, {}), matrix.past_partners.get(name, {}))
    known = sorted(
        (row for table in tables for row in table.values()), key=lambda row: parts(row.version), reverse=True
    )
    found = [row for row in known if line is None or cells.belongs_to(row.version, line)]
    shown = found if everything or line else found[: cells.LATEST]
    rows = tuple(
        (
            row.version,
            row.released,
            row.torch or "any",
            cells.pythons(row.pythons),
            "" if row.yanked is None else row.yanked or "yes",
            *cells.origin(matrix, row.certainty, row.source),
        )
        for row in shown
    )
    notes = (f"{len(found) - len(shown)} older releases: --all.",) if len(shown) < len(found) else ()
    return cells.sheet(matrix, f"{name} releases", (Table("releases", "", columns, rows, notes),), day=day)


def peaks(matrix: Matrix, *, day: str) -> Sheet:
    """What boards are sold for, by which `envdoctor smoke` judges their speed."""
    columns = (
        Column("gpu", "GPU"),
        Column("nvml_names", "called by NVML", 3),
        *(Column(kind, kind) for kind in NUMBER_TYPES),
        Column("memory_gb_per_s", "memory GB/s"),
        *cells.ORIGIN,
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            row.gpu,
            Items(row.names),
            *(f"{row.tflops[kind]:g}" if kind in row.tflops else "" for kind in NUMBER_TYPES),
            row.memory,
            *cells.origin(matrix, row.certainty, row.source),
        )
        for row in matrix.peaks
    )
    note = "10^12 dense operations a second by number type; an empty cell: none was read, or the GPU has no such type."
    return cells.sheet(matrix, "Peak speed of GPUs", (Table("peaks", "", columns, rows, (note,)),), day=day)


def sources(matrix: Matrix, *, day: str) -> Sheet:
    """Where the rows come from, and who says so."""
    columns = (
        Column("source", "source"),
        Column("date", "read on"),
        Column("text", "what it is"),
        *((Column("file", "named by"),) if matrix.overlay else ()),
    )
    rows = tuple((one.key, one.date, one.text, *_file(matrix, one.key)) for one in matrix.sources.values())
    return cells.sheet(matrix, "Sources", (Table("sources", "", columns, rows),), day=day)


def _file(matrix: Matrix, key: str) -> tuple[str, ...]:
    """Which file names a source; nothing where there is one file alone."""
    if matrix.overlay is None:
        return ()
    return (matrix.overlay.file if key in matrix.overlay.states("sources") else "the shipped matrix",)
