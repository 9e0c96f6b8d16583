"""What must hold in every matrix file. Each law is a function that yields one sentence for each breach."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from envdoctor.matrix import laws_elsewhere, laws_of_builds, laws_of_hardware
from envdoctor.matrix.laws_of_builds import all_wheels
from envdoctor.matrix.versions import minor, older, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.rows import Node
    from envdoctor.matrix.tables import Partner

TABLES = (
    *("revision", "sources", "python_tags", "architectures", "glibc", "torch", "torchvision", "torchaudio"),
    *("driver_floors", "toolkits", "driver_branches", "generations", "tegra", "cudnn", "gpus"),
    *("history", "compile_pythons", "numpy2", "mkl", "triton_gpus", "cxx11_abi", "mps"),
    *("images", "ngc_images", "cuda_images", "conda_channel", "conda_forge", "jetson", "peaks"),
)

_DATE = re.compile(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)


def broken(matrix: Matrix) -> Iterator[str]:
    """Yield every breach of every law as "law: breach".

    Raises `MatrixError` for a row that cannot be read at all (wrong type, unknown key, missing cell).
    """
    for law in LAWS:
        for breach in law(matrix):
            yield f"{law.__name__.replace('_', ' ')}: {breach}"


def every_row_reads(matrix: Matrix) -> Iterator[str]:
    """Every cell has the right type, none is missing and none is unknown (raises `MatrixError`)."""
    matrix.root.only(TABLES)
    for key in matrix.root.row("python_tags").cells:
        matrix.root.row("python_tags").texts(key)
    for _, kernels in matrix.root.row("architectures").rows():
        kernels.only(("sass", "ptx"))
        kernels.texts("sass")
    glibc = matrix.root.row("glibc")
    glibc.only(("floors", "source", "certainty"))
    glibc.certainty()
    for tag in glibc.row("floors").cells:
        glibc.row("floors").version(tag)
    matrix.root.row("tegra").only(("capabilities", "source", "certainty"))
    matrix.root.row("tegra").certainty()
    tables: tuple[Sequence[object], ...] = (
        matrix.releases,
        (matrix.past_releases,),
        all_wheels(matrix),
        _all_partners(matrix),
        matrix.cuda_floors,
        matrix.toolkits,
        matrix.driver_branches,
        matrix.generations,
        matrix.cudnn_support,
        matrix.gpus,
        matrix.compile_pythons,
        matrix.mps_floors,
        (matrix.numpy2, matrix.mkl, matrix.triton_gpus, matrix.cxx_abi),
        tuple(matrix.sources),
    )
    yield from (f"table {number} of {len(tables)} is empty" for number, rows in enumerate(tables, 1) if not rows)


def versions_parse(matrix: Matrix) -> Iterator[str]:
    """Keys that are versions are dotted numbers."""
    keys = [*matrix.versions, *matrix.past_versions, *(row.version for row in _all_partners(matrix))]
    for key in (*keys, *(row.version for row in matrix.toolkits)):
        try:
            parts(key)
        except ValueError as error:
            yield str(error)


def every_source_is_named_dated_and_used(matrix: Matrix) -> Iterator[str]:
    """Each row names a source of [sources]; each source has a date up to the revision and is named by a row.

    A source of ours whose only row an overlay replaced is no breach of the overlay.
    """
    for revision in (matrix.revision, matrix.overlay and matrix.overlay.revision):
        if revision is not None and not _DATE.fullmatch(revision):
            yield f"revision {revision!r} is not a date"
    named = set(_named_sources({k: v for k, v in matrix.root.cells.items() if k != "sources"}))
    for key in sorted(named - set(matrix.sources)):
        yield f"a row names {key!r}, which [sources] does not have"
    for source in matrix.sources.values():
        if not _DATE.fullmatch(source.date) or source.date > matrix.latest:
            yield f"{source.key}: {source.date!r} is not a date up to {_revision(matrix)}"
    for key in _answerable(matrix, "sources"):
        if key not in named:
            yield f"{key}: no row names it"


def _revision(matrix: Matrix) -> str:
    """The day after which nothing in the file is dated, and how an overlay without a day of its own gets past it."""
    undated = matrix.overlay is not None and matrix.overlay.revision is None
    return f"the revision {matrix.latest}" + ("; state a later `revision` in this file" if undated else "")


def _answerable(matrix: Matrix, table: str) -> list[str]:
    """The keys of a table whose file must use them: those of an overlay where there is one, else all."""
    keys = list(matrix.root.row(table).cells)
    return [key for key in keys if key in matrix.overlay.states(table)] if matrix.overlay else keys


def _named_sources(node: Node) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str):
                if key == "source" or key.endswith("_source"):
                    yield value
            else:
                yield from _named_sources(value)
    elif isinstance(node, list):
        for value in node:
            yield from _named_sources(value)


def every_set_is_used_and_named_once(matrix: Matrix) -> Iterator[str]:
    """Each list of [python_tags] and [architectures] is referred to, and has one name only."""
    used = {
        "python_tags": set(_cells_called("python", matrix.root.cells)),
        "architectures": {
            *_cells_called("architectures", matrix.root.row("torch").cells),
            *_cells_called("architectures", matrix.history.cells),
            *laws_elsewhere.architectures_named(matrix),
        },
    }
    for table, keys in used.items():
        seen: dict[str, str] = {}
        for key in _answerable(matrix, table):
            value = matrix.root.row(table).cells[key]
            if key not in keys:
                yield f"{table}.{key} is not used"
            if repr(value) in seen:
                yield f"{table}.{key} is the same list as {table}.{seen[repr(value)]}"
            seen[repr(value)] = key


def _cells_called(name: str, node: Node) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name and isinstance(value, str):
                yield value
            else:
                yield from _cells_called(name, value)


def releases_ascend(matrix: Matrix) -> Iterator[str]:
    """Releases stand oldest first, by version and by date, and none is newer than the revision.

    A release of the long-term branch (1.8.2) is younger than the version after it: of history the versions alone count.
    """
    for earlier, later in pairwise(matrix.past_versions):
        if not older(earlier, later):
            yield f"torch {later} stands after {earlier}"
    for one, other in pairwise(matrix.releases):
        if not older(one.version, other.version):
            yield f"torch {other.version} stands after {one.version}"
        if one.released > other.released:
            yield f"torch {other.version} of {other.released} stands after {one.version} of {one.released}"
    dated = [(row.version, row.released) for row in (*matrix.past_releases, *matrix.releases)]
    for version, day in (*dated, *((row.version, row.released) for row in _all_partners(matrix))):
        if not _DATE.fullmatch(day) or day > matrix.latest:
            yield f"{version}: {day!r} is not a date up to {_revision(matrix)}"


def what_is_withheld_has_a_reason(matrix: Matrix) -> Iterator[str]:
    """Plans tell the reason; an empty one would withhold nothing."""
    for release in matrix.releases:
        if release.withheld is not None and not release.withheld.strip():
            yield f"torch {release.version}: `withheld` is empty; say why"


def partners_pin_their_torch(matrix: Matrix) -> Iterator[str]:
    """The torchvision and torchaudio of a release exist, were not withdrawn, and accept that torch."""
    for release in matrix.releases:
        for name, version in (("torchvision", release.torchvision), ("torchaudio", release.torchaudio)):
            if version is None:
                continue
            partner = matrix.partner(name, version)
            if partner is None:
                yield f"torch {release.version}: {name} {version} has no row"
            elif partner.yanked is not None:
                yield f"torch {release.version}: {name} {version} was withdrawn"
            elif not accepts(partner.torch, release.version):
                yield f"torch {release.version}: {name} {version} asks for torch {partner.torch}"


def history_ends_where_plans_begin(matrix: Matrix) -> Iterator[str]:
    """Releases of [history] are older than all that a plan may name, which finds none of them; so are their partners.

    A partner that has a row accepts its torch; those of a release that is not on the package index have none.
    """
    history = matrix.history
    history.only(("torch", "torchvision", "torchaudio"))
    for release in matrix.past_releases:
        if matrix.versions and not older(release.version, matrix.versions[0]):
            yield f"torch {release.version} is not older than {matrix.versions[0]}, which plans may name"
        if matrix.release(release.version) is not None:
            yield f"torch {release.version} is offered to plans"
        for name, version in (("torchvision", release.torchvision), ("torchaudio", release.torchaudio)):
            partner = matrix.partner(name, version) if version else None
            if partner is not None and not accepts(partner.torch, release.version):
                yield f"torch {release.version}: {name} {version} asks for torch {partner.torch}"
    for name, rows in matrix.past_partners.items():
        yield from (f"{name} {version} stands twice" for version in rows if version in matrix.partners[name])


def accepts(specifier: str, version: str) -> bool:
    """Whether a partner's "", "==X" or ">=X" on torch admits `version`; False for any other specifier.

    The few forms that partners use, so that `packaging` need not be loaded. "==2.0.0+cu117" admits no public
    version.
    """
    if not specifier:
        return True
    try:
        if specifier.startswith("=="):
            return parts(specifier[2:]) == parts(version)
        return specifier.startswith(">=") and not older(version, specifier[2:])
    except ValueError:
        return False


def python_tags_agree_with_requires_python(matrix: Matrix) -> Iterator[str]:
    """A tag is cpXY, cpXYt or py3, and no wheel is for a Python below what its release requires."""
    for release in matrix.releases:
        lowest = re.match(r">=(\d+\.\d+)", release.requires_python)
        if lowest is None:
            yield f"torch {release.version}: requires_python {release.requires_python!r} names no lowest"
            continue
        for tag in {tag for tags in release.pythons.values() for tag in tags}:
            number = re.fullmatch(r"cp(\d)(\d{1,2})t?", tag, re.ASCII)
            if number is None:
                yield f"torch {release.version}: {tag!r} is not the tag of a Python"
            elif (int(number[1]), int(number[2])) < minor(lowest[1]):
                yield f"torch {release.version}: {tag} is below {release.requires_python}"


def what_stands_beside_torch_ascends(matrix: Matrix) -> Iterator[str]:
    """Rows of [[compile_pythons]] and [[mps]] ascend in both columns and name releases; [mkl] begins before it ends."""
    for row, after in pairwise(matrix.compile_pythons):
        if not (older(row.since, after.since) and older(row.newest, after.newest)):
            yield f"compile_pythons: {after.since} with Python {after.newest} stands after {row.since}, {row.newest}"
    for floor, later in pairwise(matrix.mps_floors):
        if not (older(floor.since, later.since) and older(floor.macos, later.macos)):
            yield f"mps: {later.since} with macOS {later.macos} stands after {floor.since}, {floor.macos}"
        if later.since not in matrix.versions:
            yield f"mps: torch {later.since} has no row"
    named = [row.since for row in matrix.compile_pythons]
    named += [matrix.numpy2.linux, matrix.numpy2.macos, matrix.numpy2.windows, matrix.cxx_abi.since, matrix.mkl.last]
    for version in named:
        if version not in matrix.versions:
            yield f"torch {version} has no row"
    if older(matrix.mkl.last, matrix.mkl.first):
        yield f"mkl: ends at {matrix.mkl.last} before it begins at {matrix.mkl.first}"


def _all_partners(matrix: Matrix) -> tuple[Partner, ...]:
    tables = (*matrix.past_partners.values(), *matrix.partners.values())
    return tuple(partner for releases in tables for partner in releases.values())


LAWS: tuple[Callable[[Matrix], Iterator[str]], ...] = (
    every_row_reads,
    versions_parse,
    every_source_is_named_dated_and_used,
    every_set_is_used_and_named_once,
    releases_ascend,
    what_is_withheld_has_a_reason,
    partners_pin_their_torch,
    history_ends_where_plans_begin,
    python_tags_agree_with_requires_python,
    what_stands_beside_torch_ascends,
    *laws_of_builds.LAWS,
    *laws_of_hardware.LAWS,
    *laws_elsewhere.LAWS,
)
