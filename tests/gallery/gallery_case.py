"""One machine of the gallery, and what is to be said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Case:
    """A machine that works (`first` is None or a note), or one that does not.

    `first` is the rule of the first finding, `severity` that finding's. `also` are rules that may stand beside it
    above a note. `boundary_of` are rules that must be quiet here and of which this machine is the nearest healthy
    neighbour. `source` names the public thread the machine is after, in "owner/name#number". `options` are
    further words of the command line.
    """

    name: str
    what: str
    why: str
    snapshot: Snapshot = field(repr=False)
    first: str | None = None
    severity: str = "error"
    also: tuple[str, ...] = ()
    boundary_of: tuple[str, ...] = ()
    source: str | None = None
    options: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing above a note may be said."""
        return self.first is None or self.severity == "note"

    @property
    def verdict(self) -> str:
        """The word of the verdict (contract: exit codes)."""
        return "healthy" if self.healthy else "broken" if self.severity == "error" else "warnings"

    @property
    def exit_code(self) -> int:
        """The exit code of `envdoctor check`."""
        return 1 if self.verdict == "broken" else 0
