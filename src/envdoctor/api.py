"""The Python API: the jobs of the command line as functions that return what was found and print nothing.

`envdoctor` hands these names out when they are asked for. They look at the interpreter that runs them unless another is
named, in children where a driver may hang, and never import torch. Nothing is changed: no signal handler, no variable,
no folder. Several threads may call them; one look at a time is made in a process.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.model.finding import Confidence, Diagnosis, Evidence, Finding, Severity, Verdict
from envdoctor.model.place import Place
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.model.report import Report
from envdoctor.model.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from envdoctor.cli import Invocation

    StrPath = str | os.PathLike[str]

__all__ = [
    "Absent",
    "Applicability",
    "Confidence",
    "Diagnosis",
    "EnvdoctorError",
    "Evidence",
    "Finding",
    "Known",
    "Place",
    "Plan",
    "Report",
    "Severity",
    "Snapshot",
    "Status",
    "Step",
    "Undiagnosed",
    "Unknown",
    "UnusableInput",
    "Verdict",
    "as_json",
    "check",
    "diagnose",
    "from_json",
    "load_snapshot",
    "plan",
    "snapshot",
]

LONGEST, SHORTEST = 3600.0, 0.1
"""Seconds that a look may take, as `--timeout` bounds them."""


class EnvdoctorError(Exception):
    """What envdoctor raises on purpose; the text is the one line that the command line would print."""


class UnusableInput(EnvdoctorError, ValueError):
    """An argument or a file that cannot be used (exit code 2 of the command line)."""


class Undiagnosed(EnvdoctorError, RuntimeError):
    """envdoctor itself could not do its work (exit code 3 of the command line)."""


def check(
    python: StrPath | None = None,
    *,
    snapshot: Snapshot | None = None,
    policy: StrPath | None = None,
    profile: str | None = None,
    locked: bool = False,
    require_gpu: bool = False,
    smoke: bool | None = None,
    timeout: float = 10.0,
    deep: bool = False,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    matrix: StrPath | None = None,
    index_base: str | None = None,
    fail_on: str | None = None,
    strict: bool = False,
    folder: StrPath | None = None,
) -> Report:
    """Look at an environment, judge it, and say what to type to make it right: `envdoctor check`.

    `python` is an interpreter, the folder of its environment, or a command on PATH; None is `sys.executable`. With
    `snapshot` a saved machine is judged instead. The others are the options of that name; `select` and `ignore` are
    names of rules, `timeout` is in seconds. As on the command line a policy that nobody named is looked for upward from
    `folder` (None: the working directory), and kernels are run by themselves where a usable GPU and torch are
    (`smoke=False`: never).

    Report.exit_code is what the command would have ended with. Raises `UnusableInput` and `Undiagnosed`.
    """
    from envdoctor.commands import checking
    from envdoctor.commands.options import FAIL_ON

    wanted = checking.Wanted(
        python=_path("python", python),
        timeout=_seconds(timeout),
        deep=deep,
        matrix_file=_path("matrix", matrix),
        policy_file=_path("policy", policy),
        profile=_text("profile", profile),
        locked=locked,
        fail_on=_one_of("fail_on", fail_on, FAIL_ON),
        strict=strict,
        select=_names("select", select),
        ignore=_names("ignore", ignore),
        index_base=_text("index_base", index_base),
        require_gpu=require_gpu,
        snapshot=None if snapshot is None else _seen(snapshot),
        smoke=smoke,
        folder=_folder(folder),
    )
    with _asking():
        return checking.check(wanted, _invocation(wanted.python))


def snapshot(python: StrPath | None = None, *, timeout: float = 10.0, deep: bool = False) -> Snapshot:
    """Look only: the facts of an environment and its machine, names of people among them (`as_json` can replace those).

    Arguments as for `check`. Raises `UnusableInput`.
    """
    from envdoctor.commands import examine

    named, seconds = _path("python", python), _seconds(timeout)
    with _asking():
        return examine.examine(_invocation(named), named, seconds, deep=deep)()


def diagnose(
    snapshot: Snapshot,
    *,
    policy: StrPath | None = None,
    profile: str | None = None,
    require_gpu: bool = False,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    matrix: StrPath | None = None,
) -> Diagnosis:
    """Judge a snapshot, of whatever machine, by what is handed over alone: no policy is looked for.

    Arguments as for `check`. Raises `UnusableInput`.
    """
    from envdoctor.commands.checking import Judging
    from envdoctor.commands.governing import rulings_of
    from envdoctor.commands.knowledge import Knowledge

    seen = _seen(snapshot)
    with _asking():
        rulings = rulings_of(
            policy_file=_path("policy", policy),
            profile=_text("profile", profile),
            select=_names("select", select),
            ignore=_names("ignore", ignore),
            nearby=False,
        )
        knowledge = Knowledge(_path("matrix", matrix), rulings.select, rulings.ignore)
        knowledge.gather()
        return Judging(knowledge.matrix, rulings.wishes(require_gpu), rulings)(seen)


def plan(
    snapshot: Snapshot | None = None,
    *,
    torch: str | None = None,
    partners: Collection[str] = (),
    require_gpu: bool = False,
    installer: str | None = None,
    index_base: str | None = None,
    matrix: StrPath | None = None,
    timeout: float = 10.0,
) -> Plan:
    """Say which torch fits a saved machine, or this interpreter where none is handed over: `envdoctor plan`.

    `torch` keeps to releases ("2.9.1", ">=2.6,<2.9"), `partners` are "torchvision", "torchaudio", `installer` writes
    the commands for it (pip, uv, conda, pixi, poetry, pdm, docker). Raises `UnusableInput`.
    """
    from dataclasses import replace

    from envdoctor.commands import examine, knowledge, planning
    from envdoctor.commands.index_base import index_base as base_of
    from envdoctor.model.machine import Machine, Wishes
    from envdoctor.plan.installers import NAMES

    live = snapshot is None
    with _asking():
        base = base_of(_text("index_base", index_base))
        known = knowledge.load(_path("matrix", matrix))
        into, seconds = _one_of("installer", installer, NAMES), _seconds(timeout)
        wishes = Wishes(
            require_gpu=require_gpu,
            torch=planning.specifier(torch, known.newest_torch),
            partners=planning.partner_names(",".join(_names("partners", partners))),
        )
        seen = examine.examine(_invocation(None), None, seconds)() if snapshot is None else _seen(snapshot)
        pins = planning.constraints((), Machine(seen), live=live).pins
        machine = Machine(seen, replace(wishes, pins=tuple(pins)))
        return planning.plan(machine, known, live=live, installer=into, base=base)


def load_snapshot(file: StrPath) -> Snapshot:
    """Read a saved machine: what `envdoctor snapshot -o` or `check --format json` wrote. Raises `UnusableInput`."""
    from envdoctor.commands import examine

    name = _path("file", file) or ""
    with _asking():
        return examine.saved(os.path.join(os.curdir, name) if name == "-" else name)


def from_json(text: str | bytes) -> Snapshot:
    """Return the snapshot in a document, `envdoctor.snapshot/1` or `envdoctor.diagnosis/1`. Raises `UnusableInput`."""
    from envdoctor.codec.read import UnreadableSnapshot
    from envdoctor.codec.read import load_snapshot as read

    try:
        return read(text, "the text")
    except UnreadableSnapshot as problem:
        raise UnusableInput(str(problem)) from None


def as_json(what: Report | Snapshot, *, redact: bool = False) -> str:
    """Return a report as `envdoctor.diagnosis/1`, the plan in it, or a snapshot as `envdoctor.snapshot/1`.

    With `redact` names of people, hosts and devices are replaced, as in every file that the command line writes.
    """
    from envdoctor.codec import diagnosis, json_value
    from envdoctor.codec import snapshot as facts
    from envdoctor.commands import deliver

    if isinstance(what, Report):
        document = diagnosis.encode(deliver.without_names(what) if redact else what)
    else:
        seen = _seen(what)
        document = facts.encode(deliver.snapshot_without_names(seen) if redact else seen)
    return json_value.document_text(document) + "\n"


_TURNS: dict[int, RLock] = {}
"""Process to its lock: a copy of this process, made while a look goes on, must not wait for a thread it has not."""


@contextmanager
def _asking() -> Iterator[None]:
    """Make one look at a time, leave no child of it behind however it ends, and raise the errors of the API."""
    from envdoctor.commands.failure import Undiagnosed as NotDiagnosed
    from envdoctor.commands.failure import Unusable
    from envdoctor.host.process import RUNNING
    from envdoctor.reporters.plain_text import safe

    with _TURNS.setdefault(os.getpid(), RLock()):
        before = frozenset(RUNNING)  # of a process that this one is a copy of: not ours to end
        try:
            yield
        except NotDiagnosed as problem:
            raise Undiagnosed(safe(problem.message)) from None
        except Unusable as problem:
            raise UnusableInput(safe(problem.message)) from None
        finally:
            for child in tuple(RUNNING - before):
                child.stop()


def _invocation(python: str | None) -> Invocation:
    """Return how envdoctor was called: by the interpreter to be looked at, and nobody watches."""
    from envdoctor.cli import Invocation

    if python is None and not sys.executable:
        raise UnusableInput("this Python does not tell where it is (sys.executable is empty); name one: python=PATH")
    invocation = Invocation()
    invocation.script = False
    invocation.watched = False
    return invocation


def _path(name: str, value: StrPath | None) -> str | None:
    return None if value is None else _text(name, os.fsdecode(value))


def _folder(value: StrPath | None) -> str | None:
    """Refuse a folder that is not there: no policy would be found around it, and the gate would stand open."""
    path = _path("folder", value)
    if path is not None and not os.path.isdir(path):
        raise UnusableInput(f"folder: {path[:80]!r} is no folder")
    return path


def _text(name: str, value: str | None) -> str | None:
    """Refuse an empty text, which is mostly a variable that was not set, and one that no file can be named."""
    if value is not None and (not value.strip() or "\0" in value):
        raise UnusableInput(f"{name}: {'the value is empty' if not value.strip() else 'holds a NUL character'}")
    return value


def _names(name: str, values: Collection[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise UnusableInput(f"{name}: a list of names, not one text: [{values[:80]!r}]")
    return tuple(values)


def _one_of(name: str, value: str | None, words: Collection[str]) -> str | None:
    if value is not None and value not in words:
        raise UnusableInput(f"{name}: {value[:80]!r}; it is one of {', '.join(words)}")
    return value


def _seconds(value: float) -> float:
    if not SHORTEST <= value <= LONGEST:  # nor is "nan"
        raise UnusableInput(f"timeout: {value}; it is a number of seconds from {SHORTEST} to {LONGEST:.0f}")
    return float(value)


def _seen(value: Snapshot) -> Snapshot:
    if not isinstance(value, Snapshot):
        raise TypeError(f"a Snapshot is needed, not {type(value).__name__}")
    return value
