"""From a chosen wheel set, or an order of packages, to the steps that put it into this environment.

Which tool is told to depends on how the environment was made; one file of `installers` words it for each of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.model.plan import Applicability, Step
from envdoctor.plan.installers import pip, uv
from envdoctor.plan.installers.order import Order
from envdoctor.plan.partners import COMPILED_PARTNERS, partner_version

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine
    from envdoctor.plan.candidates import Candidate

OTHER_OWNERS = {
    "conda-forge": "conda-forge",
    "conda-pytorch": "the pytorch channel of conda",
    "ngc": "NVIDIA's container image",
    "jetson": "NVIDIA's Jetson builds",
    "distro": "the distribution's packages",
    "source": "a build from source",
}
"""Provenances whose torch pip must not overwrite, in words."""


class Installing:
    """Words steps for one machine.

    `live` when commands are for this very machine, so that they name its interpreter by path. `base` is the root of
    the wheel index, `installer` a name or None for the one the environment has.
    """

    def __init__(self, machine: Machine, matrix: Matrix, *, live: bool, base: str, installer: str | None) -> None:
        self.machine = machine
        self.matrix = matrix
        self.live = live
        self.base = base
        self.installer = installer

    def install(self, chosen: Candidate) -> tuple[Step, ...]:
        """Return the steps that install a candidate and those of its partners that the environment holds."""
        release = chosen.release
        versions = {name: partner_version(self.matrix, name, release, chosen.wheel) for name in self.partners}
        local = chosen.version.removeprefix(release.version)
        requirements = [f"torch=={chosen.version}"]
        requirements += [f"{name}=={version}{local}" for name, version in versions.items() if version]
        url = chosen.target(self.base).index_url
        torch = self.machine.torch
        if torch is not None and torch.provenance in OTHER_OWNERS:
            why = (
                f"the torch here comes from {OTHER_OWNERS[torch.provenance]}: replace it from there, or make a new "
                "virtual environment and install this into it; two owners in one environment break each other"
            )
            order = Order("python", tuple(requirements), url)
            return (Step("install-wheels", Applicability.MANUAL, why, pip.argv(order)),)
        order = Order(self.python, tuple(requirements), url)
        why = f"puts torch {chosen.version} and its partners into the environment; other packages stay"
        return (self.step(order, why),)

    def step(self, order: Order, why: str) -> Step:
        """Return an order as a step; where the distribution forbids pip to change the environment, by hand."""
        managed = self.machine.is_known("python.externally_managed")
        if managed and self.machine.value("python.externally_managed") is True:
            why = f"{why}. This Python belongs to the operating system (PEP 668): run it in a new virtual environment"
            return Step("install-wheels", Applicability.MANUAL, why, self.argv(replace(order, python="python")))
        return Step("install-wheels", Applicability.UNSAFE, why, self.argv(order))

    def argv(self, order: Order) -> tuple[str, ...]:
        """Write an order in the words of the environment's installer."""
        installer = self.installer
        if installer is None:
            has_pip = self.machine.is_known("python.has_pip") and self.machine.value("python.has_pip")
            installer = "pip" if has_pip or not self.live else "uv"
        return uv.argv(order) if installer == "uv" else pip.argv(order)

    @property
    def python(self) -> str:
        """The interpreter to install for: its path on a live machine, `python` on a saved or described one."""
        if not self.live or not self.machine.is_known("python.executable"):
            return "python"
        return self.machine.text("python.executable") or "python"

    @property
    def partners(self) -> tuple[str, ...]:
        """The partners that belong into the command."""
        return tuple(name for name in COMPILED_PARTNERS if self._wants(name))

    def _wants(self, partner: str) -> bool:
        """Whether a partner belongs into the command: it is installed, was wished for, or nothing is there yet."""
        if partner in self.machine.wishes.partners:
            return True
        name = f"{partner}.version"
        if self.machine.is_known(name):
            return True
        return partner == "torchvision" and self.machine.torch is None and not self.machine.wishes.partners
