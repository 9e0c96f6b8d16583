"""What judging yields: findings with their evidence, and what could not be judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.place import Place


class Severity(IntEnum):
    """How much a finding matters; ordered, so the worst of several is their `max`."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """The word used in every report and in JSON."""
        return self.name.lower()


class Confidence(Enum):
    """`PROVED`: the machine itself says or does it. `INFERRED`: it follows from the version matrix."""

    PROVED = "proved"
    INFERRED = "inferred"


class Verdict(Enum):
    """The one-word answer about a machine (contract: exit codes)."""

    HEALTHY = "healthy"
    WARNINGS = "warnings"
    BROKEN = "broken"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact a finding rests on; `value` is None and `source` the reason where the fact is an absence."""

    fact: str
    value: Value
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of one subject (`torch`, `gpu:0`, `driver`, ...), in one sentence.

    `message` says what was seen and what it means; it holds no layout. `caused_by` names the rule whose
    finding explains this one. `location` is where a file or a paste says it, `replacement` the corrected line, where
    a file is judged.
    """

    rule: str
    severity: Severity
    confidence: Confidence
    subject: str
    message: str
    evidence: tuple[Evidence, ...] = ()
    caused_by: str | None = None
    location: Place | None = None
    replacement: str | None = None

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stay the same from run to run for this rule and subject, and in a file when lines move."""
        from hashlib import sha256  # costs milliseconds that a healthy machine need not pay

        where = f"\0{self.location.file}\0{self.message}" if self.location else ""
        return sha256(f"{self.rule}\0{self.subject}{where}".encode(errors="surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule that did not decide. `fact` names the unknown fact, None where the matrix has no row.

    `left_out` where the user asked not to run it; `worst` is what it could have found.
    """

    rule: str
    reason: str
    fact: str | None = None
    left_out: bool = False
    worst: Severity = Severity.ERROR

    @property
    def is_gap(self) -> bool:
        """Whether an unknown fact kept back more than a note."""
        return self.fact is not None and self.worst > Severity.NOTE


@dataclass(frozen=True, slots=True)
class Crashed:
    """A rule of ours that raised: shown as our bug, while the others still run."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that the rules said about one snapshot, root cause first."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    crashed: tuple[Crashed, ...] = ()
