"""The main job, whoever asks for it: look, judge, run kernels where that tells more, weigh, plan, and report."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from envdoctor.cli import Invocation
    from envdoctor.commands.governing import Rulings
    from envdoctor.commands.index_base import IndexBase
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.layout import Layout
    from envdoctor.model.machine import Machine, Wishes
    from envdoctor.model.plan import Plan
    from envdoctor.model.report import Report
    from envdoctor.model.snapshot import Snapshot


SAVED = "a saved machine runs nothing"


class Wanted(NamedTuple):
    """What is asked of a check; the fields are the options of `envdoctor check`.

    `snapshot` is a saved machine, or the file it is in (`-` for standard input); None looks at this one. `smoke` is
    None where nobody said whether kernels are to be run. Around `folder`, by itself the working directory, a policy is
    looked for.
    """

    python: str | None = None
    timeout: float = 10.0
    deep: bool = False
    matrix_file: str | None = None
    policy_file: str | None = None
    profile: str | None = None
    locked: bool = False
    fail_on: str | None = None
    strict: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    index_base: str | None = None
    require_gpu: bool = False
    snapshot: Snapshot | str | None = None
    smoke: bool | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Judging:
    """What a machine is judged by, once and again as a plan would leave it."""

    matrix: Matrix
    wishes: Wishes
    rulings: Rulings

    def __call__(self, seen: Snapshot) -> Diagnosis:
        """Judge and weigh."""
        return self.rulings.govern(self.unweighed(seen)).diagnosis

    def unweighed(self, seen: Snapshot) -> Diagnosis:
        """Judge alone."""
        from envdoctor.diagnose.judge import diagnose

        return diagnose(seen, self.matrix, self.wishes, select=self.rulings.selected, ignore=self.rulings.left_out)


def check(wanted: Wanted, invocation: Invocation) -> Report:
    """Look at a machine or take a saved one, and say what is wrong and what to type.

    Raises `Unusable` for input that cannot be used, before anything is looked at where that can be told.
    """
    from time import monotonic

    from envdoctor.commands import examine
    from envdoctor.commands.governing import rulings_of
    from envdoctor.commands.index_base import index_base as base_of

    began = monotonic()
    recorded = bool(os.environ.get(examine.SYSROOT))
    _refuse_contradictions(wanted, recorded)
    from envdoctor.commands.knowledge import Knowledge

    base = base_of(wanted.index_base)  # also where no plan is made: a mistake in it is told whatever is found
    rulings = rulings_of(
        policy_file=wanted.policy_file,
        profile=wanted.profile,
        locked=wanted.locked,
        fail_on=wanted.fail_on,
        strict=wanted.strict,
        select=wanted.select,
        ignore=wanted.ignore,
        folder=wanted.folder,
    )
    knowledge = Knowledge(wanted.matrix_file, rulings.select, rulings.ignore)
    if wanted.matrix_file or rulings.select or rulings.ignore:
        knowledge.gather()  # a mistake in what was named is told before anything is looked at
    # The drivers and the interpreter answer, and the shared objects are read, while what judges them is imported.
    seeing = None
    if wanted.snapshot is None:
        seeing = examine.examine(
            invocation, wanted.python, wanted.timeout, deep=wanted.deep, without=rulings.policy.without
        )
        seen = seeing(knowledge.gather)
    elif isinstance(wanted.snapshot, str):
        seen = examine.saved(wanted.snapshot)
    else:
        seen = wanted.snapshot

    from envdoctor import __version__
    from envdoctor.diagnose.verdict import exit_code
    from envdoctor.model.machine import Machine
    from envdoctor.model.report import Report

    judging = Judging(knowledge.matrix, rulings.wishes(wanted.require_gpu), rulings)
    governed = rulings.govern(judging.unweighed(seen))
    smoke = rulings.smoke if wanted.smoke is None else wanted.smoke
    if seeing and not recorded and smoke is not False:
        from envdoctor.commands.unasked import proves_something

        if smoke or proves_something(Machine(seen), governed.diagnosis):
            from envdoctor.commands import smoking

            seen = smoking.smoke_for_check(
                seen, governed.diagnosis.findings, asked=bool(smoke), watched=invocation.watched
            )
            governed = rulings.govern(judging.unweighed(seen))
    machine = Machine(seen, judging.wishes)
    plan = _plan(governed.diagnosis, machine, judging, base, live=seeing is not None)
    return Report(
        snapshot=seen,
        diagnosis=governed.diagnosis,
        plan=plan,
        exit_code=exit_code(governed.diagnosis, fail_on=rulings.fail_on, strict=rulings.strict),
        matrix_revision=knowledge.matrix.revision,
        newest_torch=knowledge.matrix.newest_torch,
        envdoctor=__version__,
        overlay=knowledge.matrix.overlay_name,
        fix=_by_fix(machine, plan, wanted, base) if seeing and not recorded else (),
        policy=rulings.policy if rulings.policy.says_anything else None,
        ignored=governed.ignored,
        seconds=monotonic() - began,
        fail_on=rulings.fail_on,
        strict=rulings.strict,
    )


def _refuse_contradictions(wanted: Wanted, recorded: bool) -> None:
    """Raise `Unusable` for what cannot be asked together."""
    from envdoctor.commands.examine import SYSROOT

    saved = wanted.snapshot is not None
    if wanted.smoke and (saved or recorded):
        raise Unusable(f"--smoke and {'--snapshot' if saved else SYSROOT} exclude each other: {SAVED}")
    if saved and wanted.python:
        raise Unusable("--snapshot and --python exclude each other: a saved machine has its interpreter already")
    if saved and wanted.deep:
        raise Unusable("--snapshot and --deep exclude each other: the files of a saved machine are not here")


def _plan(diagnosis: Diagnosis, machine: Machine, judging: Judging, base: IndexBase, *, live: bool) -> Plan:
    """Say what to type; `live` where it is typed on this very machine."""
    from envdoctor.plan import remedies

    if remedies.nothing_to_mend(diagnosis, machine):
        return remedies.NOTHING
    # The planner takes as long to import as half of the rules; a healthy machine does without it.
    from dataclasses import replace

    from envdoctor.commands import planning
    from envdoctor.model.machine import Machine as AsMachine
    from envdoctor.plan.proof import prove
    from envdoctor.plan.solve import Solver

    pins = planning.constraints((), machine, live=live).pins
    pinned = AsMachine(machine.snapshot, replace(judging.wishes, pins=(*judging.wishes.pins, *pins)))

    def made(layout: Layout) -> Plan:
        solver = Solver(pinned, judging.matrix, live=live, base=base.url, layout=layout)
        return prove(remedies.plan_for(diagnosis, solver), solver, judging)

    return planning.through(base, "auto", pinned, made)


def _by_fix(machine: Machine, plan: Plan, wanted: Wanted, base: IndexBase) -> tuple[str, ...]:
    """Return the command that carries the plan out, for the same environment and mirror; empty where none can.

    It finds the policy of the project by itself, and takes no other.
    """
    named = wanted.policy_file or wanted.profile or wanted.locked or wanted.folder
    if not plan.steps or (named and machine.wishes.demands):
        return ()
    from envdoctor.fix.route import route

    if not route(machine, plan).steps:
        return ()
    mirror = ("--index-base", base.url) if base.origin == "--index-base" else ()
    return ("envdoctor", "fix", *(("--python", wanted.python) if wanted.python else ()), *mirror)
