"""Everything a reporter needs, and nothing else: so no reporter looks, judges or plans."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.asking import PasteView
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.linted import LintView
    from envdoctor.model.overlay import OverlayName
    from envdoctor.model.place import Place
    from envdoctor.model.plan import Plan
    from envdoctor.model.policy import Ignored, Policy
    from envdoctor.model.rule_card import RuleCard
    from envdoctor.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen, what it means, what to type, and the knowledge it was judged by.

    `exit_code` is the one the process ends with, `matrix_revision` the date of the compatibility matrix,
    `newest_torch` the newest torch release that matrix knows, `envdoctor` the version that judged, `overlay` the
    organisation's file that was laid over the matrix. `fix` is the command that carries the plan out, empty where
    envdoctor cannot. `paste` tells how a paste was read, `lint` how files were; both are
    None where a machine was looked at. `policy` is what a team demands, None where nothing was said; `ignored` are the
    findings that it takes out, which count nowhere else. `anchors` are places in the user's files, relative to the
    root of the repository with "/" between folders, by the fingerprint of the finding they belong to: made where a
    format asks for lines. `seconds` is what the look and the judging took, None where nobody measured.
    `rules` are all rules, for the formats that list them. `fail_on` and `strict` are what made the exit code.
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
    policy: Policy | None = None
    ignored: tuple[Ignored, ...] = ()
    anchors: Mapping[str, Place] = field(default_factory=dict)
    seconds: float | None = None
    rules: tuple[RuleCard, ...] = ()
    fail_on: str = "error"
    strict: bool = False
