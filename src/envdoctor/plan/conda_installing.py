"""A chosen set in the words of conda and pixi: a build of conda-forge, or what may be there and is not known to be.

conda-forge builds torch itself, for other architectures than PyTorch's wheels: only builds that the matrix knows are
weighed. PyTorch's own conda channel has ended and is never named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.matrix.conda import CONDA_FORGE
from envdoctor.model.change import Installs, Into
from envdoctor.model.plan import Applicability, Step
from envdoctor.plan.installers import conda, pixi
from envdoctor.plan.installers.choose import conda_tool, is_of_conda, python_release
from envdoctor.plan.installers.permission import hindrance

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.machine import Machine
    from envdoctor.plan.candidates import Candidate
    from envdoctor.plan.installers.order import Order


class CondaInstalling:
    """Words conda steps for one machine; `installer` is the one that was asked for."""

    def __init__(self, machine: Machine, matrix: Matrix, installer: str | None) -> None:
        self.machine = machine
        self.matrix = matrix
        self.installer = installer

    @property
    def asked_for(self) -> bool:
        """Whether nothing but conda will do: pixi has wheels too."""
        return self.installer in ("conda", "mamba")

    @property
    def tool(self) -> str | None:
        """The program to tell; None where the torch here is of wheels, save that conda was asked for."""
        if self.asked_for:
            return self.installer
        of_wheels = self.machine.torch is not None and not is_of_conda(self.machine)
        if of_wheels or self.installer not in (None, "pixi"):
            return None
        return self.installer or conda_tool(self.machine)

    def steps(self, chosen: Candidate, order: Order) -> tuple[Step, ...]:
        """Return the steps for conda's packages; none where wheels are to be installed."""
        tool = self.tool
        if tool is None or not (chosen.of_conda or self.asked_for):
            return ()
        why, reason, into = self._why(chosen, order), self._obstacle(), Into.PRESENT
        applicability = Applicability.UNSAFE if chosen.of_conda and not reason else Applicability.MANUAL
        if tool == "pixi":
            command = pixi.command(order, chosen.wheel)
            why = f"{why}. But {reason}" if reason else why
        elif reason:
            python = python_release(self.machine, chosen.release, chosen.wheel.platform)
            command, into = conda.new_environment(order, chosen.wheel, python, tool), Into.NEW
            why = f"{why}. But {reason}: make a new environment"
        else:
            command = conda.command(order, chosen.wheel, tool)
        brings = Installs(order.requirements, into, CONDA_FORGE, chosen.wheel.cuda) if chosen.of_conda else None
        return (Step("install-wheels", applicability, f"{why}; {command.note}", command.argv, command.edit, brings),)

    def _why(self, chosen: Candidate, order: Order) -> str:
        version, cuda = chosen.release.version, chosen.wheel.cuda
        what = f"torch {version} for {f'CUDA {cuda}' if cuda else 'the CPU'}"
        partners = " and ".join(name for name in order.packages if name != "torch")
        why = f"puts conda-forge's build of {what} into the environment"
        if partners:
            why += f", with the {partners} that was built for it"
        if not chosen.of_conda:
            why = (
                f"whether conda-forge has {what} is not known to this matrix ({self.matrix.revision}): `conda search "
                "--channel conda-forge pytorch` tells, and wheels by pip are the other way"
            )
        end, torch = self.matrix.conda_channel_end, self.machine.torch
        if end is not None and (torch is None or torch.provenance == "conda-pytorch"):
            why += f"; the {end.channel} channel of conda ended with torch {end.last}"
        return why

    def _obstacle(self) -> str | None:
        """Return why the present environment is not the one to change, None where it is."""
        torch, kind = self.machine.torch, self.machine.told("python.environment")
        if kind is not None and not kind.startswith("conda") and self.tool != "pixi":
            return "this is no environment of conda"
        if torch is not None and torch.provenance != CONDA_FORGE:
            return "the torch here is not conda-forge's, and two builders in one environment break each other"
        return hindrance(self.machine)
