"""Every torch release in one line, and one release with all its builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.reading import CPU, PLATFORMS
from envdoctor.matrix.sheets import cells
from envdoctor.model.sheet import NONE, Column, Items, Sheet, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Release, Wheel
    from envdoctor.model.sheet import Cell

LINUX = "linux-x86_64"
MARK = Column("mark", "mark")
NAMES = (
    Column("torch", "torch"),
    Column("released", "released", 3),
    Column("torchvision", "vision", 1),
    Column("torchaudio", "audio", 1),
)
DEMANDS = (Column("requires_python", "requires Python", 3), Column("triton", "triton", 2))
GLIBC = Column("glibc", "glibc", 2)
ELSEWHERE = (
    Column("default_linux_aarch64", "default on aarch64", 3),
    Column("default_windows_x86_64", "default on Windows", 3),
)
PLATFORM = (
    Column("platform", "platform"),
    Column("default", "default channel"),
    Column("pythons", "Pythons"),
    Column("glibc", "glibc"),
    Column("tags", "wheel tags", 1),
)
BUILD = (
    Column("channel", "channel"),
    Column("platform", "platform"),
    Column("cuda", "CUDA"),
    Column("driver", "driver from"),
    Column("sass", "machine code for"),
    Column("ptx", "PTX for", 1),
    Column("cudnn", "cuDNN", 2),
    Column("nccl", "NCCL", 2),
    Column("standing", "standing", 3),
    *cells.ORIGIN,
    Column("versions_certainty", "versions", 5),
    Column("versions_source", "versions from", 5),
)


class Environment(NamedTuple):
    """Where torch is to be installed: a platform, and the tag of a Python ("cp314"); None where it was not said."""

    platform: str | None = None
    python_tag: str | None = None

    @property
    def where(self) -> str:
        """The platform of the columns that speak of one."""
        return self.platform or LINUX

    def admits(self, release: Release) -> bool:
        """Whether a release has a wheel for it; one whose Pythons nobody read is not left out."""
        if self.where not in release.platforms:
            return self == Environment()
        tags = release.pythons[self.where]
        return not tags or self.python_tag is None or self.python_tag in tags

    def __str__(self) -> str:
        """As the end of a title: "", " on windows-x86_64", " for Python 3.14 on linux-x86_64"."""
        if self == Environment():
            return ""
        return f"{cells.for_python(self.python_tag)} on {self.where}"


def overview(
    matrix: Matrix, found: Sequence[Release], environment: Environment, *, everything: bool, day: str
) -> Sheet:
    """The latest of some releases in one line each; `everything` adds the older. `found` stands newest first."""
    shown = found if everything else found[: cells.LATEST]
    older = len(found) - len(shown)
    notes = (f"{older} older releases: --all.",) if older else ()
    return _listed(matrix, shown, environment, (), notes, day)


def every_column(matrix: Matrix, found: Sequence[Release], environment: Environment, *, day: str) -> Sheet:
    """The whole table of some releases; without the defaults elsewhere where one platform was asked for."""
    elsewhere = () if environment.platform else ELSEWHERE
    return _listed(matrix, found, environment, (*DEMANDS, *elsewhere, GLIBC, *cells.ORIGIN), (), day)


def _listed(
    matrix: Matrix,
    releases: Sequence[Release],
    environment: Environment,
    more: Sequence[Column],
    notes: tuple[str, ...],
    day: str,
) -> Sheet:
    """The sheet of some releases, a line each; `more` are columns beside the usual ones."""
    title = f"torch releases{environment}"
    if not releases:
        empty = Table("releases", "", NAMES, ())
        return cells.sheet(matrix, title, (empty,), ("No release that was asked for has a wheel there.",), day=day)
    where = environment.where
    columns = (
        *NAMES,
        Column(f"default_{where.replace('-', '_')}", "default"),
        Column("channels", "CUDA channels"),
        Column("pythons", "Pythons", 1),
        *more,
        MARK,
    )
    found = [_line(matrix, release, environment) for release in releases]
    rows = tuple(tuple(line[column.key] for column in columns) for line in found)
    said = [cells.UNSEEN] if cells.has_unseen(rows) else []
    said += [cells.JUDGED_NOTE] if any(line[MARK.key] == cells.JUDGED for line in found) else []
    default = f"default: what an installer gets on {where} without an index URL; Pythons: on {where}."
    table = Table("releases", "", columns, rows, (default, *said, *notes))
    return cells.sheet(matrix, title, (table,), day=day)


def _line(matrix: Matrix, release: Release, environment: Environment) -> dict[str, Cell]:
    """Every cell that a column of a release may show, by its key."""
    certainty, source = cells.origin(matrix, release.certainty, release.source)
    return {
        "torch": release.version,
        "released": release.released,
        "torchvision": release.torchvision or NONE,
        "torchaudio": release.torchaudio or NONE,
        **{f"default_{name.replace('-', '_')}": _default(release, name) for name in PLATFORMS},
        "channels": cells.channels(_builds(matrix, release, environment)),
        "pythons": cells.pythons(release.pythons.get(environment.where)),
        "requires_python": release.requires_python or None,
        "triton": _triton(matrix, release),
        "glibc": _glibc(release, environment.where),
        "certainty": certainty,
        "source": source,
        MARK.key: cells.standing(matrix, release),
    }


def _default(release: Release, platform: str) -> Cell:
    return release.default_channel.get(platform) if platform in release.platforms else NONE


def _glibc(release: Release, platform: str) -> Cell:
    floor = release.glibc.get(platform)
    if floor:
        return f"{floor[0]}.{floor[1]}"
    return None if platform.startswith("linux-") else NONE


def _triton(matrix: Matrix, release: Release) -> Cell:
    if release.triton is None:  # [history] does not speak of it
        return None if release.version in matrix.past_versions else NONE
    bound = f" below Python {release.triton_python_below}" if release.triton_python_below else ""
    return f"{release.triton}{bound}"


def one(matrix: Matrix, releases: Sequence[Release], environment: Environment, *, day: str) -> Sheet:
    """Releases with every build each of them has; `releases` are those of one line, newest first, and at least one."""
    wheels = [wheel for release in releases for wheel in _builds(matrix, release, environment)]
    tables = [table for release in releases for table in _tables(matrix, release, environment)]
    marks = ((release.version, cells.standing(matrix, release)) for release in releases)
    notes = [
        f"torch {version} is {cells.JUDGED_NOTE if mark == cells.JUDGED else f'{mark}.'}"
        for version, mark in marks
        if mark
    ]
    announced = (wheel for wheel in wheels if wheel.standing == "planned")
    planned = dict.fromkeys(f"{wheel.channel} of torch {wheel.torch}" for wheel in announced)
    notes += [f"{name} was announced and not seen on the index; no plan names it." for name in planned]
    title = f"{_named(releases)}{environment}"
    return cells.sheet(matrix, title, (*tables, sources(matrix, releases, wheels)), notes, day=day)


def _named(releases: Sequence[Release]) -> str:
    versions = [f"torch {release.version}" for release in releases]
    return " and ".join(versions) if len(versions) < 4 else f"{versions[0]} down to {versions[-1]}"


def _builds(matrix: Matrix, release: Release, environment: Environment) -> list[Wheel]:
    return [one for one in matrix.wheels(release.version) if environment.platform in (None, one.platform)]


def _tables(matrix: Matrix, release: Release, environment: Environment) -> tuple[Table, ...]:
    version = release.version
    columns = (*NAMES, *DEMANDS, *cells.ORIGIN)
    line = _line(matrix, release, environment)
    facts = tuple(line[column.key] for column in columns)
    platforms = tuple(
        (
            platform,
            _default(release, platform),
            cells.pythons(release.pythons.get(platform)),
            _glibc(release, platform),
            Items(tags) if (tags := release.platform_tags.get(platform, ())) else None,
        )
        for platform in PLATFORMS
        if platform in release.platforms and environment.platform in (None, platform)
    )
    builds = tuple(_build(matrix, wheel) for wheel in _builds(matrix, release, environment))
    return (
        Table("release", f"torch {version}", columns, (facts,)),
        Table("platforms", f"torch {version} by platform", PLATFORM, platforms),
        Table("builds", f"Builds of torch {version}", BUILD, builds),
    )


def _build(matrix: Matrix, wheel: Wheel) -> tuple[Cell, ...]:
    cpu = wheel.channel == CPU
    absent = NONE if cpu else None
    system = wheel.platform.partition("-")[0]
    return (
        wheel.channel,
        wheel.platform,
        wheel.cuda or absent,
        matrix.driver_floor(wheel.cuda, system) if wheel.cuda else absent,
        cells.capabilities(wheel.sass),
        cells.capabilities(wheel.ptx if wheel.sass is not None else None),
        wheel.cudnn or absent,
        wheel.nccl or (absent if system == "linux" else NONE),
        wheel.standing,
        *cells.origin(matrix, wheel.certainty, wheel.source),
        *cells.origin(matrix, wheel.pins_certainty, wheel.pins_source),
    )


def sources(matrix: Matrix, releases: Sequence[Release], wheels: Sequence[Wheel]) -> Table:
    """What the keys in the columns of sources stand for."""
    named = [
        *(release.source for release in releases),
        *(key for one in wheels for key in (one.source, one.pins_source)),
    ]
    columns = (Column("source", "source"), Column("date", "read on"), Column("text", "what it is"))
    found = [matrix.source(key) for key in dict.fromkeys(named)]
    return Table("sources", "Sources", columns, tuple((one.key, one.date, one.text) for one in found))
