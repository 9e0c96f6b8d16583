"""What is known before anything is fixed: the machine, its diagnosis, the plan, and the way it is carried out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.failure import Unusable
from envdoctor.fix.identity import identity
from envdoctor.fix.place import place_of
from envdoctor.fix.projects import Prepared
from envdoctor.fix.route import Route, route
from envdoctor.model.fix import Way
from envdoctor.model.machine import Machine, Wishes

if TYPE_CHECKING:
    from envdoctor.cli import Invocation
    from envdoctor.commands.checking import Judging
    from envdoctor.commands.index_base import IndexBase
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot


class Wanted(NamedTuple):
    """The options of a fix; `smoke` is false where no kernels are to be run in the copy."""

    python: str | None
    timeout: float
    matrix_file: str | None
    torch: str | None
    partners: str
    constraint_files: tuple[str, ...]
    installer: str | None
    index_base: str | None
    index_layout: str
    into: str | None
    smoke: bool


class Case(NamedTuple):
    """`machine` is what was seen, with what the user wishes and others pin; `notes` are on files of constraints.

    `judging` judges it, and again what became of it, by the policy of the project. `was` are the numbers (device,
    inode) that the environment's folder had before it was looked at.
    """

    machine: Machine
    judging: Judging
    diagnosis: Diagnosis
    plan: Plan
    base: IndexBase
    way: Route
    prepared: Prepared
    notes: tuple[str, ...] = ()
    was: tuple[int, int] | None = None

    @property
    def seen(self) -> Snapshot:
        """The machine as it was seen."""
        return self.machine.snapshot

    @property
    def prefix(self) -> str | None:
        """The folder of the environment."""
        return self.machine.told("python.prefix")


def looked_at(invocation: Invocation, wanted: Wanted, *, live: bool) -> Case:
    """Look at the machine, judge it and plan for it; `live` where it is this one. Raises `Unusable`."""
    from envdoctor.commands import examine, knowledge, planning
    from envdoctor.commands.index_base import index_base
    from envdoctor.commands.unfinished import standing

    base = index_base(wanted.index_base)
    matrix = knowledge.load(wanted.matrix_file)
    wishes = Wishes(
        torch=planning.specifier(wanted.torch, matrix.newest_torch), partners=planning.partner_names(wanted.partners)
    )
    stood = standing(wanted.python) if live else {}
    seen = examine.examine(invocation, wanted.python, wanted.timeout)()
    constraints = planning.constraints(wanted.constraint_files, Machine(seen), live=live)
    within = planning.within_policy(replace(wishes, pins=tuple(constraints.pins)), matrix)
    machine = Machine(seen, within.judging.wishes)
    plan = planning.plan(
        machine,
        matrix,
        live=live,
        installer=wanted.installer,
        base=base,
        layout=wanted.index_layout,
        within=within,
    )
    way, prepared = _way(machine, plan, live=live, elsewhere=wanted.into is not None)
    environment = place_of(machine.told("python.prefix") or "").environment
    was = stood.get(environment) or identity(environment)
    judging = within.judging
    return Case(machine, judging, judging(seen), plan, base, way, prepared, tuple(constraints.notes), was)


def _way(machine: Machine, plan: Plan, *, live: bool, elsewhere: bool) -> tuple[Route, Prepared]:
    """Return the way, and its commands; a project whose files are not for a machine to merge is a person's."""
    from envdoctor.commands.fix_steps import prepared, with_project

    way = route(machine, plan, elsewhere=elsewhere)
    if way.way is not Way.PROJECT or not live:
        return way, Prepared({}, tuple(step.argv for step in way.steps), ())
    try:
        way = with_project(way, machine.told("python.prefix"))
        return way, prepared(way)
    except Unusable as reason:
        return Route(Way.BY_HAND, by_hand=plan.steps, reason=reason.message), Prepared({}, (), ())
