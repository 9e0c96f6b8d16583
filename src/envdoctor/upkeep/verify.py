"""The whole comparison: every cell an index can prove, what is new on the index, and what is kept by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.verification import AskedIndex, HandKept, News, Verification
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Missing
from envdoctor.upkeep.gather import partner_versions, releases_in
from envdoctor.upkeep.news import cell_news, channel_news, release_news
from envdoctor.upkeep.partner_rows import PARTNERS, pairing_checks, partner_checks
from envdoctor.upkeep.torch_rows import release_checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.rows import Node
    from envdoctor.upkeep.check import Check
    from envdoctor.upkeep.evidence import Evidence
    from envdoctor.upkeep.gather import Scope

PROVABLE = ("torch", "torchvision", "torchaudio", "history")
"""Tables whose rows an index can prove, cell by cell."""

ABOUT_THE_FILE = ("revision", "sources", "python_tags", "architectures")
"""What names things for the other tables and claims nothing itself."""


def checks(matrix: Matrix, evidence: Evidence, scope: Scope) -> Iterator[Check]:
    """Every cell in scope beside what was read of it, in the order of the file."""
    for release in releases_in(matrix, scope):
        yield from release_checks(matrix, release, evidence)
        yield from pairing_checks(matrix, release, evidence)
    for name in PARTNERS:
        for version in partner_versions(matrix, name, evidence, scope):
            partner = matrix.partner(name, version)
            if partner is not None:
                yield from partner_checks(matrix, partner, evidence)


def verification(matrix: Matrix, evidence: Evidence, scope: Scope, day: str, envdoctor: str) -> Verification:
    """Lay the matrix beside the evidence. Pure; `day` is the day of reading, `envdoctor` our version."""
    found = list(checks(matrix, evidence, scope))
    news: list[News] = [
        *release_news(matrix, evidence, scope.only),
        *channel_news(matrix, evidence, scope.only),
        *cell_news(found),
    ]
    return Verification(
        day=day,
        revision=matrix.revision,
        indexes=tuple(_indexes(evidence)),
        claims=tuple(check.claim() for check in found if check.says is not None),
        news=tuple(dict.fromkeys(news)),
        by_hand=tuple(_by_hand(matrix)),
        envdoctor=envdoctor,
        overlay=matrix.overlay_name,
    )


def _indexes(evidence: Evidence) -> Iterator[AskedIndex]:
    """The package index, which answered, and the channels of the wheel index together."""
    yield AskedIndex("package index", None)
    channels = [page for (place, _), page in evidence.pages.items() if place != PACKAGE_INDEX]
    if channels:
        reasons = [page.reason for page in channels if isinstance(page, Missing)]
        down = len(reasons) == len(channels)
        yield AskedIndex("PyTorch wheel index", reasons[0].removeprefix("PyTorch wheel index: ") if down else None)


def _by_hand(matrix: Matrix) -> Iterator[HandKept]:
    for table, node in matrix.root.cells.items():
        if table not in (*PROVABLE, *ABOUT_THE_FILE):
            yield HandKept(table, _rows(node))
    wheels = [wheel for release in matrix.releases for wheel in matrix.wheels(release.version) if wheel.cuda]
    yield HandKept("standing of channels", len({(wheel.torch, wheel.channel) for wheel in wheels}))
    windows = [wheel for wheel in wheels if wheel.platform.startswith("windows") and wheel.cudnn]
    yield HandKept("cuDNN of builds for Windows", len(windows))


def _rows(node: Node) -> int:
    """How many rows a table has: those of its lists, of the tables in it, or the one that it is itself."""
    if isinstance(node, list):
        return len(node)
    tables = [inner for inner in node.values() if isinstance(inner, dict)] if isinstance(node, dict) else []
    if isinstance(node, dict) and len(tables) == len(node):
        return len(tables)
    return sum(map(len, tables)) or 1
