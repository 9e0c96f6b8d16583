"""The `envdoctor` command: names and help of the subcommands, each imported when it is called.

`envdoctor --help` must cost no more than click, so the table below holds what a list shows and where the
command lives; `tests/project/test_imports.py` holds that.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from envdoctor import __version__
from envdoctor.commands.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends a run: Ctrl-C, `kill`, and a terminal that is closed."""

COMMANDS = {
    "check": "Look at this machine, judge it, and say what to type. The main command.",
    "snapshot": "Look only: save what can be seen as JSON, to judge or share later.",
    "smoke": "Run kernels with the installed torch and say which are right, and how fast.",
    "lock": "Write the environment that is here, once it is verified, as a policy to check against.",
    "plan": "Say which torch fits this machine, or one you describe.",
    "fix": "Show what the plan would change; carry it out in a copy, prove it, and swap; or go back.",
    "lint": "Judge requirements, manifests, images, scripts and articles before anything is installed.",
    "triage": "Judge somebody else's paste: collect_env, nvidia-smi, pip list, a traceback, or any mix.",
    "diff": "Say why it works here and fails there: two snapshots or pastes, side by side.",
    "explain": "Print the page of one rule: what it means, why it happens, how to fix it.",
    "rules": "List every rule.",
    "matrix": "Print the compatibility matrix, or compare it with the package index.",
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    package="envdoctor.commands",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `envdoctor check`. Exit codes: 0 nothing found that fails, 1 findings, 2 usage or unreadable "
    "input, 3 could not diagnose.",
)
@click.version_option(__version__, message="envdoctor %(version)s")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Say why PyTorch and a GPU do not get along, and what to type to make it right.

    Nothing is imported to be read: torch may be broken, half installed, or hang. Nothing is changed.
    """
    ctx.ensure_object(Invocation)


class Invocation:
    """How envdoctor was called: by its script or not, and whether somebody watches who is told how far it is."""

    script = True
    watched = True


def main(argv: Sequence[str] | None = None, prog_name: str | None = None) -> None:
    """Run the command line and leave with its exit code.

    Ctrl-C and SIGTERM end it with one line and 128 + the signal's number, as shells count, and leave no child.
    """
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores one
    for number in heard:
        signal.signal(number, _stop)
    if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else the kernel throws away how our children ended
    status = _run(argv, prog_name)
    _deaf(heard)  # what is left takes moments, and its exit code shall be the one that was found
    _tidy()
    sys.exit(status)


def _run(argv: Sequence[str] | None, prog_name: str | None) -> int:
    """Run the command line, tell whatever stood in its way, and return the exit code."""
    if sys.stdout is None:  # `>&-`: the exit code still answers
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        # A path may hold letters the terminal cannot show; they are escaped rather than raise.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = _whole(sys.stdout)
    invocation = Invocation()
    invocation.script = prog_name is None
    try:
        status = group.main(args=argv, prog_name=prog_name or "envdoctor", standalone_mode=False, obj=invocation)
        sys.stdout.flush()  # here, where a full disk can still be told
    except click.ClickException as problem:
        _tell(partial(_show, problem))
        _tell(sys.stdout.flush)  # what a reader who went away did not take
        return problem.exit_code
    except click.Abort:
        return 130
    # `envdoctor rules | head`: the reader has what it wanted. click ends the process then, by itself with exit code 1,
    # which would say that something was found.
    except (BrokenPipeError, SystemExit):
        _give_up_on_output()
        return 141
    except OSError as problem:
        from envdoctor.commands.failure import Undiagnosed

        _tell(Undiagnosed(f"the report cannot be written: {problem.strerror or problem}").show)
        _give_up_on_output()
        return Undiagnosed.exit_code
    # The last resort: whatever nobody foresaw is our bug, said in one line, with the exit code for it.
    except Exception as bug:
        from envdoctor.commands.failure import Undiagnosed
        from envdoctor.model.bug import place

        said = f"{type(bug).__name__}: {str(bug)[:200]} ({place(bug)})"
        _tell(Undiagnosed(f"a bug in envdoctor, nothing was diagnosed: {said}").show)
        return Undiagnosed.exit_code
    return status if isinstance(status, int) else 0


def _show(problem: click.ClickException) -> None:
    """Say what stands in the way, on standard error."""
    if not isinstance(problem, click.UsageError):
        problem.show()  # ours
        return
    from envdoctor.reporters.plain_text import safe

    said = io.StringIO()
    problem.show(said)  # click repeats what was typed, or what a job typed: the name of a branch, say
    click.echo("\n".join(safe(line) for line in said.getvalue().split("\n")), nl=False, err=True)


def _whole(stream: TextIO) -> TextIO:
    """Return a stream that writes all of a text or raises.

    The one of PYTHONUNBUFFERED, which images and CI systems set, drops what a pipe or a disk did not take at once.
    """
    buffered = io.BufferedWriter(stream.buffer)  # type: ignore[arg-type, type-var, unused-ignore]
    return io.TextIOWrapper(buffered, encoding=stream.encoding, errors=stream.errors, newline="\n", line_buffering=True)


def _stop(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of a signal handler
    """End the run where it stands, unless a child is just being born.

    Nothing is raised: an exception out of a signal handler may fall into a callback whose exceptions Python drops, or
    be wrapped into another on its way (`__set_name__`), and the run would go on or be taken for a bug.
    """
    # The module may be half imported when the signal comes.
    starting = getattr(sys.modules.get("envdoctor.host.process"), "STARTING", None)
    if starting is None or not starting.defers(number):
        from envdoctor.start import leave

        _deaf(ENDING)  # an impatient second Ctrl-C must not leave the tidying half done
        _tidy()
        leave(number)


def _deaf(numbers: Sequence[int]) -> None:
    """Hear no more signals."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def _tidy() -> None:
    """End the children that still run, and take away a live line, a fix half done, folders, and a half written file."""
    for teller in ("envdoctor.commands.smoke_progress", "envdoctor.commands.fix_progress"):
        clear = getattr(sys.modules.get(teller), "clear", None)
        if clear is not None:
            clear()
    stop_all = getattr(sys.modules.get("envdoctor.host.process"), "stop_all", None)
    if stop_all is not None:
        stop_all()
    undo_all = getattr(sys.modules.get("envdoctor.fix.recovering"), "undo_all", None)
    if undo_all is not None:
        undo_all()
    remove_folders = getattr(sys.modules.get("envdoctor.host.folder"), "remove_folders", None)
    if remove_folders is not None:
        remove_folders()
    for writer in ("envdoctor.commands.saving", "envdoctor.published.store"):
        for part in tuple(getattr(sys.modules.get(writer), "PARTS", ())):
            try:
                os.unlink(part)
            except OSError:  # not made yet, or renamed already
                continue


def _tell(write: Callable[[], object]) -> None:
    """Write to standard error, which may be as full or closed as standard output."""
    try:
        write()
        sys.stderr.flush()
    except OSError:
        _give_up_on_output()


def _give_up_on_output() -> None:
    """Point standard output and error away, so that nothing is written once more when Python ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(null, stream.fileno())
        except (OSError, ValueError):
            continue
