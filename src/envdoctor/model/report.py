"""Everything a reporter needs, and nothing else: so no reporter looks, judges or plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.asking import PasteView
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.linted import LintView
    from envdoctor.model.overlay import OverlayName
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen, what it means, what to type, and the knowledge it was judged by.

    `exit_code` is the one the process ends with, `matrix_revision` the date of the compatibility matrix,
    `newest_torch` the newest torch release that matrix knows, `envdoctor` the version that judged, `overlay` the
    organisation's file that was laid over the matrix. `fix` is the command that carries the plan out, empty where
    envdoctor cannot. `paste` tells how a paste was read, `lint` how files were; both are
    None where a machine was looked at.
    """

    snapshot: Snapshot
    diagnosis: Diagnosis
    plan: Plan
    exit_code: int
    matrix_revision: str
    newest_torch: str
    envdoctor: str
    overlay: OverlayName | None = None
    fix: tuple[str, ...] = ()
    paste: PasteView | None = None
    lint: LintView | None = None
