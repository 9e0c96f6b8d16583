"""`envdoctor lock`: the present, verified environment as a policy to check against."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import click

from envdoctor.commands import options
from envdoctor.commands.failure import Undiagnosed, Unusable

if TYPE_CHECKING:
    from envdoctor.cli import Invocation
    from envdoctor.model.report import Report

MOST_READ = 1 << 20
"""Bytes of a lock that is there already; a real one has about 2 kB."""
MOST_SHOWN = 40
"""Changes listed; the file itself holds all of them."""


@click.command(name="lock")
@options.examining
@options.governing
@click.option(
    "--profile",
    metavar="NAME",
    callback=options.filled,
    help="Judge with this profile: core, cpu, gpu, or a file of your own.",
)
@click.option(
    "--snapshot",
    "snapshot_file",
    callback=options.filled,
    metavar="FILE|-",
    help="Lock the machine of a saved snapshot instead of this one.",
)
@click.option(
    "--smoke/--no-smoke",
    default=None,
    help="Run kernels and demand those that pass; or never. By itself it runs them where a usable GPU is.",
)
@click.option(
    "-o",
    "--output",
    callback=options.filled,
    metavar="FILE",
    help="Write to this file, - for standard output. Default: envdoctor.lock of the project.",
)
@click.option("--force", is_flag=True, help="Write over a file that is no lock.")
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    python: str | None,
    timeout: float,
    matrix_file: str | None,
    policy_file: str | None,
    profile: str | None,
    fail_on: str | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    snapshot_file: str | None,
    smoke: bool | None,
    output: str | None,
    force: bool,
) -> int:
    """Look at an environment, judge it, and write it down as a policy that `envdoctor check --locked` compares with.

    Exact are torch, its partners, NumPy, the CUDA libraries and what is built on torch; Python is its series (3.12).
    Driver, GPUs, compute capability and the C library are demanded at least: a newer driver or one GPU more is fine.
    Kernels that were run and passed must pass again. Names of people and hosts, paths and UUIDs are never written.

    The file is envdoctor.lock beside the project's policy, else in the root of the repository, else here. Written
    again, it says what changed. An environment in which `envdoctor check` finds an error is not locked.

    \b
    envdoctor lock                            this environment, with kernels where a GPU is
    envdoctor check --locked                  later, elsewhere: is it still that?
    envdoctor lock --python .venv --smoke     another one, with kernels on the CPU too
    envdoctor lock --snapshot node7.json -o node7.lock
    envdoctor check --policy node7.lock       a lock is a policy like any other
    envdoctor lock -o -                       show it, write nothing

    Exit codes: 0 written or unchanged, 1 not locked (an error, or no torch), 2 unusable input or a file that is no
    lock, 3 could not diagnose.
    """
    from envdoctor.commands.checking import Wanted, check
    from envdoctor.commands.saving import try_out

    path = output or _default()
    by = "--locked" if output is None else f"--policy {path}"
    before = _present(path, force=force)
    try_out(path)  # kernels may take minutes; what cannot be written is told before they run
    wanted = Wanted(
        python=python,
        timeout=timeout,
        matrix_file=matrix_file,
        policy_file=policy_file,
        profile=profile,
        fail_on=fail_on,
        strict=strict,
        select=select,
        ignore=ignore,
        snapshot=snapshot_file,
        smoke=smoke,
    )
    report = check(wanted, invocation)
    refusal = _refusal(report)
    if refusal:
        return refusal
    _write(path, before, _text(report), by)
    return 0


def _default() -> str:
    """Return where the lock of this project stands: where one is, beside its policy, else in the root."""
    from envdoctor.commands.settings import settings_file
    from envdoctor.policy.document import document, shown
    from envdoctor.policy.find import LOCK, Unreadable, content_of, here, policy_paths
    from envdoctor.policy.mistake import PolicyError

    folders = here()
    settings = settings_file(os.environ)
    for folder in folders:
        try:
            belongs = any(document(path, content_of(path)) for path in policy_paths((folder,), settings))
        except (PolicyError, Unreadable):  # the check itself says what is wrong there
            belongs = True
        if belongs or os.path.lexists(os.path.join(folder, LOCK)):
            return shown(os.path.join(folder, LOCK))
    return shown(os.path.join(folders[-1], LOCK)) if folders else LOCK


def _present(path: str, *, force: bool) -> str:
    """Return the text of the lock that is there already, "" where none is. Raises `Unusable` for another file."""
    from envdoctor.commands.same_file import STDOUT, identity
    from envdoctor.policy.lock import is_lock

    try:
        if identity(path) == STDOUT or not stat.S_ISREG(os.stat(path).st_mode):
            return ""
        with open(path, "rb") as file:
            text = file.read(MOST_READ).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as problem:
        raise Unusable(f"{path}: cannot be read: {problem.strerror or problem}") from None
    if is_lock(text):
        return text
    if text and not force:
        raise Unusable(f"{path}: no lock that envdoctor wrote; --force writes over it, -o names another file")
    return ""


def _refusal(report: Report) -> int:
    """Say why an environment is not locked, and return the exit code; 0 where it can be."""
    from envdoctor.diagnose.verdict import FOUND
    from envdoctor.model.fact import Absent, Known
    from envdoctor.model.finding import Severity

    errors = sum(one.severity is Severity.ERROR for one in report.diagnosis.findings)
    if errors or report.exit_code:
        _show(report)
        if errors or report.exit_code == FOUND:
            counted = f"{errors} error{'s' * (errors != 1)}" if errors else f"findings at or above {report.fail_on}"
            _say(f"not locked: {counted} in this environment; what is locked has to work")
            return FOUND
        _say("not locked: the environment could not be judged in full")
        return report.exit_code
    torch = report.snapshot["torch.version"]
    if isinstance(torch, Absent):
        _say("not locked: torch is not installed; `envdoctor plan` says which one fits and what to type")
        return FOUND
    if not isinstance(torch, Known):
        raise Undiagnosed(f"not locked: which torch is installed could not be found out: {torch.reason}")
    return 0


def _text(report: Report) -> str:
    from envdoctor.policy.lock import Verified, lock_text

    tests: frozenset[str] = frozenset()
    if "smoke.tests" in report.snapshot.facts:
        from envdoctor.smoke.child.catalogue import all_cases

        tests = frozenset(case.name for case in all_cases() if case.belongs_to("quick"))
    gaps = (one for one in report.diagnosis.skipped if one.is_gap and not one.left_out)
    return lock_text(
        report.snapshot,
        Verified(
            envdoctor=report.envdoctor,
            matrix=report.matrix_revision,
            tests=tests,
            undecided=tuple((one.rule, one.fact or "") for one in gaps),
            left_out=tuple(one.rule for one in report.diagnosis.skipped if one.left_out),
            ignored=tuple(one.finding.rule for one in report.ignored),
        ),
    )


def _write(path: str, before: str, text: str, by: str) -> None:
    """Write a lock and say what changed; one that says the same as before is left as it is.

    `by` is the option of `check` that reads it.
    """
    from envdoctor.commands.same_file import STDOUT, identity
    from envdoctor.commands.saving import save
    from envdoctor.policy.lock_changes import changes, demands, same_but_for_the_day

    if same_but_for_the_day(before, text):
        _say(f"{path}: unchanged")
        return
    save(path, text)
    if identity(path) == STDOUT:
        return
    changed = changes(before, text) if before else ()
    for change in changed[:MOST_SHOWN]:
        _say(f"  {change.said}")
    if len(changed) > MOST_SHOWN:
        _say(f"  and {len(changed) - MOST_SHOWN} more")
    if before:
        what = f"{len(changed)} demand{'s' * (len(changed) != 1)} changed" if changed else "the same demands as before"
    else:
        what = f"{sum(key != 'device' for key in demands(text))} demands"
    _say(f"{path}: {what}; `envdoctor check {by}` compares with it")


def _show(report: Report) -> None:
    """Show a report on standard error: standard output is for the lock."""
    from envdoctor.commands.deliver import terminal_width
    from envdoctor.reporters import REPORTERS

    click.echo(REPORTERS["terminal"]()(report, width=terminal_width(), colour=False, verbose=False), nl=False, err=True)


def _say(text: str) -> None:
    from envdoctor.reporters.plain_text import safe

    click.echo(f"envdoctor: {safe(text)}", err=True)
