"""From a machine to the torch set that serves it, and the other ways out."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from envdoctor.matrix.conda import CONDA_FORGE
from envdoctor.matrix.serving import need_of
from envdoctor.matrix.versions import parts
from envdoctor.model.machine import Machine
from envdoctor.model.plan import Conflict, Plan, Status
from envdoctor.plan import jetson
from envdoctor.plan.alternatives import ways_out
from envdoctor.plan.because import why_chosen, why_none
from envdoctor.plan.candidates import candidates, weighed
from envdoctor.plan.conflict import conflict_of
from envdoctor.plan.installing import Installing
from envdoctor.plan.newer import newer_than
from envdoctor.plan.ordering import best
from envdoctor.plan.terms import WISH, admits, terms_of, wished
from envdoctor.plan.wheel_index import BASE

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.model.layout import Layout
    from envdoctor.model.plan import Weighed
    from envdoctor.plan.candidates import Candidate
    from envdoctor.plan.terms import Terms


class Solver:
    """Answers for one machine.

    `live` when commands are for this very machine, so that they name its interpreter by path. `base` is the root
    of the wheel index and `layout` how it is laid out, `installer` a name or None for the one the environment has.
    """

    def __init__(
        self,
        machine: Machine,
        matrix: Matrix,
        *,
        live: bool = False,
        base: str = BASE,
        installer: str | None = None,
        layout: Layout = "projects",
    ) -> None:
        self.machine = machine
        self.matrix = matrix
        self.base = base
        self.installing = Installing(machine, matrix, live=live, base=base, installer=installer, layout=layout)

    def wheel_set(self) -> Plan:
        """Find the set that serves every visible GPU, or say that none does and what would help.

        Raises `Undecidable` where the machine does not tell what the choice hangs on.
        """
        need = need_of(self.machine, self.matrix)
        found = candidates(self.matrix, need, self.terms)
        if need.jetson and need.cuda:
            found = jetson.vouched_for(self.machine, self.matrix, need, found)
        chosen = best(found, self.installed_release, need)
        others = ways_out(self, need, found, chosen)
        if chosen is not None:
            steps = self.installing.install(chosen)
            because = why_chosen(self, need, found, chosen)
            if self.installing.by_conda and not chosen.of_conda:
                because = (
                    *because,
                    f"no build of conda-forge that serves is known to this matrix ({self.matrix.revision})",
                )
            if need.jetson and need.cuda:
                because = (*because, *jetson.vouched(self.machine, self.matrix, need))
            return Plan(Status.SOLVED, self.installing.target(chosen), steps, others, because)
        if need.jetson and need.cuda:
            others = (*others, *jetson.by_hand(self.machine, self.matrix, need))
        conflict = conflict_of(self.matrix, need, self.terms, found)
        unknown = newer_than(self.matrix, need, self.terms, found)
        if unknown:
            because = (*unknown, *(conflict.relax if conflict else ()))
            return Plan(Status.IMPOSSIBLE, alternatives=others, because=because, undecided=True)
        wheels = self.wheels_in_place_of_conda(need)
        if conflict is not None and wheels is not None:
            asked = f"--installer {self.installing.installer}"
            relax = (f"{asked}: without it, torch {wheels.version} fits", *conflict.relax)
            conflict = Conflict((asked, *conflict.constraints), relax)
        return Plan(Status.IMPOSSIBLE, alternatives=others, because=why_none(self, need, found), conflict=conflict)

    def of_cuda(self) -> Solver:
        """Return the one for a build with CUDA, whatever GPUs are visible."""
        words = self.installing
        return Solver(
            Machine(self.machine.snapshot, replace(self.machine.wishes, cuda=True)),
            self.matrix,
            live=words.live,
            base=self.base,
            installer=words.installer,
            layout=words.layout,
        )

    def weighed(self) -> tuple[Weighed, ...]:
        """Return every wheel set that was weighed, each with what it breaks, oldest release first.

        Raises `Undecidable` as `wheel_set` does.
        """
        return weighed(self.matrix, need_of(self.machine, self.matrix), self.terms)

    @cached_property
    def terms(self) -> Terms:
        """What a set is held to besides the machine, and whose builds are weighed.

        conda takes those of conda-forge, unless a release is wished for that is newer than those known to be there.
        Where none of them serves and conda was not asked for by name, it is wheels. Raises `Undecidable` as `wheel_set`
        does.
        """
        wheels = terms_of(self.machine, self.installing.partners)
        if not self.installing.by_conda:
            return wheels
        builds = replace(wheels, builder=CONDA_FORGE)
        found = candidates(self.matrix, need_of(self.machine, self.matrix), builds)
        if any(not one.obstacles for one in found):
            return builds
        return builds if found and self.installing.by_conda_alone and not self._wishes_beyond(found) else wheels

    def _wishes_beyond(self, found: list[Candidate]) -> bool:
        """Whether the wish admits none of the releases found, but a newer one."""
        wish, last = self.machine.wishes.torch, parts(found[-1].release.version)
        if wish is None or any(f"{WISH}:torch" not in one.constraints for one in found):
            return False
        newer = (version for version in self.matrix.versions if parts(version) > last)
        return any(admits(wished(wish), version) for version in newer)

    def wheels_in_place_of_conda(self, need: Need) -> Candidate | None:
        """Return the wheels that serve, where builds of conda-forge are weighed; None where none do, or wheels are."""
        if self.terms.builder != CONDA_FORGE:
            return None
        found = candidates(self.matrix, need, terms_of(self.machine, self.installing.partners))
        return best(found, self.installed_release, need)

    def is_installed(self, one: Candidate) -> bool:
        """Whether a candidate is the torch that is there."""
        torch = self.machine.torch
        if torch is None or torch.release != one.release.version:
            return False
        if one.of_conda:
            return (torch.provenance, torch.cuda) == (CONDA_FORGE, one.wheel.cuda)
        return torch.channel == one.wheel.channel

    @property
    def installed_release(self) -> str | None:
        """The public version of the present torch."""
        torch = self.machine.torch
        return torch.release if torch else None
