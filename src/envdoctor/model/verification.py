"""What `matrix verify` found: each cell that an index can prove, laid beside what the index and its wheels say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.overlay import OverlayName


class Outcome(Enum):
    """How a cell came out; `NOT_REACHABLE` says that nobody told, never that it is right."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    NOT_REACHABLE = "not-reachable"


@dataclass(frozen=True, slots=True)
class Claim:
    """One cell of the matrix beside what was read.

    `row` is its table as the file names it (`torch."2.14.0".cu130`), `cell` the key in it, with the platform whose
    wheel was asked in brackets where the row speaks for several. `says` is the matrix, `found` the index or wheel
    (None where it did not tell), `seen_in` the file or page that told, `reason` why nobody told.
    """

    row: str
    cell: str
    says: str
    outcome: Outcome
    found: str | None
    seen_in: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class News:
    """Something that an index has and the matrix does not know, in a sentence that names it; no contradiction."""

    row: str
    text: str


@dataclass(frozen=True, slots=True)
class AskedIndex:
    """An index that was asked: a name without its address, and why it did not answer; None where it did."""

    name: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class HandKept:
    """A table of the matrix that no index can prove, and how many rows it has."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class Verification:
    """The whole result.

    `day` is the day of reading, ISO 8601, `revision` that of the matrix, `overlay` what was laid over it.
    """

    day: str
    revision: str
    indexes: tuple[AskedIndex, ...]
    claims: tuple[Claim, ...]
    news: tuple[News, ...]
    by_hand: tuple[HandKept, ...]
    envdoctor: str = ""
    overlay: OverlayName | None = None

    def with_outcome(self, outcome: Outcome) -> tuple[Claim, ...]:
        """The claims that came out so, in the order of the matrix."""
        return tuple(claim for claim in self.claims if claim.outcome is outcome)

    @property
    def title(self) -> str:
        """What was read beside what, and when."""
        overlay = f" with {self.overlay}" if self.overlay else ""
        return f"Matrix of {self.revision}{overlay}, read beside the indexes on {self.day}"

    @property
    def exit_code(self) -> int:
        """1 where the matrix is contradicted; what could not be reached contradicts nothing."""
        return 1 if self.with_outcome(Outcome.CONTRADICTED) else 0
