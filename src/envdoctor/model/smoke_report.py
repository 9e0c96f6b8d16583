"""Everything a reporter of the battery needs: what was run on what, how each test ended, and what that means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envdoctor.model.smoke import GOOD, Status

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.overlay import OverlayName
    from envdoctor.model.smoke import TestResult
    from envdoctor.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class SmokeReport:
    """One run of the battery.

    `snapshot` holds the machine and the facts `smoke.*`, which reporters read for torch, devices and conditions;
    `tests` are the same results judged for their speed as well. `devices` are those that were chosen, the first of
    them first. `size` and `seed` are what the battery was run with. `diagnosis` holds only what concerns the tests.
    `trouble` says why the battery could not start, and is empty where it did. `not_judged` are sentences that say why
    the speed of a device was not judged. The rest is as in `Report`.
    """

    snapshot: Snapshot
    devices: tuple[str, ...]
    size: str
    seed: int
    tests: tuple[TestResult, ...]
    diagnosis: Diagnosis
    trouble: str
    exit_code: int
    matrix_revision: str
    envdoctor: str
    overlay: OverlayName | None = None
    not_judged: tuple[str, ...] = ()

    @property
    def wrong(self) -> tuple[TestResult, ...]:
        """The tests that did not end well."""
        return tuple(test for test in self.tests if test.status not in GOOD)

    def count(self, status: Status) -> int:
        """How many tests ended so."""
        return sum(test.status is status for test in self.tests)
