"""The machine that `lint --target` judges files against: a saved one, or one described by the options of `plan`."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.diagnose.declared_builds import Build
from envdoctor.model.change import Installs, Into
from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.model.machine import Machine, Undecidable, Wishes
from envdoctor.model.plan import Applicability, Plan, Status, Step

if TYPE_CHECKING:
    from envdoctor.commands.describe import Description
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.snapshot import Snapshot

SOURCE = "as declared"

OF_CONTAINER: dict[str, Fact] = {
    "host.os": Known("linux", SOURCE),
    "host.kind": Known("container", SOURCE),
    "host.libc": Unknown("that of the image"),
    "python.version": Absent("that of the image"),
    "python.tag": Absent("that of the image"),
}

NOT_NAMED = Unknown("not described")

MOST_GPUS_NAMED = 3


def target_of(name: str | None, description: Description, files: tuple[str, ...], matrix: Matrix) -> Snapshot | None:
    """Return the machine that was asked for, None where none was. Raises `Unusable`."""
    from envdoctor.commands import examine

    if name is None:
        return _startable(description.snapshot(matrix)) if description.given else None
    if description.given:
        raise Unusable("a described machine excludes --target")
    if name == "-" and "-" in files:
        raise Unusable("--target - and - would both read standard input")
    return examine.saved(name)


def _startable(described: Snapshot) -> Snapshot:
    """Return a described machine as one whose GPU works: a driver without a GPU stands for one that nobody named."""
    facts: dict[str, Fact] = {}
    count = described.known("gpu.count")
    if described.known("driver.version") and not count:
        facts = {
            "gpu.count": Known(1, "command line"),
            "gpu.visible": Known([0], "command line"),
            "gpu.0.name": NOT_NAMED,
            "gpu.0.compute_capability": NOT_NAMED,
        }
    if count or facts:
        facts["cuda.init"] = Known(0, "command line")
    return described.having(facts)


@dataclass(frozen=True, slots=True)
class InThought:
    """The machine with one build of torch after another put into it; what the planner foretells of it is told."""

    seen: Snapshot
    matrix: Matrix
    kept: dict[object, Snapshot] = field(default_factory=dict)
    chosen: dict[object, Build | None] = field(default_factory=dict)

    def bare(self, inside: bool) -> Snapshot:
        """Return the machine without any torch, as a container on it sees it where `inside`."""
        if inside not in self.kept:
            self.kept[inside] = self._bare(inside)
        return self.kept[inside]

    def _bare(self, inside: bool) -> Snapshot:
        from envdoctor.plan.installing import INSIDE_IMAGES
        from envdoctor.plan.predict import EMPTY, OF_ENVIRONMENT, OF_PACKAGES

        dropped = (*OF_PACKAGES, *OF_ENVIRONMENT, "smoke.", "said.")
        facts = {name: fact for name, fact in self.seen.facts.items() if not name.startswith(dropped)}
        facts |= EMPTY
        if inside:
            facts |= OF_CONTAINER
            if self.seen.known("host.os") == "windows":  # containers run below WSL2, on the driver of Windows
                facts["host.wsl"] = Known(True, SOURCE)
            platform = self.seen.known("host.platform")
            if isinstance(platform, str):
                facts["host.platform"] = Known(INSIDE_IMAGES.get(platform, platform), SOURCE)
        return type(self.seen)(facts, self.seen.taken, self.seen.envdoctor, self.seen.redacted)

    def having(self, build: Build, inside: bool) -> Snapshot:
        """Return it with a build installed."""
        from envdoctor.matrix.versions import minor
        from envdoctor.plan.predict import predicted
        from envdoctor.plan.predict_torch import SOURCE as AFTER_PLAN
        from envdoctor.plan.wheel_index import local_version
        from envdoctor.rules.declared.releases import cuda_of

        bare = self.bare(inside)
        platform = Machine(bare).wheel_platform
        local = local_version(build.release, build.channel, platform)
        into = Into.IMAGE if inside else Into.NEW
        change = Installs((f"torch=={build.release}{local}",), into, build.channel)
        step = Step("install", Applicability.MANUAL, "", change=change)
        seen = predicted(bare, Plan(Status.SOLVED, steps=(step,)), self.matrix)
        facts: dict[str, Fact] = {"torch.provenance": Known("pytorch-index", SOURCE)}
        if build.conda:
            facts = {"torch.provenance": Known("conda-pytorch", SOURCE), "torch.wheel_tags": Known([], SOURCE)}
        wheel = self.matrix.wheel(build.release, build.channel, platform)
        if re.fullmatch(r"cu\d{2,3}", build.channel):
            cuda = wheel.cuda if wheel and wheel.cuda else cuda_of(build.channel)
            facts |= {"torch.cuda": Known("{}.{}".format(*minor(cuda)), SOURCE), "torch.hip": Absent("a CUDA build")}
        release = self.matrix.release(build.release)
        if not inside and not build.conda and release is not None and bare.known("python.tag") is None:
            tags = release.platform_tags.get(platform, ())  # those of its wheels for whatever Python
            facts["torch.wheel_tags"] = Known([f"py3-none-{tag}" for tag in tags], SOURCE)
        facts["torch.channel"] = Known(build.channel, SOURCE)
        foretold = {
            name: Known(fact.value, SOURCE)
            for name, fact in seen.facts.items()
            if isinstance(fact, Known) and fact.source == AFTER_PLAN
        }
        return seen.having({**foretold, **facts})

    def best(self, specifier: str | None, inside: bool, cuda: bool) -> Build | None:
        """Return the build that a plan within a specifier takes, with `cuda` one for a GPU; None where none serves."""
        key = (specifier, inside, cuda)
        if key not in self.chosen:
            self.chosen[key] = self._best(*key)
        return self.chosen[key]

    def _best(self, specifier: str | None, inside: bool, cuda: bool) -> Build | None:
        from envdoctor.plan.solve import Solver

        bare = self.bare(inside)
        if bare["gpu.0.name"] == NOT_NAMED:  # the driver alone narrows the choice
            bare = bare.having({"gpu.count": Known(0, SOURCE), "gpu.visible": Known([], SOURCE)})
        machine = Machine(bare, Wishes(cuda=cuda, torch=specifier))
        with suppress(Undecidable):
            plan = Solver(machine, self.matrix, installer="pip").wheel_set()
            if plan.status is Status.SOLVED and plan.target:
                return Build(plan.target.torch, plan.target.channel)
        return None


def words_of(seen: Snapshot) -> str:
    """Return a machine in words: what it was told by, and what a build of torch is judged by."""
    machine = Machine(seen)
    count = seen.known("gpu.count")
    names = [machine.told(f"gpu.{index}.name") for index in range(min(count if isinstance(count, int) else 0, 1024))]
    told = list(dict.fromkeys(name for name in names if name))
    platform = machine.told("host.platform") or ""
    driver = machine.told("driver.version")
    python, libc = machine.told("python.version"), machine.told("host.libc")
    parts = [
        *([f"driver {driver}"] if driver else []),
        *told[:MOST_GPUS_NAMED],
        *([f"{len(told) - MOST_GPUS_NAMED} more"] if len(told) > MOST_GPUS_NAMED else []),
        *([f"Python {python}"] if python else []),
        *([libc] if libc else []),
        *([platform] if platform not in ("", "linux-x86_64") or not (driver or told) else []),
    ]
    return ", ".join(parts)
