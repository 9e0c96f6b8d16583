"""Fixing from the command line: what is looked at and planned, what it would change, and the report about it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.commands.fix_case import looked_at
from envdoctor.fix.place import place_of
from envdoctor.model.fix import Disk, FixReport, Outcome, Way
from envdoctor.model.plan import Status

if TYPE_CHECKING:
    from envdoctor.cli import Invocation
    from envdoctor.commands.consent import Consent
    from envdoctor.commands.fix_case import Case, Wanted
    from envdoctor.fix.place import Place
    from envdoctor.model.fix import PackageChange
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
    )
    if case.plan.status is Status.NOTHING_TO_DO:
        return replace(report, outcome=Outcome.NOTHING_TO_DO, reason="; ".join(case.plan.because)), case.seen
    report = _with_dockerfile(report, case, wanted.installer)
    if not way.steps or case.prefix is None or not live:
        return replace(report, outcome=Outcome.REFUSED if consent else Outcome.PLANNED), case.seen
    source = place_of(case.prefix)
    report = _previewed(report, case, source, into)
    if consent is not None:
        if way.way is Way.CONDA:
            from envdoctor.commands.carrying_out_conda import carry_out
        else:
            from envdoctor.commands.carrying_out import carry_out
        report = carry_out(invocation, report, case, wanted, into, consent)
    return report, case.seen


def _previewed(report: FixReport, case: Case, source: Place, into: str | None) -> FixReport:
    """Add what would change, what stays, and the disk it takes. Raises `Unusable`."""
    import shutil

    from envdoctor.commands import fix_progress, mirror
    from envdoctor.fix.cloning import size_of
    from envdoctor.fix.freezing import freeze
    from envdoctor.fix.preview import preview
    from envdoctor.fix.variables import environment_for

    before = {} if case.way.made_new else freeze(source.environment)
    cleared = [environment_for(argv, os.environ)[1] for argv in report.commands]
    fix_progress.teller()("asking the index", None, None)
    try:
        asked = mirror.asked(case.base, case.plan, case.machine, "auto", sizes=True)
        cheap = bool(asked.probe and asked.probe.metadata)
        told = preview(case.way.steps, before, os.environ, cheap=cheap, secret_base=case.base.secret)
        copied = 0 if case.way.made_new else size_of(source.environment).bytes
        beside = os.path.dirname(into or source.environment)
        free = shutil.disk_usage(beside).free
    except OSError as problem:
        raise Unusable(f"{problem.filename or source.environment}: {problem.strerror or problem}") from None
    finally:
        fix_progress.clear()
    sizes = {one.project: one.size for one in asked.probe.wanted} if asked.probe else {}
    changes = tuple(
        replace(change, download=sizes.get(change.name)) if change.download is None and change.after else change
        for change in told.changes
    )
    names = {change.name for change in changes}
    return replace(
        report,
        cleared=tuple(dict.fromkeys(name for names in cleared for name in names)),
        changes=changes,
        resolved=told.resolved,
        stays=sum(name not in names for name in before),
        disk=Disk(copied, free, _download(changes)),
        notes=(*report.notes, *told.notes),
    )


def _download(changes: tuple[PackageChange, ...]) -> int | None:
    """Return the bytes of all wheels that are known, None where not one is."""
    known = [change.download for change in changes if change.download is not None]
    return sum(known) if known else None


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
