"""From a machine to the torch set that serves it, and the other ways out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.serving import need_of
from envdoctor.matrix.versions import parts
from envdoctor.model.plan import Plan, Status
from envdoctor.plan.alternatives import ways_out
from envdoctor.plan.candidates import Candidate, best, candidates
from envdoctor.plan.installing import Installing
from envdoctor.plan.wheel_index import BASE

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.model.machine import Machine


class Solver:
    """Answers for one machine.

    `live` when commands are for this very machine, so that they name its interpreter by path. `base` is the root
    of the wheel index, `installer` a name or None for the one the environment has.
    """

    def __init__(
        self, machine: Machine, matrix: Matrix, *, live: bool = False, base: str = BASE, installer: str | None = None
    ) -> None:
        self.machine = machine
        self.matrix = matrix
        self.base = base
        self.installing = Installing(machine, matrix, live=live, base=base, installer=installer)

    def wheel_set(self) -> Plan:
        """Find the set that serves every visible GPU, or say that none does and what would help.

        Raises `Undecidable` where the machine does not tell what the choice hangs on.
        """
        need = need_of(self.machine, self.matrix)
        installed = self.installed_release
        found = candidates(self.matrix, need, self.machine.wishes, self.installing.partners)
        chosen = best(found, installed, need)
        others = ways_out(self, need, found, chosen)
        if chosen is None:
            return Plan(Status.IMPOSSIBLE, alternatives=others, because=self._why_none(found, need))
        return Plan(
            Status.SOLVED,
            chosen.target(self.base),
            self.installing.install(chosen),
            others,
            self._because(chosen, found, need, installed),
        )

    @property
    def installed_release(self) -> str | None:
        """The public version of the present torch."""
        torch = self.machine.torch
        return torch.release if torch else None

    @property
    def installed_channel(self) -> str | None:
        """The channel of the present torch."""
        torch = self.machine.torch
        return torch.channel if torch else None

    def _because(self, chosen: Candidate, found: list[Candidate], need: Need, installed: str | None) -> tuple[str, ...]:
        """State the constraints that decided: why this channel, and why not the present or a newer release."""
        said = []
        wheel = chosen.wheel
        if not need.cuda:
            if not self.machine.platform.startswith("macos"):  # there is one build for Macs, and no NVIDIA GPU
                said.append("no NVIDIA GPU is visible, so the CPU build")
        elif wheel.cuda and not need.driver:
            floor = self.matrix.driver_floor(wheel.cuda, need.driver_os)
            said.append(f"CUDA {wheel.cuda} needs driver {floor} or newer; the driver is not known here")
        if wheel.cuda and need.driver:
            floor = self.matrix.driver_floor(wheel.cuda, need.driver_os)
            said.append(f"driver {need.driver} runs CUDA {wheel.cuda} (lowest: {floor})")
        said += [
            f"torch {chosen.version} holds kernels for compute capability {major}.{minor}"
            for major, minor in need.capabilities
        ]
        channel = self.installed_channel
        present = [one for one in found if one.release.version == installed and one.wheel.channel == channel]
        newer = [one for one in found if parts(one.release.version) > parts(chosen.release.version) and one.obstacle]
        # The present build and the newest one that drops out: what a user would ask about.
        said += [f"no {name} was released for torch {chosen.version}" for name in chosen.lacking]
        said += dict.fromkeys(one.obstacle.text for one in (*present, *newer[-1:]) if one.obstacle)
        source = self.matrix.source(wheel.source)
        said.append(f"what {chosen.version} holds is {wheel.certainty}: {source.text} ({source.date})")
        return tuple(said)

    def _why_none(self, found: list[Candidate], need: Need) -> tuple[str, ...]:
        """Name each constraint that drops candidates once, by the newest of them, the one that drops most first."""
        texts: dict[str, str] = {}
        counted: dict[str, int] = {}
        for candidate in reversed(found):
            if candidate.obstacle:
                constraint, text = candidate.obstacle
                texts.setdefault(constraint, text)
                counted[constraint] = counted.get(constraint, 0) + 1
        order = sorted(texts, key=lambda constraint: -counted[constraint])
        if not found and self.machine.wishes.torch:
            return (f"the matrix knows no torch {self.machine.wishes.torch} for {need.platform}",)
        kind = "CUDA" if need.cuda else "CPU"
        nothing = f"the matrix knows no {kind} build of torch for {need.platform}"
        return tuple(texts[constraint] for constraint in order) or (nothing,)
