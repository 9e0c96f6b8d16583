"""The rules in groups a reader can find his way in: by where on the way from hardware to kernel a defect lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.rule import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.rules.rule import Rule

TITLES = {
    Stage.REACH: "The driver and the devices cannot be reached",
    Stage.SUPPORT: "The driver does not support the GPU",
    Stage.KERNELS: "The build of torch has no kernels for the machine",
    Stage.RUNTIME: "The driver does not run the CUDA of the build",
    Stage.PACKAGES: "Packages do not fit one another",
    Stage.LIBRARIES: "A library is missing, or the wrong one is taken",
    Stage.SETTING: "A setting or a limit stands in the way",
    Stage.RUN: "Kernels ran, and not as they should",
}


def grouped(rules: Iterable[Rule]) -> list[tuple[str, list[Rule]]]:
    """Return title and rules of every group that has some, in the order of the stages and then of the names."""
    known = sorted(rules, key=lambda rule: rule.name)
    groups = [(title, [rule for rule in known if rule.stage is stage]) for stage, title in TITLES.items()]
    return [(title, members) for title, members in groups if members]
