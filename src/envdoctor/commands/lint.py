"""`envdoctor lint`: judge what files declare, before anything is installed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from envdoctor.commands import options
from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from envdoctor.model.finding import Finding
    from envdoctor.model.linted import FileMended
    from envdoctor.model.plan import Plan


@click.command(name="lint")
@click.argument("files", nargs=-1, metavar="FILE...", required=True)
@options.judging_text
@click.option(
    "--fix", "fix", is_flag=True, help="Write the corrections that are safe; without it they are shown as a diff."
)
@click.pass_obj
def command(
    _: object,
    *,
    files: tuple[str, ...],
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
    fail_on: str,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fix: bool,
) -> int:
    """Judge requirements, manifests, lock files, Dockerfiles, scripts, workflows and articles before installing.

    Each finding names the file, the line and what has to stand there instead. Folders are searched for files whose
    name says what they are. Nothing is run, installed or fetched. The exit code is 0 when nothing at or above
    --fail-on was found, 1 when something was, 2 when a file could not be read.

    \b
    envdoctor lint requirements.txt Dockerfile
    envdoctor lint .                        everything in a project that declares an environment
    envdoctor lint README.md --fix          write what is safe to write
    curl -s URL | envdoctor lint -          an article, before following it
    """
    from envdoctor import __version__
    from envdoctor.commands import deliver
    from envdoctor.commands.declared_files import read_all
    from envdoctor.commands.knowledge import Knowledge
    from envdoctor.diagnose.correcting import diffs, with_replacements
    from envdoctor.diagnose.declared import judge_declared
    from envdoctor.diagnose.verdict import UNUSABLE, exit_code
    from envdoctor.model.linted import FileRead, LintView
    from envdoctor.model.report import Report
    from envdoctor.model.snapshot import Snapshot

    deliver.one_writer_to_stdout(outputs, None, options.TEXT_FORMATS)
    if fix and "-" in files:
        raise Unusable("--fix and - exclude each other: there is no file to write")
    knowledge = Knowledge(matrix_file, select, ignore)
    matrix = knowledge.matrix
    found = read_all(files)
    diagnosis, flaws = judge_declared(
        tuple(found.files.values()), matrix, select=knowledge.selected, ignore=knowledge.ignored
    )
    diagnosis = replace(diagnosis, findings=with_replacements(flaws, found.texts))
    mended = diffs(flaws, found.texts)
    if fix:
        mended = tuple((_write(one, text), text) for one, text in mended)
    code = exit_code(diagnosis, fail_on=fail_on, strict=strict)
    report = Report(
        snapshot=Snapshot({}),
        diagnosis=diagnosis,
        plan=_plan(diagnosis.findings),
        exit_code=UNUSABLE if found.unread else code,
        matrix_revision=matrix.revision,
        newest_torch=matrix.newest_torch,
        envdoctor=__version__,
        overlay=matrix.overlay_name,
        lint=LintView(
            files=tuple(FileRead(name, one.format, len(one.cases)) for name, one in found.files.items()),
            unread=tuple(found.unread),
            mended=tuple(one for one, _ in mended),
        ),
    )
    deliver.deliver(report, form, outputs, verbose=verbose)
    return report.exit_code


def _write(mended: FileMended, text: str) -> FileMended:
    """Write a corrected file, whole or not at all. Raises `Unusable`."""
    from envdoctor.commands import deliver

    deliver.save(mended.file, text)
    return mended._replace(written=True)


def _plan(findings: tuple[Finding, ...]) -> Plan:
    """Return the corrected lines as steps of a plan, one for each line."""
    from envdoctor.model.finding import Severity
    from envdoctor.model.plan import Applicability, Edit, Plan, Status, Step

    steps: dict[Edit, Step] = {}
    for one in findings:
        if one.replacement is not None and one.location is not None and one.severity > Severity.NOTE:
            place = f"{one.location.file}, line {one.location.line}"
            edit = Edit(one.location.file, one.replacement)
            steps.setdefault(edit, Step("edit-file", Applicability.MANUAL, f"{place}: {one.message}", edit=edit))
    return Plan(Status.SOLVED if steps else Status.NOTHING_TO_DO, None, tuple(steps.values()))
