"""`envdoctor lint`: judge what files declare, before anything is installed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from envdoctor.commands import options
from envdoctor.commands.described_options import describing
from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from envdoctor.commands.declared_files import Found
    from envdoctor.commands.knowledge import Knowledge
    from envdoctor.diagnose.on_target import Target
    from envdoctor.model.declared import Flaw
    from envdoctor.model.declared_file import DeclaredFile
    from envdoctor.model.finding import Diagnosis, Finding
    from envdoctor.model.plan import Plan
    from envdoctor.model.snapshot import Snapshot

KIN = re.compile(r"torch|pytorch|triton|nvidia-|cuda|cudnn|xformers|flash-attn|vllm")
"""How the names of distributions begin that are torch, or go with it."""


@click.command(name="lint")
@click.argument("files", nargs=-1, metavar="FILE...", required=True)
@options.judging
@click.option(
    "--fix", "fix", is_flag=True, help="Write the corrections that are safe; without it they are shown as a diff."
)
@click.option(
    "--target",
    "target_file",
    callback=options.filled,
    metavar="FILE|-",
    help="Judge for a machine too: a saved snapshot or report of check.",
)
@describing
@click.pass_obj
def command(
    _: object,
    *,
    files: tuple[str, ...],
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
    policy_file: str | None,
    fail_on: str | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fix: bool,
    target_file: str | None,
    driver: str | None,
    gpus: tuple[str, ...],
    capabilities: tuple[str, ...],
    python_version: str | None,
    platform: str | None,
    glibc: str | None,
) -> int:
    """Judge requirements, manifests, lock files, Dockerfiles, scripts, workflows and articles before installing.

    Each finding names the file, the line and what has to stand there instead. Folders are searched for files whose
    name says what they are. Nothing is run, installed or fetched. With --target, or a machine that is described, what
    would be installed is judged against that machine too.

    \b
    envdoctor lint requirements.txt Dockerfile
    envdoctor lint .                        everything in a project that declares an environment
    envdoctor lint README.md --fix          write what is safe to write
    envdoctor lint . --driver 535 --gpu V100
    envdoctor lint Dockerfile --target server.json
    curl -s URL | envdoctor lint -          an article, before following it

    The exit code is 0 when nothing at or above --fail-on was found, 1 when something was, 2 when a file could not be
    read or written. After --fix it is that of what is left.
    """
    from envdoctor import __version__
    from envdoctor.commands import deliver, fix_progress
    from envdoctor.commands.declared_files import read_all
    from envdoctor.commands.describe import Description
    from envdoctor.commands.governing import rulings_of
    from envdoctor.commands.knowledge import Knowledge
    from envdoctor.commands.lint_fixing import mend
    from envdoctor.commands.lint_target import target_of
    from envdoctor.diagnose.correcting import diffs
    from envdoctor.diagnose.verdict import UNUSABLE, exit_code
    from envdoctor.model.linted import FileRead, LintView
    from envdoctor.model.report import Report
    from envdoctor.model.snapshot import Snapshot

    read = (*files, target_file, matrix_file, policy_file)
    deliver.one_writer_each(outputs, None, options.REPORTS, inputs=read)
    if fix and "-" in files:
        raise Unusable("--fix and - exclude each other: there is no file to write")
    rulings = rulings_of(policy_file=policy_file, fail_on=fail_on, strict=strict, select=select, ignore=ignore)
    knowledge = Knowledge(matrix_file, rulings.select, rulings.ignore)
    matrix = knowledge.matrix
    description = Description(driver, gpus, capabilities, python_version, platform, glibc)
    seen = target_of(target_file, description, files, matrix)
    target = _target(seen, knowledge) if seen else None
    found = read_all(files)
    deliver.one_writer_each(outputs, None, options.REPORTS, inputs=(*found.files,))  # with those in folders
    diagnosis, flaws = _judge(found, knowledge, target)
    mended = tuple(one for one, _ in diffs(flaws, found.texts))
    if fix and mended:
        mended = mend(diffs(flaws, found.texts), found)
        diagnosis, flaws = _judge(found, knowledge, target)
    fix_progress.clear()
    diagnosis, ignored = rulings.govern(diagnosis)
    code = exit_code(diagnosis, fail_on=rulings.fail_on, strict=rulings.strict)
    report = Report(
        snapshot=seen or Snapshot({}),
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
            mended=mended,
            target=target.words if target else "",
            about_torch=any(_is_about_torch(one) for one in found.files.values()),
        ),
        policy=rulings.policy if rulings.policy.says_anything else None,
        ignored=ignored,
        fail_on=rulings.fail_on,
        strict=rulings.strict,
    )
    deliver.deliver(report, form, outputs, verbose=verbose)
    return report.exit_code


def _target(seen: Snapshot, knowledge: Knowledge) -> Target:
    from envdoctor.commands.lint_target import InThought, words_of
    from envdoctor.diagnose.on_target import Target

    matrix = knowledge.matrix
    return Target.of(InThought(seen, matrix), matrix, words_of(seen), knowledge.selected, knowledge.ignored)


def _judge(found: Found, knowledge: Knowledge, target: Target | None) -> tuple[Diagnosis, tuple[Flaw, ...]]:
    """Judge what was read; return the diagnosis, each finding with its corrected line, and the flaws."""
    from envdoctor.diagnose.correcting import with_replacements
    from envdoctor.diagnose.declared import judge_declared

    diagnosis, flaws = judge_declared(
        tuple(found.files.values()),
        knowledge.matrix,
        select=knowledge.selected,
        ignore=knowledge.ignored,
        target=target.flaws if target else None,
    )
    return replace(diagnosis, findings=with_replacements(flaws, found.texts)), flaws


def _is_about_torch(file: DeclaredFile) -> bool:
    """Whether a file declares anything of torch, of what goes with it, or of images."""
    return bool(file.containers) or any(
        case.base or case.cudas or case.cudnns or any(KIN.match(one.name) for one in case.requirements)
        for case in file.cases
    )


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
