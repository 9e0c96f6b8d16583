"""A snapshot read with types: the questions rules and the planner ask of a machine.

Reading an `Unknown` fact raises `Undecidable`, so a rule that returns before it needs a fact is not
troubled by it, and one that needs it cannot turn "could not find out" into a verdict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known, Unknown, Value
from envdoctor.model.finding import Evidence

if TYPE_CHECKING:
    from envdoctor.model.demand import Demand
    from envdoctor.model.pin import Pin
    from envdoctor.model.snapshot import Snapshot

Capability = tuple[int, int]
"""A compute capability: (8, 6) is 8.6."""

OFFICIAL = frozenset({"pypi", "pytorch-index"})
"""The provenances whose wheels the matrix rows are sourced for."""


MOST_GPUS = 1024
"""A bound for snapshots made by others; no machine comes near it."""


def parse_capability(text: str | None) -> Capability | None:
    """Read "8.6" as (8, 6); None for anything that is not a compute capability."""
    match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", text or "")
    return (int(match[1]), int(match[2])) if match else None


class Undecidable(Exception):
    """A rule cannot decide: `fact` is unknown, or (with `fact` None) the matrix has no row for it."""

    def __init__(self, reason: str, fact: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fact = fact


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """The installed torch: `release` is the public version, `local` what follows the plus sign.

    `cuda` is the CUDA runtime of the wheel ("12.6"), None for a build without CUDA.
    """

    release: str
    local: str | None
    cuda: str | None
    hip: str | None
    channel: str | None
    provenance: str

    @property
    def official(self) -> bool:
        """Whether the matrix rows speak for this build."""
        return self.provenance in OFFICIAL

    @property
    def text(self) -> str:
        """The version as `torch.__version__` prints it."""
        return f"{self.release}+{self.local}" if self.local else self.release


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU; `capability` is None where the driver did not tell."""

    index: int
    name: str | None
    capability: Capability | None
    visible: bool

    @property
    def subject(self) -> str:
        """How findings name this GPU."""
        return f"gpu:{self.index}"

    @property
    def label(self) -> str:
        """The marketing name where known, `GPU n` otherwise."""
        return self.name or f"GPU {self.index}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for beyond "tell me".

    A GPU, a CUDA build for one not named, a torch release, partners, the lines of constraint files (`pins`), the
    demands of a policy, and whether that says that torch is to be a build for the CPU. `needs_torch` where a policy
    says what torch computes on, or has kernels run: any release will do.
    """

    require_gpu: bool = False
    cuda: bool = False
    torch: str | None = None
    partners: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    demands: tuple[Demand, ...] = ()
    cpu: bool = False
    needs_torch: bool = False


class Machine:
    """Typed, read-only questions to one snapshot.

    Every reader returns None for `Absent` and raises `Undecidable` for `Unknown` or a value of the wrong
    type (a snapshot may have been edited by hand).
    """

    def __init__(self, snapshot: Snapshot, wishes: Wishes | None = None) -> None:
        self.snapshot = snapshot
        self.wishes = wishes or Wishes()
        self.read: set[str] = set()

    def value(self, name: str) -> Value:
        """The value of a known fact, None for an absent one."""
        self.read.add(name)
        fact = self.snapshot[name]
        if isinstance(fact, Unknown):
            raise Undecidable(fact.reason, name)
        return fact.value if isinstance(fact, Known) else None

    def is_known(self, name: str) -> bool:
        """Whether the fact has a value; never raises."""
        self.read.add(name)
        return isinstance(self.snapshot[name], Known)

    def looked_at(self, name: str) -> bool:
        """Whether the snapshot holds the fact at all, be it unknown; never raises.

        One that was taken without it (an older version, a description by hand) is judged by what it does hold.
        """
        self.read.add(name)
        return name in self.snapshot.facts

    def is_absent(self, name: str) -> bool:
        """Whether it was looked for and is not there; never raises."""
        self.read.add(name)
        return isinstance(self.snapshot[name], Absent)

    def text(self, name: str) -> str | None:
        """A fact that is a string."""
        value = self.value(name)
        if value is None or isinstance(value, str):
            return value
        raise Undecidable(f"{name} is not text in this snapshot", name)

    def told(self, name: str) -> str | None:
        """A text where it is known, None otherwise: for what a message adds and no verdict hangs on."""
        return self.text(name) if self.is_known(name) else None

    def number(self, name: str) -> int | None:
        """A fact that is a whole number."""
        value = self.value(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise Undecidable(f"{name} is not a whole number in this snapshot", name)

    def items(self, name: str) -> list[Value]:
        """A fact that is a list; an absent one is empty."""
        value = self.value(name)
        if value is None or isinstance(value, list):
            return value or []
        raise Undecidable(f"{name} is not a list in this snapshot", name)

    def rows(self, name: str) -> list[dict[str, Value]]:
        """A fact that is a list of tables; an absent one is empty."""
        found = [row for row in self.items(name) if isinstance(row, dict)]
        if len(found) != len(self.items(name)):
            raise Undecidable(f"{name} is not a list of tables in this snapshot", name)
        return found

    def table(self, name: str) -> dict[str, Value]:
        """A fact that is a mapping; an absent one is empty."""
        value = self.value(name)
        if value is None or isinstance(value, dict):
            return value or {}
        raise Undecidable(f"{name} is not a mapping in this snapshot", name)

    @cached_property
    def torch(self) -> TorchBuild | None:
        """The installed torch, None where none is installed."""
        version = self.text("torch.version")
        if version is None:
            return None
        release, _, local = version.partition("+")
        return TorchBuild(
            release=release,
            local=local or None,
            cuda=self.text("torch.cuda"),
            hip=self.text("torch.hip"),
            channel=self.text("torch.channel"),
            provenance=(self.text("torch.provenance") if self.is_known("torch.provenance") else None) or "unknown",
        )

    @cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        """Every NVIDIA GPU the driver enumerates, with what CUDA may see of them marked."""
        count = self.number("gpu.count") or 0
        if not count:
            return ()
        visible = self.items("gpu.visible")
        return tuple(
            Gpu(
                index=index,
                # Not known of one GPU is no reason to say nothing of the others.
                name=self.told(f"gpu.{index}.name"),
                capability=parse_capability(self.told(f"gpu.{index}.compute_capability")),
                visible=index in visible,
            )
            for index in range(min(count, MOST_GPUS))
        )

    @cached_property
    def visible_gpus(self) -> tuple[Gpu, ...]:
        """The GPUs that CUDA programs of this environment would see; only these count in a verdict."""
        return tuple(gpu for gpu in self.gpus if gpu.visible)

    @property
    def platform(self) -> str:
        """`linux-x86_64`, `linux-aarch64`, `windows-x86_64`, `macos-arm64`, ... as the matrix names them."""
        return self.text("host.platform") or "unknown"

    @property
    def wheel_platform(self) -> str:
        """The platform whose wheels pip installs here: Jetson takes those of every Linux on that processor."""
        return self.platform.removesuffix("-jetson")

    def evidence(self, *names: str) -> tuple[Evidence, ...]:
        """The named facts as evidence, those that are known or absent."""
        found = []
        for name in names:
            fact = self.snapshot[name]
            if isinstance(fact, Known):
                found.append(Evidence(name, fact.value, fact.source))
            elif isinstance(fact, Absent):
                found.append(Evidence(name, None, fact.reason))
        return tuple(found)
