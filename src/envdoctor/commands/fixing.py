"""Fixing from the command line: what is looked at and planned, what it would change, and the report about it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.commands.fix_case import looked_at
from envdoctor.fix.place import place_of
from envdoctor.model.finding import Severity
from envdoctor.model.fix import Disk, FixReport, Outcome, Way
from envdoctor.model.plan import Status

if TYPE_CHECKING:
    from envdoctor.cli import Invocation
    from envdoctor.commands.consent import Consent
    from envdoctor.commands.fix_case import Case, Wanted
    from envdoctor.fix.place import Place
    from envdoctor.model.snapshot import Snapshot

RECORDED = "a recorded machine is not changed"


def fix(invocation: Invocation, wanted: Wanted, consent: Consent | None) -> tuple[FixReport, Snapshot]:
    """Plan for the environment and report what would change; with `consent` carry it out.

    Returns the report, and the machine as it was seen. Raises `Unusable`.
    """
    from envdoctor.commands.examine import SYSROOT
    from envdoctor.commands.unfinished import put_right

    live = SYSROOT not in os.environ
    if consent and not live:
        raise Unusable(f"--apply and {SYSROOT} exclude each other: {RECORDED}")
    if consent:
        consent.check_ci()
    into = _free_folder(wanted.into) if wanted.into else None
    recovered = put_right(wanted.python, into) if live else None
    case = looked_at(invocation, wanted, live=live)
    way = case.way
    report = FixReport(
        Outcome.PLANNED,
        case.plan,
        way.way,
        case.prefix,
        way.steps,
        way.by_hand,
        commands=case.prepared.commands,
        diffs=case.prepared.diffs,
        reason=way.reason,
        recovered=recovered,
        notes=(*_elsewhere(case), *case.notes),
        mends=_wrong(case),
    )
    if case.plan.status is Status.NOTHING_TO_DO:
        return replace(report, outcome=Outcome.NOTHING_TO_DO, reason="; ".join(case.plan.because)), case.seen
    report = _with_dockerfile(report, case, wanted.installer)
    if not way.steps or case.prefix is None or not live:
        return replace(report, outcome=Outcome.REFUSED if consent else Outcome.PLANNED), case.seen
    source = place_of(case.prefix)
    report, lacking = _previewed(report, case, source, into, wanted.index_layout)
    if consent is not None and lacking:
        notes = tuple(note for note in report.notes if note != lacking)
        return replace(report, outcome=Outcome.REFUSED, reason=lacking, notes=notes), case.seen
    if consent is not None:
        if way.way is Way.CONDA:
            from envdoctor.commands.carrying_out_conda import carry_out
        else:
            from envdoctor.commands.carrying_out import carry_out
        report = carry_out(invocation, report, case, wanted, into, consent)
    return report, case.seen


def _wrong(case: Case) -> tuple[str, ...]:
    """Return what was found, as "rule (subject)": the errors, else the warnings; root causes alone."""
    found = [one for one in case.diagnosis.findings if one.severity > Severity.NOTE and one.caused_by is None]
    worst = max((one.severity for one in found), default=Severity.NOTE)
    return tuple(f"{one.rule} ({one.subject})" for one in found if one.severity is worst)


def _elsewhere(case: Case) -> tuple[str, ...]:
    """Say which environment this is about where another one holds a torch too, and may be meant."""
    others = case.machine.items("python.also_with_torch") if case.machine.is_known("python.also_with_torch") else []
    return tuple(
        f"this is about {case.machine.told('python.executable')} ({case.machine.told('python.chosen_because')}); "
        f"{other} has a torch too, and --python names it"
        for other in others[:1]
    )


def _previewed(
    report: FixReport, case: Case, source: Place, into: str | None, layout: str
) -> tuple[FixReport, str | None]:
    """Add what would change, what stays, and the disk it takes; and say what the mirror lacks of it, if anything.

    Raises `Unusable`.
    """
    import shutil

    from envdoctor.commands import fix_progress, mirror
    from envdoctor.fix.freezing import freeze
    from envdoctor.fix.preview import preview
    from envdoctor.fix.variables import environment_for
    from envdoctor.published.sizes import size_of_wheel

    before = {} if case.way.made_new else freeze(source.environment)
    cleared = [environment_for(argv, os.environ)[1] for argv in report.commands]
    fix_progress.teller()("asking the index", None, None)
    try:
        plan = replace(case.plan, alternatives=())
        asked = mirror.asked(case.base, plan, case.machine, "auto", sizes=True)
        cheap = bool(asked.probe and asked.probe.metadata)
        told = preview(
            case.way.steps,
            before,
            os.environ,
            cheap=cheap,
            secret_base=case.base.secret,
            sizes={one.project: one.size for one in asked.probe.wanted} if asked.probe else None,
            size_of=lambda url: size_of_wheel(url, case.base.secret),
        )
        beside = os.path.dirname(into or source.environment)
        copied = None if case.way.made_new else bytes_copied(source.environment, beside)
        free = shutil.disk_usage(beside).free
    except OSError as problem:
        raise Unusable(f"{problem.filename or source.environment}: {problem.strerror or problem}") from None
    finally:
        fix_progress.clear()
    names = {change.name for change in told.changes}
    asked_for = layout == "auto" and not case.base.official
    alone = case.way.way is Way.PROJECT or told.failed
    lacking = mirror.lacking(asked, case.base, case.machine, alone=alone) if asked_for else None
    of_mirror = asked.notes if asked_for else ()
    report = replace(
        report,
        cleared=tuple(dict.fromkeys(name for names in cleared for name in names)),
        changes=told.changes,
        resolved=told.resolved,
        stays=sum(name not in names for name in before),
        disk=Disk(copied, free, told.download),
        notes=(*report.notes, *of_mirror, *told.notes),
    )
    return report, lacking


def bytes_copied(environment: str, beside: str) -> int:
    """Return the bytes that a copy takes: none where it shares its blocks with what it is a copy of. Raises OSError."""
    from envdoctor.fix.cloning import shares_blocks, size_of

    one_disk = os.stat(environment).st_dev == os.stat(beside).st_dev
    return 0 if one_disk and shares_blocks(beside) else size_of(environment).bytes


def _with_dockerfile(report: FixReport, case: Case, installer: str | None) -> FixReport:
    """Add the change of the Dockerfile, where what is changed in a container would be gone with it."""
    if installer != "docker" and case.machine.told("host.kind") != "container":
        return report
    from envdoctor.fix import dockerfile

    commands = dockerfile.commands_of(case.plan.steps)
    try:
        with open(dockerfile.NAME, encoding="utf-8", newline="") as file:
            found = dockerfile.patch(file.read(), commands) if commands else None
    except FileNotFoundError:
        steps = (dockerfile.to_be_added(commands),) if commands and installer != "docker" else ()
        return replace(report, by_hand=(*report.by_hand, *steps))
    except (OSError, UnicodeDecodeError, dockerfile.Unpatchable) as problem:
        said = getattr(problem, "strerror", None) or problem
        return replace(report, notes=(*report.notes, f"{dockerfile.NAME} in this folder was not patched: {said}"))
    return replace(report, diffs=(*report.diffs, found)) if found else report


def _free_folder(into: str) -> str:
    """Return the folder of `--into`, which must not be there yet. Raises `Unusable`."""
    path = os.path.abspath(into)
    if os.path.lexists(path):
        raise Unusable(f"--into {into}: is there already; name a new folder")
    if not os.path.isdir(os.path.dirname(path)):
        raise Unusable(f"--into {into}: the folder {os.path.dirname(path)} is not there")
    return path
