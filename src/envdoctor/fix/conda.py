"""conda's environments: a new one beside the old, made by conda itself, changed by the plan's commands.

A copy of the folder would not do: conda writes an environment's path into binaries, and its files are hard links into
its cache. `conda create --clone` makes the same packages again, of conda and of pip alike. It does not with
`pip_interop_enabled` (conda issue 13949), and leaves out `conda-meta/pinned` (issue 9943). mamba and micromamba have no
`--clone` (mamba issue 4084, read 2026-11-21), so conda has to be there. None of this was ever run with a real conda:
the tests have a program of that name which only notes what it is told.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.fix.cloning import remove
from envdoctor.fix.failures import reason
from envdoctor.fix.installing import install, moved_to
from envdoctor.fix.variables import environment_for, tool_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envdoctor.fix.telling import Doing

SUFFIX = "-repaired"
BASE = "this is conda's base environment, which is never changed: make an environment of its own for torch"
NO_CONDA = (
    "conda is not on the PATH (CONDA_EXE names none either), and neither mamba nor micromamba copies environments"
)
THERE_ALREADY = "{} exists already: name a folder that does not with --into"
NO_PLACE = "{} cannot be written to: name another folder with --into"
AS_IN_ANY = {"CONDA_PIP_INTEROP_ENABLED": "false"}


class NotByConda(Exception):
    """No new environment can be made; the message is one sentence that says why."""


class Beside(NamedTuple):
    """A new environment to be made: `commands` in their order, the first of which copies `old` to `new`."""

    program: str
    old: str
    new: str
    commands: tuple[tuple[str, ...], ...]

    @property
    def python(self) -> str:
        """The interpreter of the new environment."""
        return os.path.join(self.new, "bin", "python")


def beside(commands: Sequence[Sequence[str]], old: str, into: str | None, environ: Mapping[str, str]) -> Beside:
    """Return what has conda make a repaired copy of the environment in the folder `old`.

    `commands` are those of the plan. `into` is the folder for the copy; None for one beside the old, where conda finds
    it by its name. Raises `NotByConda`.
    """
    old = os.path.realpath(old)
    if is_base(old):
        raise NotByConda(BASE)
    program = program_of(environ)
    if program is None:
        raise NotByConda(NO_CONDA)
    new = os.path.abspath(into) if into else _free(old)
    if os.path.lexists(new):
        raise NotByConda(THERE_ALREADY.format(new))
    above = os.path.dirname(new)
    while not os.path.lexists(above):  # conda makes the folders above it too
        above = os.path.dirname(above)
    if not os.access(above, os.W_OK | os.X_OK):
        raise NotByConda(NO_PLACE.format(above))
    made = (program, "create", "--yes", "--prefix", new, "--clone", old)
    return Beside(program, old, new, (made, *(in_new(argv, old, new, program) for argv in commands)))


def is_base(prefix: str) -> bool:
    """Whether a folder is the root of an installation of conda, mamba or micromamba, and no environment of theirs."""
    if any(os.path.isdir(os.path.join(prefix, name)) for name in ("condabin", "envs", "pkgs")):
        return True
    try:
        records = os.listdir(os.path.join(prefix, "conda-meta"))
    except OSError:
        return False
    return any(name.startswith("conda-") and name[len("conda-") :][:1].isdigit() for name in records)


def program_of(environ: Mapping[str, str]) -> str | None:
    """Return the path of conda: of the one that activated the shell, else of that on the PATH; None for none."""
    named = environ.get("CONDA_EXE", "")
    if os.path.isabs(named) and os.access(named, os.X_OK):
        return named
    return shutil.which("conda", path=environ.get("PATH", ""))


def in_new(argv: Sequence[str], old: str, new: str, program: str) -> tuple[str, ...]:
    """Return a command of the plan for the new environment, which asks nothing."""
    moved = moved_to(argv, old, new)
    if tool_of(argv) != "conda":
        return moved
    verb, words = moved[1], moved[2:]
    where = () if {"--prefix", "-p"} & {*words} else ("--prefix", new)
    return (program, verb, *(() if "--yes" in words else ("--yes",)), *where, *words)


def make(wanted: Beside, environ: Mapping[str, str], log: str, tell: Callable[[Doing], None]) -> str:
    """Make the environment and return "", or why that failed, in a sentence: then nothing of it is left.

    `environ` are the user's variables; `log` and `tell` as for `installing.install`. Raises `OSError` where what was
    made cannot be removed.
    """
    for number, argv in enumerate(wanted.commands):
        ran = install(argv, {**environment_for(argv, environ)[0], **AS_IN_ANY}, log, tell)
        if ran.exit != 0:
            unmake(wanted, environ, log, tell)
            return reason(ran)
        if number == 0:
            _keep_pins(wanted)
    return ""


def unmake(wanted: Beside, environ: Mapping[str, str], log: str, tell: Callable[[Doing], None]) -> None:
    """Remove the new environment, with conda's own note of it. Raises `OSError` where something of it stays."""
    argv = (wanted.program, "remove", "--yes", "--prefix", wanted.new, "--all")
    if os.path.isdir(os.path.join(wanted.new, "conda-meta")):
        install(argv, environment_for(argv, environ)[0], log, tell)
    remove(wanted.new)


def _keep_pins(wanted: Beside) -> None:
    pins = os.path.join("conda-meta", "pinned")
    if os.path.isfile(os.path.join(wanted.old, pins)) and os.path.isdir(os.path.join(wanted.new, "conda-meta")):
        shutil.copyfile(os.path.join(wanted.old, pins), os.path.join(wanted.new, pins))


def _free(old: str) -> str:
    """Return a folder beside the old one that does not exist."""
    new, number = f"{old}{SUFFIX}", 1
    while os.path.lexists(new):
        number += 1
        new = f"{old}{SUFFIX}-{number}"
    return new
