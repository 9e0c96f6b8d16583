"""From a machine to the torch set that serves it, and the other ways out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.matrix.serving import capability_of, need_of
from envdoctor.matrix.versions import parts
from envdoctor.model.plan import Applicability, Plan, Status, Step
from envdoctor.plan import driver_advice
from envdoctor.plan.candidates import Candidate, best, candidates
from envdoctor.plan.installers import pip, uv
from envdoctor.plan.installers.order import Order
from envdoctor.plan.partners import COMPILED_PARTNERS, partner_version
from envdoctor.plan.wheel_index import BASE

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.serving import Need
    from envdoctor.model.machine import Gpu, Machine


OTHER_OWNERS = {
    "conda-forge": "conda-forge",
    "conda-pytorch": "the pytorch channel of conda",
    "ngc": "NVIDIA's container image",
    "jetson": "NVIDIA's Jetson builds",
    "distro": "the distribution's packages",
    "source": "a build from source",
}
"""Provenances whose torch pip must not overwrite, in words."""


class Solver:
    """Answers for one machine.

    `live` when commands are for this very machine, so that they name its interpreter by path. `base` is the root
    of the wheel index, `installer` a name or None for the one the environment has.
    """

    def __init__(
        self, machine: Machine, matrix: Matrix, *, live: bool = False, base: str = BASE, installer: str | None = None
    ) -> None:
        self.machine = machine
        self.live = live
        self.matrix = matrix
        self.base = base
        self.installer = installer

    def wheel_set(self) -> Plan:
        """Find the set that serves every visible GPU, or say that none does and what would help.

        Raises `Undecidable` where the machine does not tell what the choice hangs on.
        """
        need = need_of(self.machine, self.matrix)
        installed = self._installed_release()
        found = candidates(self.matrix, need, self.machine.wishes, self.partners)
        chosen = best(found, installed, need)
        upgrades = driver_advice.upgrades(self.matrix, need, installed, self.machine, self.partners)
        if chosen is None:
            alternatives = [self._behind_upgrade(upgrade) for upgrade in upgrades] + self._better_gpus()
            return Plan(Status.IMPOSSIBLE, alternatives=tuple(alternatives), because=self._why_none(found, need))
        others = [self._behind_upgrade(upgrade) for upgrade in upgrades]
        others += self._newest(found, chosen, need)
        return Plan(
            Status.SOLVED,
            chosen.target(self.base),
            (self.install(chosen),),
            tuple(others),
            self._because(chosen, found, need, installed),
        )

    def install(self, chosen: Candidate) -> Step:
        """Return the step that installs a candidate and those of its partners that the environment holds."""
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
            return Step("install-wheels", Applicability.MANUAL, why, pip.argv(order))
        order = Order(self.python, tuple(requirements), url)
        why = f"puts torch {chosen.version} and its partners into the environment; other packages stay"
        return self.step(order, why)

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

    def _installed_release(self) -> str | None:
        torch = self.machine.torch
        return torch.release if torch else None

    def _wants(self, partner: str) -> bool:
        """Whether a partner belongs into the command: it is installed, was wished for, or nothing is there yet."""
        if partner in self.machine.wishes.partners:
            return True
        name = f"{partner}.version"
        if self.machine.is_known(name):
            return True
        return partner == "torchvision" and self.machine.torch is None and not self.machine.wishes.partners

    def _newest(self, found: list[Candidate], chosen: Candidate, need: Need) -> list[Plan]:
        """Return the newest proven set as a way out, where the chosen one keeps an older release."""
        newest = best(found, None, need)
        if newest is None or newest.release.version == chosen.release.version:
            return []
        why = (
            f"torch {newest.version} is the newest that this machine runs; {chosen.version} keeps the installed release"
        )
        return [Plan(Status.SOLVED, newest.target(self.base), (self.install(newest),), because=(why,))]

    def _behind_upgrade(self, upgrade: driver_advice.Upgrade) -> Plan:
        """Return what a newer driver opens."""
        steps = [driver_advice.step(upgrade, self.machine)]
        opened = upgrade.opens
        if opened is None:
            return Plan(Status.SOLVED, None, tuple(steps), because=(upgrade.gain,))
        if opened.release.version != self._installed_release() or opened.wheel.channel != self._channel():
            steps.append(self.install(opened))
        return Plan(Status.SOLVED, opened.target(self.base), tuple(steps), because=(upgrade.gain,))

    def _channel(self) -> str | None:
        torch = self.machine.torch
        return torch.channel if torch else None

    def _better_gpus(self) -> list[Plan]:
        """Return the wheel for the better GPUs of a mixed machine, with the setting that hides the others."""
        gpus = self.machine.visible_gpus
        kinds = sorted({capability_of(gpu, self.matrix) for gpu in gpus}, reverse=True)
        for lowest in reversed(kinds[:-1]):
            kept = tuple(gpu for gpu in gpus if capability_of(gpu, self.matrix) >= lowest)
            need = need_of(self.machine, self.matrix, kept)
            chosen = best(
                candidates(self.matrix, need, self.machine.wishes, self.partners), self._installed_release(), need
            )
            if chosen:
                hide = Step(
                    "set-env",
                    Applicability.SAFE,
                    "hides the GPUs that no wheel serves together with the others",
                    ("export", f"CUDA_VISIBLE_DEVICES={self._listed(kept)}"),
                )
                same = chosen.release.version == self._installed_release() and chosen.wheel.channel == self._channel()
                steps = (hide,) if same else (hide, self.install(chosen))
                why = f"serves {', '.join(gpu.label for gpu in kept)} alone"
                return [Plan(Status.SOLVED, chosen.target(self.base), steps, because=(why,))]
        return []

    def _listed(self, gpus: tuple[Gpu, ...]) -> str:
        """Name GPUs for CUDA_VISIBLE_DEVICES: by UUID where known, since CUDA's own order is not the driver's."""
        names = []
        for gpu in gpus:
            name = f"gpu.{gpu.index}.uuid"
            uuid = self.machine.text(name) if self.machine.is_known(name) else None
            names.append(uuid if uuid and self.live else str(gpu.index))
        return ",".join(names)

    def _because(self, chosen: Candidate, found: list[Candidate], need: Need, installed: str | None) -> tuple[str, ...]:
        """State the constraints that decided: why this channel, and why not the present or a newer release."""
        said = []
        wheel = chosen.wheel
        if not need.cuda:
            if not self.machine.platform.startswith("macos"):  # there is one build for Macs, and no NVIDIA GPU
                said.append("no NVIDIA GPU is visible, so the CPU build")
        elif wheel.cuda and not need.driver:
            floor = self.matrix.driver_floor(wheel.cuda, need.driver_os)
            said.append(f"CUDA {wheel.cuda} needs driver {floor} or newer; the driver is not known here")
        if wheel.cuda and need.driver:
            floor = self.matrix.driver_floor(wheel.cuda, need.driver_os)
            said.append(f"driver {need.driver} runs CUDA {wheel.cuda} (lowest: {floor})")
        said += [
            f"torch {chosen.version} holds kernels for compute capability {major}.{minor}"
            for major, minor in need.capabilities
        ]
        channel = self._channel()
        present = [one for one in found if one.release.version == installed and one.wheel.channel == channel]
        newer = [one for one in found if parts(one.release.version) > parts(chosen.release.version) and one.obstacle]
        # The present build and the newest one that drops out: what a user would ask about.
        said += [f"no {name} was released for torch {chosen.version}" for name in chosen.lacking]
        said += dict.fromkeys(one.obstacle.text for one in (*present, *newer[-1:]) if one.obstacle)
        source = self.matrix.source(wheel.source)
        said.append(f"what {chosen.version} holds is {wheel.certainty}: {source.text} ({source.date})")
        return tuple(said)

    def _why_none(self, found: list[Candidate], need: Need) -> tuple[str, ...]:
        """Name each constraint that drops candidates once, by the newest of them, the one that drops most first."""
        texts: dict[str, str] = {}
        counted: dict[str, int] = {}
        for candidate in reversed(found):
            if candidate.obstacle:
                constraint, text = candidate.obstacle
                texts.setdefault(constraint, text)
                counted[constraint] = counted.get(constraint, 0) + 1
        order = sorted(texts, key=lambda constraint: -counted[constraint])
        if not found and self.machine.wishes.torch:
            return (f"the matrix knows no torch {self.machine.wishes.torch} for {need.platform}",)
        kind = "CUDA" if need.cuda else "CPU"
        nothing = f"the matrix knows no {kind} build of torch for {need.platform}"
        return tuple(texts[constraint] for constraint in order) or (nothing,)
