"""The compatibility matrix was more than 90 days old when the machine was looked at.

## What it means
Everything envdoctor knows of releases, wheels, drivers and GPUs stands in one dated file. What was published after
that date is unknown to it: it is never called wrong, and it is never offered either. The verdict about older
releases stands; the advice may not be the newest.

## Why it happens
torch has several releases a year, and now and then wheels for a new CUDA with one. envdoctor fetches nothing by itself,
so its matrix is as old as the envdoctor that is installed, or as the file given with `--matrix`.

## How to be sure
`envdoctor check --format json` holds the date under `matrix.revision` and the newest release under
`matrix.newest_torch`. Compare that with the releases on https://github.com/pytorch/pytorch/releases.

## How to fix
Update the checkout that envdoctor was installed from (`git pull`) and install it again, or name a newer matrix:
`envdoctor check --matrix compat_matrix.toml`. A saved machine can be judged again by the newer one:
`envdoctor check --snapshot machine.json --matrix compat_matrix.toml`.

## Sources
`revision` of `compat_matrix.toml`, the day on which its rows were last compared with what is published;
docs/adr/0004-the-matrix.md says what a missing row means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.age import MOST_DAYS, days_between
from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.rule import Example, Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:
    """Compare the day of the look with that of the matrix; no clock is read."""
    machine.value("torch.version")
    age = days_between(matrix.revision, machine.snapshot.taken)
    if age is None or age <= MOST_DAYS:
        return
    yield RULE.finding(
        machine,
        "matrix",
        f"The compatibility matrix is of {matrix.revision}, {age} days older than this look at the machine. "
        f"It knows torch up to {matrix.newest_torch}, and nothing that was published later.",
        "torch.version",
        confidence=Confidence.PROVED,
    )


RULE = Rule(
    judge,
    stage=Stage.SETTING,
    needs=("torch.version",),
    fires=(
        Example("a look a year later", {"taken": "2027-12-01T00:00:00Z"}, severity=Severity.NOTE, says="torch up to"),
    ),
    quiet=(
        Example("the 90th day after the matrix", {"taken": "2027-02-19T23:59:59Z"}),
        Example("a machine that was looked at before the matrix was made", {"taken": "2025-01-01T00:00:00Z"}),
        Example("a machine that was described", {"taken": "never"}),
    ),
)
