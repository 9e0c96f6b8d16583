"""From a chosen wheel set, or an order of packages, to the steps that put it into this environment.

Which tool is told to depends on how the environment was made; one file of `installers` words it for each of them.
Where this environment must not be changed, the steps make a new one beside it, for a person to type.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.matrix.conda import CONDA_FORGE
from envdoctor.model.change import Installs, Into, Removes
from envdoctor.model.plan import Applicability, Step
from envdoctor.plan.conda_installing import CondaInstalling
from envdoctor.plan.installers import docker, pdm, pip, pixi, poetry, uv_pip, uv_project
from envdoctor.plan.installers.choose import UNDONE_BY, is_of_conda, project_tool, python_release, wheel_tool
from envdoctor.plan.installers.order import Command, Order
from envdoctor.plan.installers.permission import hindrance
from envdoctor.plan.partners import COMPILED_PARTNERS
from envdoctor.plan.wheel_index import exactly, index_url, links_url

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.layout import Layout
    from envdoctor.model.machine import Machine
    from envdoctor.model.plan import Target
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

INSIDE_IMAGES = {
    "windows-x86_64": "linux-x86_64",
    "macos-arm64": "linux-aarch64",
    "macos-x86_64": "linux-x86_64",
}
"""The platform of the wheels in a container image, where it is not that of the machine."""

WHEELS = {"pip": pip, "uv": uv_pip}

NEW_FOLDER = ".venv-torch"
"""Where advice puts a new virtual environment: a name that no tool takes for its own."""

NO_FOLDER = (
    "poetry takes packages from no folder of links, so its next install or sync undoes this, unless pyproject.toml "
    "names the wheel itself: torch = { url = ... }"
)

IN_A_CONTAINER = "In a container this is gone with the container: put the same command into its Dockerfile"


class Installing:
    """Words steps for one machine.

    `live` when commands are for this very machine, so that they name its interpreter by path. `base` is the root of
    the wheel index and `layout` how it is laid out, `installer` a name or None for the one the environment has.
    """

    def __init__(
        self,
        machine: Machine,
        matrix: Matrix,
        *,
        live: bool,
        base: str,
        installer: str | None,
        layout: Layout = "projects",
    ) -> None:
        self.machine = machine
        self.matrix = matrix
        self.live = live
        self.base = base
        self.layout = layout
        self.installer = installer
        self._conda = CondaInstalling(machine, matrix, installer)

    @property
    def by_conda(self) -> bool:
        """Whether a build of conda-forge is what this environment takes first."""
        return self._conda.tool is not None

    @property
    def by_conda_alone(self) -> bool:
        """Whether nothing but conda was asked for."""
        return self._conda.asked_for

    def target(self, chosen: Candidate) -> Target:
        """Return a candidate as a plan's target."""
        if self.installer == "docker":
            return self._in_image(chosen).target(self.base)
        target = chosen.target(self.base)
        if self._conda.asked_for and not chosen.of_conda:  # what is told to conda comes from there, if it is there
            return replace(target, torchvision=None, torchaudio=None, channel=CONDA_FORGE, index_url=None)
        return target

    def install(self, chosen: Candidate) -> tuple[Step, ...]:
        """Return the steps that install a candidate and those of its partners that the environment holds."""
        if self.installer == "docker":
            chosen = self._in_image(chosen)
            return (self._image(chosen, self._order_of(chosen)),)
        order = self._order_of(chosen)
        return self._conda.steps(chosen, order) or self._wheels(chosen, order)

    def beside(self, chosen: Candidate) -> tuple[Step, ...]:
        """Return the steps that install a candidate's wheels into a new virtual environment, whatever was asked for."""
        return self._beside(self._order_of(chosen), f"puts torch {chosen.version} and its partners there, as wheels")

    def _order_of(self, chosen: Candidate) -> Order:
        channel, platform = chosen.wheel.channel, chosen.wheel.platform
        if chosen.of_conda:
            return self.order((exactly("torch", chosen.release.version, channel, platform), *self.partners), None)
        packages = (("torch", chosen.release.version), *chosen.partners)
        requirements = tuple(exactly(name, version, channel, platform) for name, version in packages if version)
        return self.order(requirements, index_url(self.base, channel, platform))

    def _wheels(self, chosen: Candidate, order: Order) -> tuple[Step, ...]:
        torch = self.machine.torch
        owner = OTHER_OWNERS.get(torch.provenance, "conda" if is_of_conda(self.machine) else None) if torch else None
        if owner:
            why = (
                f"the torch here comes from {owner}: replace it from there, or install this into a new virtual "
                "environment; two owners in one environment break each other"
            )
            return self._beside(order, why)
        why = f"puts torch {chosen.version} and its partners into the environment"
        # Without a local version any build of the release would do, so what is there has to be put there again.
        namesake = order.has_namesake and not self._by_project(order)
        if namesake or (torch is not None and torch.release == chosen.version):
            return self._put_again(order, why)
        return self.put(order, why)

    def put(self, order: Order, why: str) -> tuple[Step, ...]:
        """Return the steps for packages that the project, where the environment has one, is to name from now on."""
        reason = hindrance(self.machine)
        if reason:
            return self._beside(order, f"{why}. But {reason}: install it into a new virtual environment")
        commands = () if order.again else self._by_project(order)
        if not commands and order.find_links and self.by_project == "poetry":
            why = f"{why}. {NO_FOLDER}"
        if commands:
            whys = (f"{why}; {command.note}" if command.installs else command.note for command in commands)
            return tuple(self._step(command, said, order) for command, said in zip(commands, whys, strict=True))
        step = self.mend(order, f"{why}; other packages stay")
        return (replace(step, why=f"{step.why}. {IN_A_CONTAINER}") if self._in_container else step,)

    def _put_again(self, order: Order, why: str) -> tuple[Step, ...]:
        """Return the steps that reinstall what is there and, where a partner is to be new, add what it requires."""
        there = tuple(
            requirement
            for name, requirement in zip(order.packages, order.requirements, strict=True)
            if order.has_namesake or self.machine.is_known(f"{name}.version")
        )
        again = self.put(replace(order, requirements=there, again=True), why)
        complete = there == order.requirements and not order.has_namesake
        if complete or hindrance(self.machine):
            return again
        return (*again, self.mend(order, "adds what was not there, with all that it requires"))

    def mend(self, order: Order, why: str) -> Step:
        """Return the step that puts again what the environment should hold already: no project has to hear of it."""
        (command,) = WHEELS[wheel_tool(self.machine, self.installer, live=self.live)].commands(order)
        reason = hindrance(self.machine)
        if reason:
            why = f"{why}. But {reason}: better make a new virtual environment than mend this one"
            return self._step(command, why, order, Applicability.MANUAL)
        undone = UNDONE_BY.get(self.machine.told("python.manager") or "")
        return self._step(command, f"{why}. But {undone}" if undone else why, order)

    def remove(self, packages: tuple[str, ...], why: str) -> Step:
        """Return the step that uninstalls packages."""
        argv = WHEELS[wheel_tool(self.machine, self.installer, live=self.live)].removal(self.python, packages)
        applicability = Applicability.MANUAL if hindrance(self.machine) else Applicability.UNSAFE
        return Step("uninstall-package", applicability, why, argv, change=Removes(packages))

    def order(
        self, requirements: tuple[str, ...], index_url: str | None, *, again: bool = False, compiled: bool = False
    ) -> Order:
        """Return an order for this environment; `Order` tells what its parts mean."""
        project, prefix = self._place("python.project"), self._place("python.prefix")
        links = links_url(self.base, index_url, self.layout) if index_url else None
        return Order(self.python, requirements, index_url, again, project, prefix, compiled, links)

    @property
    def by_project(self) -> str | None:
        """The tool whose project names the packages of this environment, None where none does."""
        return project_tool(self.machine)

    @property
    def python(self) -> str:
        """The interpreter to install for: its path on a live machine, `python` on a saved or described one."""
        return self._place("python.executable") or "python"

    @property
    def partners(self) -> tuple[str, ...]:
        """The partners that belong into the command."""
        return tuple(name for name in COMPILED_PARTNERS if self._wants(name))

    def _place(self, fact: str) -> str | None:
        """Return a path of this machine; those of a saved one mean nothing where its commands are typed."""
        return self.machine.told(fact) if self.live else None

    @property
    def _in_container(self) -> bool:
        return self.machine.told("host.kind") == "container"

    def _by_project(self, order: Order) -> tuple[Command, ...]:
        """Return the commands of the tool that keeps the environment's packages in a file; none where none does."""
        kept_by = "pixi" if self.machine.told("python.manager") == "pixi" else project_tool(self.machine)
        tool = self.installer or kept_by
        if tool == "uv":  # asked for where uv keeps no project, it is a pip
            return uv_project.commands(order) if kept_by == "uv" else ()
        if tool == "poetry":
            return poetry.commands(order)
        if tool == "pdm":
            return pdm.commands(order)
        return pixi.of_wheels(order) if tool == "pixi" else ()

    def _beside(self, order: Order, why: str) -> tuple[Step, ...]:
        """Return the steps for a new virtual environment, which are a person's to type."""
        tool = WHEELS[wheel_tool(self.machine, self.installer, live=self.live)]
        windows = self.machine.platform.startswith("windows")
        python = rf"{NEW_FOLDER}\Scripts\python.exe" if windows else f"{NEW_FOLDER}/bin/python"
        made = tool.new_environment(order.python, NEW_FOLDER)
        commands = [tool.commands(one)[0] for one in replace(order, python=python, again=False).in_turn]
        return (
            Step(
                "create-environment",
                Applicability.MANUAL,
                f"makes a new virtual environment in {NEW_FOLDER}; this one stays as it is",
                made.argv,
                change=Installs((), Into.NEW),
            ),
            *(
                Step(
                    "install-wheels",
                    Applicability.MANUAL,
                    why,
                    command.argv,
                    change=Installs(order.requirements, Into.NEW, order.channel),
                )
                for command in commands
            ),
        )

    def _in_image(self, chosen: Candidate) -> Candidate:
        """Return a candidate as an image has it, which is Linux on Windows and macOS too, and without a Mac's GPU."""
        inside = INSIDE_IMAGES.get(chosen.wheel.platform)
        wheel = self.matrix.wheel(chosen.release.version, chosen.wheel.channel, inside) if inside else None
        return chosen._replace(wheel=wheel) if wheel else chosen

    def _image(self, chosen: Candidate, order: Order) -> Step:
        """Return the step for a container image: one with this torch in it, or the lines that build one."""
        wheel, torch = chosen.wheel, chosen.version
        plain = replace(order, python="python", again=False)
        image = (
            self.matrix.image_for(chosen.release.version, wheel.channel) if wheel.platform == "linux-x86_64" else None
        )
        if image is None:
            command = docker.from_python(plain, python_release(self.machine, chosen.release, wheel.platform))
            why = f"no image of PyTorch's own with torch {torch} is known to this matrix ({self.matrix.revision})"
        else:
            command = docker.from_tag(image.tag)
            why = f"this image of PyTorch's own holds torch {torch}"
            if image.certainty == "inferred":
                why += ", by the pattern of its tags: whether it was published is not known"
        change = Installs(order.requirements, Into.IMAGE, order.channel)
        return Step("rebuild-image", Applicability.MANUAL, f"{why}; {command.note}", command.argv, command.edit, change)

    def _step(
        self, command: Command, why: str, order: Order, applicability: Applicability = Applicability.UNSAFE
    ) -> Step:
        kind = "install-wheels" if command.installs else "name-index"
        change = Installs(())
        if command.installs:
            change = Installs(order.requirements, channel=order.channel, again=order.again, compiled=order.compiled)
        return Step(kind, applicability, why, command.argv, command.edit, change)

    def _wants(self, partner: str) -> bool:
        """Whether a partner belongs into the command: it is installed, was wished for, or nothing is there yet."""
        if partner in self.machine.wishes.partners:
            return True
        name = f"{partner}.version"
        if self.machine.is_known(name):
            return True
        return partner == "torchvision" and self.machine.torch is None and not self.machine.wishes.partners
