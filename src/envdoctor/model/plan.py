"""What to type to make it right: steps, the torch set they lead to, and the other ways out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.model.change import Change


class Status(Enum):
    """`SOLVED` means: with this machine as it is (contract, envdoctor.plan/1)."""

    NOTHING_TO_DO = "nothing-to-do"
    SOLVED = "solved"
    IMPOSSIBLE = "impossible"


class Applicability(Enum):
    """`SAFE`: this process only. `UNSAFE`: changes installed packages. `MANUAL`: for a person to do."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Target:
    """A torch release, its channel and its partners; a partner is None where none was released for it."""

    torch: str
    torchvision: str | None
    torchaudio: str | None
    channel: str
    index_url: str | None


@dataclass(frozen=True, slots=True)
class Edit:
    """Text to put into a file that a project keeps, before the step's command runs.

    `file` is a name relative to the project ("pyproject.toml"), `text` what must stand in it, in that file's syntax.
    """

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `argv` is empty where it is not a command of ours to give.

    `change` says what it changes; None where that cannot be foreseen (a reboot, a service, a repair by hand).
    """

    kind: str
    applicability: Applicability
    why: str
    argv: tuple[str, ...] = ()
    edit: Edit | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """One wheel set that was considered: `version` with its local part, and each constraint it breaks, in words.

    `reasons` is empty where it serves; `certainty` is that of its matrix row.
    """

    version: str
    channel: str
    reasons: tuple[str, ...]
    certainty: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why nothing serves: the smallest set of constraints that no wheel meets together, and what would open one.

    `relax` names, one sentence each, the fewest constraints to give up and the wheel that this opens.
    """

    constraints: tuple[str, ...]
    relax: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The way out, the other ways out, and the constraints that decided it.

    `undecided` where the way out hangs on a fact that is not known: nothing was shown to be impossible then.
    `proved` tells whether the machine was judged again as it would be after the plan, and no error was left; None
    where that was not tried, or facts for it are missing. `would_not_help` names what people try and why it gains
    nothing here. `candidates` holds every wheel that was weighed, where that was asked for, oldest release first.
    """

    status: Status
    target: Target | None = None
    steps: tuple[Step, ...] = ()
    alternatives: tuple[Plan, ...] = ()
    because: tuple[str, ...] = ()
    undecided: bool = False
    proved: bool | None = None
    would_not_help: tuple[str, ...] = ()
    conflict: Conflict | None = None
    candidates: tuple[Weighed, ...] = ()
