"""Code beside a pin uses a name that the pinned release no longer has, or warns of.

## What it means
A file pins a release of torch, torchvision, torchaudio or albumentations, and code in the same file, of an article, a
notebook, a script or a Dockerfile, uses a name that this release took out, or announced to take out. Installing works;
the code stops at an ImportError, an AttributeError or a TypeError, or prints a warning. A note, since no package and no
driver is wrong by it.

## Why it happens
Examples are copied from texts that were written for an older release, and the pin is newer than the example.

## How to be sure
Import the name with the pinned release: `python -c "import torchaudio; torchaudio.info"`.

## How to fix
Take the name that came in its place, as the message says, or pin the last release that has the old one.

## Sources
The wheels of the releases before and after each removal, and the warnings in the newest; each message names its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.rule import Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Yield nothing: a machine shows no code; files are judged in `rules/declared`."""
    return iter(())


RULE = Rule(judge, stage=Stage.PACKAGES, needs=(), fires=(), quiet=())
