"""The examined environment holds no torch.

## What it means
`import torch` fails with "ModuleNotFoundError: No module named 'torch'" in this environment. That is a defect only
where torch is wanted, so it is a note unless a torch was asked for.

## Why it happens
Often another interpreter is meant: the one of a virtual environment that is not active, or of conda, or of the kernel
that a notebook runs. `pip install` may have put torch into another one than `python` is: `python -m pip` cannot.

## How to be sure
The head of the report names the interpreter and why it was chosen; `python -c "import sys; print(sys.executable)"`, in
the notebook too, names the one that runs. `--python PATH` examines another one.

## How to fix
`envdoctor plan` names the command that installs the right build for this machine.

## Sources
The dist-info folders on the interpreter's path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.model.smoke import IMPORT
from envdoctor.rules.rule import Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Say that there is no torch."""
    if machine.text("torch.version") is not None:
        return
    wanted = machine.wishes.torch or machine.wishes.needs_torch
    yield RULE.finding(
        machine,
        "torch",
        f"torch is not installed in the environment of {machine.text('python.executable') or 'this Python'}.",
        "torch.version", "python.executable",
        when="torch was asked for" if wanted else "where nobody asked for torch",
        confidence=Confidence.PROVED,
    )  # fmt: skip


RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=("torch.version", "python.executable"),
    fires=(
        Example("an environment without torch", {"torch": None}, severity=Severity.NOTE, says="not installed"),
        Example("where torch was asked for", {"torch": None}, wish_torch="==2.9.1", says="not installed"),
        Example(
            "kernels were to be run",
            {
                "torch": None,
                **smoked(failed(IMPORT, "No module named 'torch'", "cpu", exception="ModuleNotFoundError")),
            },
            says="failed with",
        ),
    ),
    quiet=(Example("an environment with torch", {}),),
)
