"""The installed triton is not the one this torch was built with.

## What it means
torch pins one triton release. With another, `torch.compile` fails or generates wrong launches; the rest of
torch works.

## Why it happens
Another package asked for a newer triton, or torch was changed with `--no-deps`.

## How to be sure
`pip check` prints the requirement that is not met.

## How to fix
Install the triton that torch asks for; `envdoctor plan` names the command.

## Sources
Requires-Dist in the METADATA of the installed torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Confidence
from envdoctor.rules.requirement import named, satisfied
from envdoctor.rules.rule import Example, Rule, Stage

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
        if satisfied(line, triton, machine) is False:
            wanted = line.partition(";")[0].strip()
            yield RULE.finding(
                machine,
                "triton",
                f"torch {torch.text} requires {wanted}, and triton {triton} is installed; torch.compile relies on "
                "that very release.",
                "triton.version", "torch.requires", "torch.version",
                confidence=Confidence.PROVED,
            )  # fmt: skip
            return


PINNED: dict[str, Value] = {"torch.requires": ['triton==3.5.1; platform_system == "Linux"']}

RULE = Rule(
    judge,
    stage=Stage.PACKAGES,
    needs=("triton.version", "torch.version", "torch.cuda", "torch.hip", "torch.channel", "torch.provenance",
           "torch.requires", "python.version", "host.os", "host.platform"),
    fires=(Example("triton 3.1.0 where 3.5.1 is pinned", {**PINNED, "triton.version": "3.1.0"}, says="3.5.1"),),
    quiet=(
        Example("the pinned triton", {**PINNED, "triton.version": "3.5.1"}),
        Example("a compatible release", {"torch.requires": ["triton~=3.8.0"], "triton.version": "3.8.4"}),
        Example(
            "a pin for another Python",
            {"torch.requires": ['triton~=3.8.0; python_version < "3.10"'], "triton.version": "3.1.0"},
        ),
        Example("a torch that pins none", {"triton.version": "3.1.0"}),
    ),
)  # fmt: skip
