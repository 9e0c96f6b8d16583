"""What `envdoctor fix` would do, did, or refused to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.plan import Plan, Step


class Outcome(Enum):
    """How a run ended; the environment is another one after `APPLIED` and `RESTORED` alone."""

    NOTHING_TO_DO = "nothing-to-do"
    PLANNED = "planned"
    APPLIED = "applied"
    ROLLED_BACK = "rolled-back"
    REFUSED = "refused"
    RESTORED = "restored"


class Way(Enum):
    """Who carries the plan out, and where.

    `CLONE`: an installer, in a copy of a virtual environment that then takes its place. `PROJECT`: the project's own
    manager, in such a copy, and its manifest is changed. `CONDA`: conda, in a new environment. `BY_HAND`: a person.
    """

    CLONE = "clone"
    PROJECT = "project"
    CONDA = "conda"
    BY_HAND = "by-hand"


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A distribution by normalised name; `before` or `after` is None where it is not there then.

    `download` are the bytes of its wheel, None where no index told.
    """

    name: str
    before: str | None
    after: str | None
    download: int | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes: of the environment that is copied, free where the copy goes, and to be downloaded.

    `copied` is 0 where the file system shares the blocks of copies, None where nothing is copied; the others are None
    where they are not known.
    """

    copied: int | None
    free: int | None
    download: int | None


@dataclass(frozen=True, slots=True)
class FileDiff:
    """A file that a project keeps, by its name in the project, and its change as a unified diff."""

    file: str
    diff: str


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was verified in the repaired copy, in words: "torch is imported"."""

    what: str
    held: bool
    told: str = ""

    @property
    def sentence(self) -> str:
        """That it did not hold, and what was found where that says more."""
        return f"this did not hold: {self.what}{f' ({self.told})' if self.told else ''}"


@dataclass(frozen=True, slots=True)
class FixReport:
    """What a run did or would do.

    `environment` is the folder that the plan is for, `mends` what is wrong in it, as "rule (subject)", root causes
    alone. `steps` are those of the plan that are carried out here, `by_hand` those that a person has to. `commands` are
    their argv as they are typed, `cleared` the variables that the installer is not to see. `changes` are known in full
    after a fix and, before, as far as the installer told (`resolved`); `stays` counts the other distributions. `reason`
    says in a sentence why it ended as it did. `kept` is the folder with the old environment, `copy` the one with the
    repaired environment where that was left beside it (`--into`, conda), `log` the file with all that the installer
    said. `recovered` tells what an earlier run that was interrupted had left, and what was done about it.
    """

    outcome: Outcome
    plan: Plan
    way: Way = Way.BY_HAND
    environment: str | None = None
    steps: tuple[Step, ...] = ()
    by_hand: tuple[Step, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    cleared: tuple[str, ...] = ()
    changes: tuple[PackageChange, ...] = ()
    resolved: bool = False
    stays: int | None = None
    disk: Disk | None = None
    diffs: tuple[FileDiff, ...] = ()
    proofs: tuple[Proof, ...] = ()
    reason: str = ""
    kept: str | None = None
    copy: str | None = None
    log: str | None = None
    recovered: str | None = None
    notes: tuple[str, ...] = ()
    mends: tuple[str, ...] = ()
