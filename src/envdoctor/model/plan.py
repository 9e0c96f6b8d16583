"""What to type to make it right: steps, the torch set they lead to, and the other ways out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
class Step:
    """One thing to do; `argv` is empty where it is not a command of ours to give."""

    kind: str
    applicability: Applicability
    why: str
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The way out, the other ways out, and the constraints that decided it.

    `undecided` where the way out hangs on a fact that is not known: nothing was shown to be impossible then.
    """

    status: Status
    target: Target | None = None
    steps: tuple[Step, ...] = ()
    alternatives: tuple[Plan, ...] = ()
    because: tuple[str, ...] = ()
    undecided: bool = False
