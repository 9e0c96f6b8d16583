"""Carrying a plan out in a copy: made, changed, compared, proved, swapped; or undone, and nothing was ever touched."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.fix import journal
from envdoctor.fix.cloning import clone
from envdoctor.fix.failures import reason
from envdoctor.fix.freezing import fingerprints, freeze, outside, torch_set
from envdoctor.fix.identity import identity
from envdoctor.fix.in_use import in_words
from envdoctor.fix.installing import in_clone, install, moved_to
from envdoctor.fix.journal import Entry, Stage
from envdoctor.fix.keeping import holds, keep, put_in, settled
from envdoctor.fix.place import make_state
from envdoctor.fix.projects import environment_for as variables_of_project
from envdoctor.fix.projects import works_in
from envdoctor.fix.recovering import recover
from envdoctor.fix.relocating import relocate
from envdoctor.fix.swapping import put_there, swap
from envdoctor.fix.variables import environment_for
from envdoctor.fix.watching import first_changed, stamps
from envdoctor.host.descendants import VARIABLE
from envdoctor.model.fix import PackageChange, Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envdoctor.fix.place import Place

    Tell = Callable[[str, int | None, int | None], None]

NOT_ASKED_FOR = "{} would have changed too, which nothing in the torch set requires"
NO_SPACE = "no space left on the disk that holds {}: free some, or name a folder on another disk with --into"


class Work(NamedTuple):
    """What is to be done to which environment.

    `source` is the environment as it is, `target` where the result belongs: the same place, or another one whose folder
    does not exist. `spelled` is the folder of the environment as its interpreter says it, maybe by way of a link.
    `python` is the interpreter that `commands` name. `files` are project files, by path, with the text
    each is to have before the commands run, None where only the manager writes it; `manager` is the tool that keeps
    `project`, None where an installer works on the environment alone; `manifest` is the text of the project's manifest
    that was read for `files`. `made_new` where the first command makes an environment in `new_folder` and nothing is
    copied. `secret_base` is the index base with its login, where it has one, and `index_name` what a project calls that
    index.
    """

    source: Place
    target: Place
    spelled: str
    python: str
    commands: tuple[tuple[str, ...], ...]
    environ: Mapping[str, str]
    files: Mapping[str, str | None]
    named: frozenset[str]
    manager: str | None = None
    project: str | None = None
    manifest: str = ""
    made_new: bool = False
    new_folder: str = ""
    secret_base: str | None = None
    index_name: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """How it ended: `trouble` is a sentence where everything was put back, else empty."""

    trouble: str = ""
    proofs: tuple[Proof, ...] = ()
    changes: tuple[PackageChange, ...] = ()
    stays: int = 0
    entry: Entry | None = None


class _Before(NamedTuple):
    """The environment as it was before it was copied: the numbers of its folder, and stamps of its files."""

    folder: tuple[int, int] | None
    files: Mapping[str, tuple[int, int, int]]

    @classmethod
    def of(cls, work: Work) -> _Before:
        folder = work.source.environment
        return cls(identity(folder), {} if work.made_new else stamps(folder))


class Failed(Exception):
    """Something did not hold; the text is a sentence for the user."""


def apply(work: Work, verify: Callable[[str], Sequence[Proof]], tell: Tell) -> Applied:
    """Do the work and return how it ended. The lock of the target is held by the caller.

    `verify` is given the interpreter of the copy and returns what it found there, `tell` what is being done, with how
    much of how much where that is known. Raises OSError where not even undoing was possible.
    """
    target = work.target
    proofs: tuple[Proof, ...] = ()
    try:
        before = _Before.of(work)
        make_state(target)
        entry = Entry(
            id=os.urandom(6).hex(),
            stage=Stage.MAKING,
            environment=target.environment,
            day=time.strftime("%Y-%m-%d", time.gmtime()),
            before=_rows(freeze(work.source.environment)),
            commands=work.commands,
        )
        journal.write(target, entry)
        python = _copied(work, tell)
        marks = {} if work.made_new else fingerprints(target.new)
        entry = _files_written(work, entry)
        own = work.named | torch_set(target.new)
        entry = _installed(work, entry, python, tell)
        changes, stays = _compared(work, entry, marks, own)
        tell("verifying", None, None)
        proofs = (*_only_the_set(work, changes, own | torch_set(target.new)), *verify(python))
        failed = next((proof for proof in proofs if not proof.held), None)
        if failed:
            raise Failed(failed.sentence)
        tell("putting it in place", None, None)
        _undisturbed(work, entry, before)
        relocate(target.new, target.new, target.environment)
        entry = replace(entry, after=_rows(freeze(target.new)))
        entry = swap(target, entry) if target == work.source else put_there(target, entry)
    except (OSError, Failed) as problem:
        return Applied(_sentence(problem, target), proofs)
    finally:
        recover(target, log=False)  # whatever was raised; after a swap nothing is left to undo
    return Applied("", proofs, changes, stays, entry)


def _copied(work: Work, tell: Tell) -> str:
    """Make the copy, or nothing yet where it is made anew, and return its interpreter."""
    new = work.target.new
    if work.made_new:
        return os.path.join(new, "bin", "python")
    source = work.source.environment
    clone(source, new, lambda done, of: tell("copying the environment", done, of))
    relocate(new, source, new)
    if work.target != work.source and work.spelled != source:  # what names the link would lead back to the old one
        relocate(new, work.spelled, new)
    folder, name = os.path.split(work.python)
    inside = os.path.relpath(os.path.realpath(folder), source)
    if inside.startswith(os.pardir):
        raise Failed(f"{work.python} lies outside of its environment")
    return os.path.join(new, inside, name)


def _files_written(work: Work, entry: Entry) -> Entry:
    """Keep the project's files as they are, then write what has to stand in them before the commands run."""
    if not work.files:
        return entry
    entry = replace(entry, files=keep(work.target, work.files, work.files))
    journal.write(work.target, entry)
    for path, text in work.files.items():
        if text is not None:
            if not holds(path, work.manifest):
                raise Failed(f"{path} was changed while the environment was copied; run it again")
            put_in(path, text)
    return entry


def _installed(work: Work, entry: Entry, python: str, tell: Tell) -> Entry:
    for command in work.commands:
        if work.made_new:  # by the Python that is there
            argv = moved_to(command, work.new_folder, work.target.new)
        else:
            argv = in_clone(command, work.python, python)
        environ = work.environ
        if work.manager is not None:
            environ = variables_of_project(work.manager, work.target.new, environ)
        environ, _ = environment_for(argv, environ, work.secret_base, work.index_name)
        _sure_of_the_copy(work, environ)
        ran = install(
            argv,
            {**environ, VARIABLE: entry.mark},
            work.target.log,
            lambda doing: tell(doing.what, doing.done, doing.of),
            cwd=work.project or work.target.state,
        )
        if entry.files:  # what is written into them from now on is somebody else's
            entry = replace(entry, files=settled(entry.files))
            journal.write(work.target, entry)
        if ran.exit != 0:
            raise Failed(reason(ran))
    return entry


def _sure_of_the_copy(work: Work, environ: Mapping[str, str]) -> None:
    """Ask the manager where it works: one that a setting leads elsewhere would change the environment itself."""
    if work.manager is None or work.project is None:
        return
    works = works_in(work.manager, work.project, work.target.new, environ)
    if works is None:
        raise Failed(f"{work.manager} is not installed, or not on the PATH")
    if not works:
        raise Failed(f"{work.manager} would not work in the copy, but where a setting of its own says")


def _compared(
    work: Work, entry: Entry, marks: Mapping[str, str], own: frozenset[str]
) -> tuple[tuple[PackageChange, ...], int]:
    """Return what changed, the torch set first, and how many distributions stayed.

    A change too is the same version from elsewhere: a wheel in the place of what was compiled here.
    """
    before, after = {} if work.made_new else dict(entry.before), freeze(work.target.new)
    now = fingerprints(work.target.new) if marks else {}
    again = [name for name, mark in now.items() if name in marks and marks[name] != mark]
    same = (PackageChange(name, before[name], after[name]) for name in again if before.get(name) == after[name])
    changed = (*outside(before, after, ()), *same)
    ordered = sorted(changed, key=lambda change: (change.name not in own, change.name))
    names = {change.name for change in changed}
    return tuple(ordered), sum(name not in names for name in before)


def _only_the_set(work: Work, changes: Sequence[PackageChange], own: frozenset[str]) -> tuple[Proof, ...]:
    if work.made_new:
        return ()
    others = [change.name for change in changes if change.name not in own]
    told = NOT_ASKED_FOR.format(" and ".join(others[:3])) if others else ""
    if others and work.manager:
        told += f"; where the lock file of {work.manager} lags behind, bring it and the environment up to date first"
    return (Proof("nothing outside the torch set changed", not others, told),)


def _undisturbed(work: Work, entry: Entry, before: _Before) -> None:
    """Look at the environment once more: what became of it meanwhile is not in the copy."""
    if work.made_new:
        return
    if identity(work.source.environment) != before.folder:
        raise Failed(f"{work.source.environment} was replaced while the copy was repaired")
    if _rows(freeze(work.source.environment)) != entry.before:
        raise Failed(f"packages of {work.source.environment} were changed while the copy was repaired")
    changed = first_changed(before.files, stamps(work.source.environment))
    if changed:
        raise Failed(f"{changed} was changed while the copy was repaired")
    users = in_words(work.source.environment) if work.source == work.target else None
    if users:
        raise Failed(f"{users} since the fix began")


def _rows(frozen: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(frozen.items()))


def _sentence(problem: OSError | Failed, target: Place) -> str:
    if isinstance(problem, Failed):
        return str(problem)
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return NO_SPACE.format(os.path.dirname(target.environment))
    return f"{problem.filename or target.state}: {problem.strerror or problem}"
