"""The gate's judgement: made once, told in a line, and, where it fails, the end of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

from envdoctor import api
from envdoctor.model.bug import place
from envdoctor.model.finding import Severity
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from envdoctor.api import Report

UNDIAGNOSED = 3
"""pytest's code for an internal error, and envdoctor's for "could not diagnose"."""


def judged(config: pytest.Config) -> Report:
    """Judge the interpreter that runs the tests as `envdoctor check` would from the rootdir.

    Raises `pytest.UsageError` for what cannot be used, and ends the session where envdoctor itself fails.
    """
    options = config.option
    try:
        return api.check(
            policy=options.envdoctor_policy,
            profile=options.envdoctor_profile or config.getini("envdoctor_profile") or None,
            fail_on=options.envdoctor_fail_on,
            strict=options.envdoctor_strict,
            folder=config.rootpath,
        )
    except api.UnusableInput as problem:
        raise pytest.UsageError(f"envdoctor: {problem}") from None
    except api.Undiagnosed as problem:
        pytest.exit(f"envdoctor: {problem}", returncode=UNDIAGNOSED)
    # The last resort, as on the command line: our bug is said in one line, with the code for it.
    except Exception as bug:
        said = f"{type(bug).__name__}: {safe(str(bug))} ({place(bug)})"
        pytest.exit(f"a bug in envdoctor, nothing was diagnosed: {said}", returncode=UNDIAGNOSED)


def header(report: Report) -> str:
    """Return "envdoctor: healthy, torch 2.9.1+cu128, 1 GPU"; rules stand there too where they found something."""
    known = report.snapshot.known
    torch, gpus = known("torch.version"), known("gpu.visible")
    serious = [one.rule for one in report.diagnosis.findings if one.severity > Severity.NOTE]
    parts = [
        report.diagnosis.verdict.value + (f" ({', '.join(dict.fromkeys(serious))})" if serious else ""),
        f"torch {torch}" if isinstance(torch, str) else "no torch",
        *([f"{len(gpus)} GPU{'s' if len(gpus) != 1 else ''}"] if isinstance(gpus, list) and gpus else []),
    ]
    return safe(f"envdoctor: {', '.join(parts)}")


def end(report: Report, config: pytest.Config) -> NoReturn:
    """Print the report as `envdoctor check` does and end the session with its exit code."""
    from envdoctor.reporters.terminal import render

    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        width, colour = min(terminal._tw.fullwidth, 100), terminal.hasmarkup
        terminal.section("envdoctor")
        terminal.write(render(report, width=width, colour=colour))
    reason = f"envdoctor: {report.diagnosis.verdict.value}, no test was run"
    pytest.exit(reason, returncode=report.exit_code)
