"""Which releases serve some GPUs: every answer is that of `serving.obstacle`, which plans and rules ask too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.fit import kernels_for
from envdoctor.matrix.matrix import LINUX
from envdoctor.matrix.reading import CPU
from envdoctor.matrix.remember import remembered
from envdoctor.matrix.serving import Need, disputed, obstacle
from envdoctor.matrix.sheets import cells
from envdoctor.matrix.sheets.releases import sources
from envdoctor.matrix.versions import parts
from envdoctor.model.sheet import NONE, Column, Sheet, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Obstacle
    from envdoctor.matrix.tables import GpuModel, Release, Wheel
    from envdoctor.model.machine import Capability
    from envdoctor.model.sheet import Cell

MACHINE_CODE, PTX, NO = "machine code", "PTX", "no"
NOT_ENDED = "not ended"
PLANNED = "planned"
ARM = ("linux-aarch64",)
SERVERS = ("linux-x86_64", *ARM)
"""Where GPUs work whose name does not tell."""

OPEN = ("unknown", "libraries")
"""Constraints that say what nobody read or showed, not that it fails."""

GPU = (
    Column("gpu", "GPU"),
    Column("compute_capability", "capability"),
    Column("generation", "generation", 2),
    Column("kind", "kind", 5),
    Column("first_toolkit", "first CUDA", 2),
    Column("last_toolkit", "last CUDA", 2),
    Column("first_branch", "first driver", 2),
    Column("last_branch", "last driver", 1),
    Column("last_torch", "last torch"),
    Column("certainty", "certainty", 2),
    cells.ORIGIN[1],
)
BUILD = (
    Column("torch", "torch"),
    Column("channel", "channel"),
    Column("platform", "platform", 1),
    Column("kernels", "kernels"),
    Column("driver", "driver from"),
    Column("why", "why not"),
    *cells.ORIGIN,
)


LAST_TORCH = ("last torch: the newest with a build for Linux; with a question mark, one that nobody saw on the index.",)


class Answer(NamedTuple):
    """How a build serves the GPUs: `kernels` is None where that is not known; `driver` the lowest that runs it."""

    release: Release
    wheel: Wheel
    kernels: str | None
    driver: str | None
    why: str
    runs: bool

    @property
    def serves(self) -> bool:
        """Whether its kernels run on every one of the GPUs, with a driver that is new enough."""
        return self.kernels in (MACHINE_CODE, PTX)


class Asked(NamedTuple):
    """A GPU that was asked about; `model` is None where it was named by its compute capability alone."""

    name: str
    capability: Capability
    model: GpuModel | None


def gpu_row(matrix: Matrix, asked: Asked) -> tuple[Cell, ...]:
    """The cells under `GPU`."""
    name, capability, model = asked
    board = model is not None and model.kind == "jetson"  # its driver comes with JetPack, in no branch
    generation = next((row for row in matrix.generations if capability in row.capabilities), None)
    floor = matrix.gpu_driver_floor(capability)
    known = generation is not None
    row = model or generation
    return (
        name,
        cells.capability_text(capability),
        model.generation if model else generation.name if generation else None,
        model.kind if model else "",
        matrix.first_toolkit(capability),
        matrix.last_toolkit(capability) or (NOT_ENDED if known else None),
        NONE if board else floor.branch if floor else None,
        NONE if board else matrix.last_driver_branch(capability) or (NOT_ENDED if known else None),
        last_torch(matrix, capability, ARM if board else SERVERS),
        *(cells.origin(matrix, row.certainty, row.source) if row else (None, None)),
    )


@remembered()
def last_torch(matrix: Matrix, capability: Capability, platforms: tuple[str, ...] = SERVERS) -> str | None:
    """The newest release with a build for one of the platforms that serves a compute capability.

    It has a mark where nobody saw such a build. "none" where no release did; None where the matrix does not know such
    GPUs, and newer releases may serve them.
    """
    for release in cells.every_release(matrix):
        good = [
            wheel
            for wheel in matrix.wheels(release.version)
            if wheel.platform in platforms and wheel.channel != CPU and wheel.standing != PLANNED
            if _kernels(matrix, release, wheel, _any_driver(wheel.platform, capability)) in (MACHINE_CODE, PTX)
        ]
        if good:
            seen = any(wheel.certainty in cells.SEEN for wheel in good)
            return release.version if seen else release.version + cells.UNSEEN_MARK
    return NONE if any(capability in row.capabilities for row in matrix.generations) else None


def _any_driver(platform: str, capability: Capability) -> Need:
    return Need(platform, None, None, LINUX, None, None, (capability,), cuda=True)


def answers(matrix: Matrix, release: Release, need: Need) -> list[Answer]:
    """Every CUDA build of a release for the platform of `need`, with how it serves its GPUs; planned ones too."""
    builds = (wheel for wheel in matrix.wheels(release.version) if wheel.platform == need.platform)
    return [_answer(matrix, release, wheel, need) for wheel in builds if wheel.channel != CPU]


def _answer(matrix: Matrix, release: Release, wheel: Wheel, need: Need) -> Answer:
    kernels = _kernels(matrix, release, wheel, need)
    if kernels not in (MACHINE_CODE, PTX):
        problem = _whatever_the_driver(matrix, release, wheel, need)
        why = problem.text if problem else f"the CUDA of this {wheel.standing} build is not known"
        return Answer(release, wheel, kernels, None, why, runs=False)
    here = obstacle(matrix, release, wheel, need) if need.driver else None
    driver = lowest_driver(matrix, release, wheel, need)
    return Answer(release, wheel, kernels, driver, here.text if here else "", runs=here is None)


def _kernels(matrix: Matrix, release: Release, wheel: Wheel, need: Need) -> str | None:
    """How a build serves the GPUs with a driver that is new enough; None where that is not known."""
    problem = _whatever_the_driver(matrix, release, wheel, need)
    if problem is not None:
        is_open = any(disputed(wheel, one) for one in need.capabilities)
        return None if is_open or problem.constraint.partition(":")[0] in OPEN else NO
    if wheel.cuda is None:
        return None
    compiled = all(kernels_for(wheel.sass or (), (), one) for one in need.capabilities)
    return MACHINE_CODE if compiled else PTX


def _whatever_the_driver(matrix: Matrix, release: Release, wheel: Wheel, need: Need) -> Obstacle | None:
    """What a build breaks on a driver that provides its CUDA, and so compiles its PTX."""
    return obstacle(matrix, release, wheel, replace(need, driver=None, api=wheel.cuda))


def lowest_driver(matrix: Matrix, release: Release, wheel: Wheel, need: Need) -> str | None:
    """The lowest driver known by its number on which a build serves the GPUs; None where it is not known."""
    for driver in _drivers(matrix, need):
        if obstacle(matrix, release, wheel, replace(need, driver=driver, api=matrix.driver_cuda(driver))) is None:
            return driver
    return None


def _drivers(matrix: Matrix, need: Need) -> list[str]:
    """Every driver that is the lowest for something, oldest first."""
    windows = need.driver_os == "windows"
    found: set[str | None] = {row.windows if windows else row.linux for row in matrix.cuda_floors}
    found |= {row.windows if windows else row.linux for row in matrix.toolkits}
    found |= {floor.driver for one in need.capabilities if (floor := matrix.gpu_driver_floor(one))}
    return sorted((driver for driver in found if driver), key=parts)


def serving(
    matrix: Matrix,
    asked: Sequence[Asked],
    need: Need,
    releases: Sequence[Release],
    *,
    closely: bool,
    everything: bool,
    day: str,
) -> Sheet:
    """The GPUs, and which of `releases` (newest first) have a build that serves all of them.

    `asked` are the GPUs of `need.capabilities`; `closely` shows each build with why it does not serve.
    """
    gpus = tuple(dict.fromkeys(gpu_row(matrix, one) for one in asked))
    found = [answers(matrix, release, need) for release in releases if need.platform in release.platforms]
    found = [one for one in found if one]
    shown = found if everything or closely else found[: _enough(found)]
    who = " and ".join(str(row[0]) for row in gpus)
    notes = _summary(found, who, need)
    tables = [Table("gpus", "", GPU, gpus, LAST_TORCH), _by_release(matrix, shown, need, len(found) - len(shown))]
    if closely:
        builds = [answer for one in shown for answer in one]
        tables.append(_by_build(matrix, builds, need))
        tables.append(sources(matrix, [], [answer.wheel for answer in builds]))
    where = f"{need.platform}{cells.for_python(need.python_tag)}"
    return cells.sheet(matrix, f"torch for {who} on {where}", tables, notes, day=day)


def _enough(found: list[list[Answer]]) -> int:
    """How many releases to show: the latest, and down to the last that serves where it is older."""
    last = next((place for place, one in enumerate(found) if any(answer.serves for answer in one)), 0)
    return max(cells.LATEST, last + 3)


def _summary(found: list[list[Answer]], who: str, need: Need) -> list[str]:
    """Name the newest release that serves, and where nobody saw its builds the newest that somebody saw."""
    on = f" on driver {need.driver}" if need.driver else ""
    good = [answer for one in found for answer in one if answer.runs and answer.wheel.standing != PLANNED]
    if not good:
        return [f"No build of torch is known to serve {who}{on}."]
    said = [f"The newest torch known to serve {who}{on} is {_newest(good)}."]
    seen = [answer for answer in good if answer.wheel.certainty in cells.SEEN]
    if seen and not any(answer.release == good[0].release for answer in seen):
        said.append(f"The newest whose builds were seen is {_newest(seen)}.")
    return said


def _newest(good: list[Answer]) -> str:
    first = good[0].release
    by = ", ".join(cells.channels(answer.wheel for answer in good if answer.release == first).items)
    return f"{first.version} (from {by})"


def _by_release(matrix: Matrix, found: Iterable[list[Answer]], need: Need, older: int) -> Table:
    columns = [
        Column("torch", "torch"),
        Column("machine_code", "machine code"),
        Column("ptx", "PTX", 1),
        Column("no", "do not serve", 1),
        Column("not_known", "not known", 1),
        Column("driver", "driver from"),
        *((Column("runs", f"run on {need.driver}"),) if need.driver else ()),
        Column("mark", "mark"),
    ]
    rows = []
    for one in found:
        drivers = [answer.driver for answer in one if answer.driver]
        runs = (_channels(answer for answer in one if answer.runs),) if need.driver else ()
        rows.append(
            (
                one[0].release.version,
                *(
                    _channels(answer for answer in one if answer.kernels == kind)
                    for kind in (MACHINE_CODE, PTX, NO, None)
                ),
                min(drivers, key=parts) if drivers else "",
                *runs,
                cells.standing(matrix, one[0].release),
            )
        )
    notes = ["PTX: the driver compiles these kernels when they are first used."] if any(row[2] for row in rows) else []
    notes += [cells.UNSEEN] if cells.has_unseen(rows) else []
    notes += [cells.JUDGED_NOTE] if any(row[-1] == cells.JUDGED for row in rows) else []
    notes += [f"{older} older releases: --all."] if older else []
    return Table("releases", "Channels by how they serve", tuple(columns), tuple(rows), tuple(notes))


def _channels(found: Iterable[Answer]) -> Cell:
    items = cells.channels(answer.wheel for answer in found)
    return items if items.items else ""


def _by_build(matrix: Matrix, found: Iterable[Answer], need: Need) -> Table:
    rows = tuple(
        (
            answer.release.version,
            answer.wheel.channel,
            answer.wheel.platform,
            answer.kernels,
            answer.driver or ("" if answer.kernels == NO else None),
            answer.why,
            *cells.origin(matrix, answer.wheel.certainty, answer.wheel.source),
        )
        for answer in found
    )
    return Table("builds", f"Builds for {need.platform}", BUILD, rows)
