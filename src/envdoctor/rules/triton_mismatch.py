"""The installed triton is not the one this torch was built with.

## What it means
torch pins one triton release. With another, `torch.compile` fails or generates wrong launches; the rest of torch
works. "ModuleNotFoundError: No module named 'triton.common'" is torch 2.3 beside triton 3. Another patch of the same
release (3.5.0 and 3.5.1) is a note: torch asks triton for the same things, and from 2.14 on pins the release alone.

## Why it happens
Another package asked for a newer triton, or torch was changed with `--no-deps`.

## How to be sure
`pip check` prints the requirement that is not met.

## How to fix
Install the triton that torch asks for, with its version from `pip check`: `python -m pip install "triton==3.5.1"` for
torch 2.9.1. `envdoctor plan` names the command. Another package that pins its own triton needs a torch of its own.

## In a file
A pin on triton that contradicts the pin of the torch beside it, for a CUDA build on Linux. An installer refuses the
two.

## Sources
Requires-Dist in the METADATA of the installed torch. It pins triton on Linux; on Windows, where torch asks for none
and triton comes from others, another major alone is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence, Severity
from envdoctor.rules.requirement import bounds_of, named, satisfied
from envdoctor.rules.rule import ON_WINDOWS, Example, Rule, Stage
from envdoctor.rules.smoke_examples import failed, smoked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Compare the installed triton with the pin in torch's own metadata."""
    triton = machine.text("triton.version")
    torch = machine.torch
    if triton is None or torch is None:
        return
    for line in named("triton", machine.items("torch.requires")):
        if machine.text("host.os") == "windows" and _other_major(line, triton):
            yield RULE.finding(
                machine,
                "triton",
                f"torch {torch.text} was made for triton {bounds_of(line).lstrip('=~')}, and triton {triton} is "
                "installed: its modules lie elsewhere, and torch.compile does not find them.",
                "triton.version", "torch.requires", "torch.version",
                when="another release",
            )  # fmt: skip
            return
        if satisfied(line, triton, machine) is False:
            wanted = line.partition(";")[0].strip()
            patch = _other_patch(line, triton)
            told = "another patch of the same release" if patch else "torch.compile relies on that very release"
            yield RULE.finding(
                machine,
                "triton",
                f"torch {torch.text} requires {wanted}, and triton {triton} is installed; {told}.",
                "triton.version", "torch.requires", "torch.version",
                when="another patch of that release" if patch else "another release",
                confidence=Confidence.PROVED,
            )  # fmt: skip
            return


def _other_patch(line: str, triton: str) -> bool:
    """Whether triton is of the release that is pinned, save the last number."""
    wanted = re.match(r"[=~]=(\d+\.\d+)(?![\d*])[\w.+]*$", bounds_of(line))
    return wanted is not None and triton.startswith(f"{wanted[1]}.")


def _other_major(line: str, triton: str) -> bool:
    """Whether triton is of another major than the pin; torch has none for Windows, where builds of others serve."""
    wanted = re.match(r"[=~]=(\d+)\.", bounds_of(line))
    return wanted is not None and re.match(rf"{wanted[1]}\.", triton) is None


PINNED: dict[str, Value] = {"torch.requires": ['triton==3.5.1; platform_system == "Linux"']}

RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=("triton.version", "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance",
           "torch.requires", "python.version", "host.os", "host.platform"),
    fires=(
        Example(
            "triton 3.1.0 where 3.5.1 is pinned",
            {**PINNED, "triton.version": "3.1.0"},
            severity=Severity.ERROR,
            says="3.5.1",
        ),
        Example(
            "the patch before it", {**PINNED, "triton.version": "3.5.0"}, severity=Severity.NOTE, says="same release"
        ),
        Example(
            "triton 3 for Windows beside a torch made for triton 2",
            {
                **ON_WINDOWS,
                "torch": "2.3.1+cu121",
                "torch.requires": ['triton ==2.3.1 ; platform_system == "Linux" and platform_machine == "x86_64"'],
                "triton.version": "3.1.0",
            },
            says="made for triton 2.3.1",
        ),
        Example(
            "torch.compile was tried",
            {
                **PINNED, "triton.version": "3.5.0",
                **smoked(failed("compile", "No module named 'triton.common'", exception="ModuleNotFoundError")),
            },
            says="triton.common",
        ),
    ),
    quiet=(
        Example("the pinned triton", {**PINNED, "triton.version": "3.5.1"}),
        Example("a compatible release", {"torch.requires": ["triton~=3.8.0"], "triton.version": "3.8.4"}),
        Example(
            "a pin for another Python",
            {"torch.requires": ['triton~=3.8.0; python_version < "3.10"'], "triton.version": "3.1.0"},
        ),
        Example(
            "a triton for Windows of the same major",
            {
                **ON_WINDOWS,
                "torch": "2.4.1+cu124",
                "torch.requires": ['triton==3.0.0; platform_system == "Linux" and platform_machine == "x86_64"'],
                "triton.version": "3.1.0",
            },
        ),
        Example("a torch that pins none", {"triton.version": "3.1.0"}),
    ),
)  # fmt: skip
