"""What files declare, judged against one machine: what would be installed, put there in thought, and the rules asked.

A demand admits builds: releases, each from the channels that its local part and the indexes leave. An installer takes
the newest. Where every build fails on the machine, that is an error; where the newest fails and an older one serves, a
warning. What cannot be told (a mirror of unknown holdings, a GPU of unknown capability) is passed over in silence.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from envdoctor.diagnose.declared_builds import Build, builds_of
from envdoctor.diagnose.judge import diagnose
from envdoctor.diagnose.on_target_lines import other_build
from envdoctor.matrix.serving import consumer_gpu, driver_runs, need_of
from envdoctor.matrix.versions import parts
from envdoctor.model.declared import Flaw, PythonWish
from envdoctor.model.fact import Unknown
from envdoctor.model.finding import Confidence, Finding, Severity
from envdoctor.model.machine import Machine, Undecidable
from envdoctor.model.place import Amendment
from envdoctor.rules.declared import python_unsupported
from envdoctor.rules.declared.image_references import cuda_tag, on_the_hub, reference_of
from envdoctor.rules.rule import all_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from envdoctor.diagnose.declared_builds import Admitted
    from envdoctor.matrix.images import Image as TorchImage
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Image
    from envdoctor.model.declared_file import DeclaredFile
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.snapshot import Snapshot

JUDGING = frozenset(
    {"driver-too-old", "driver-too-old-for-gpu", "gpu-arch-dropped", "gpu-arch-not-in-wheel", "cpu-only-build",
     "glibc-too-old"}
)  # fmt: skip
"""The rules about a build of torch and the machine below it."""

DRIVER = "driver-too-old"
PYTHON = "python-unsupported"

MAY_BE_COMPAT = Unknown("the image may bring forward-compat libraries")

MOST_BUILDS = 200
"""Builds of one demand that are judged, the newest first; all releases in all their channels are fewer."""


class Machines(Protocol):
    """The machine in thought; `diagnose` may not import the planner, so that its caller hands these over."""

    def bare(self, inside: bool) -> Snapshot:
        """Return the machine without any torch, as a container on it sees it where `inside`."""

    def having(self, build: Build, inside: bool) -> Snapshot:
        """Return it with a build installed."""

    def best(self, specifier: str | None, inside: bool, cuda: bool) -> Build | None:
        """Return the build that a plan within a specifier takes, with `cuda` one for a GPU; None where none serves."""


class Judged(NamedTuple):
    """What the rules say of a build: the worst finding, and whether it surely serves."""

    worst: Finding | None
    serves: bool

    @property
    def fails(self) -> bool:
        """Whether torch does not work with it."""
        return self.worst is not None and self.worst.severity is Severity.ERROR


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that files are for, `words` as people name it; `rules` are those that may be asked."""

    machines: Machines
    matrix: Matrix
    words: str
    rules: frozenset[str]
    answers: dict[object, Judged] = field(default_factory=dict)

    @staticmethod
    def of(
        machines: Machines, matrix: Matrix, words: str, select: Collection[str] = (), ignore: Collection[str] = ()
    ) -> Target:
        """Make a target that is judged by the rules that are not left out."""
        asked = JUDGING | {PYTHON}
        return Target(machines, matrix, words, frozenset((asked & set(select) if select else asked) - set(ignore)))

    def flaws(self, file: DeclaredFile) -> Iterator[Flaw]:
        """Yield what of a file will not run on the machine."""
        inside = bool(file.containers)
        for container in file.containers:
            if container.image is not None and container.final:
                with suppress(Undecidable):
                    yield from self._image(container.image)
        for case in file.cases:
            if not case.comment and not case.claim:
                with suppress(Undecidable):
                    yield from self._case(case, file.format, inside or case.base is not None)

    def _case(self, case: Case, form: str, inside: bool) -> Iterator[Flaw]:
        bare = Machine(self.machines.bare(inside))
        platform = bare.wheel_platform
        if not f"{platform}-".startswith(f"{case.platform}-" if case.platform else ""):
            return
        here = replace(case, platform=platform)
        python = None if inside else _minor(bare)
        if python and not case.pythons:
            here = replace(here, pythons=(PythonWish(f"=={python}.*", case.place, ""),))
            if PYTHON in self.rules:
                for flaw in python_unsupported.judge(here, self.matrix):
                    message = f"On {self.words}: {flaw.finding.message.replace('that is declared', 'there')}"
                    yield flaw._replace(finding=replace(flaw.finding, message=message))
        for admitted in builds_of(here, self.matrix):
            found = self._admitted(here, admitted, form, inside)
            if found:
                yield found

    def _admitted(self, case: Case, admitted: Admitted, form: str, inside: bool) -> Flaw | None:
        """Judge the newest build that a demand admits, and where it fails the older ones."""
        builds = admitted.builds[:MOST_BUILDS]
        cuda = builds[0].channel.startswith("cu")
        compat = _may_bring_compat(case.base) if inside else False
        first = self._judged(builds[0], inside, compat)
        if first.worst is None:
            return None
        if admitted.chosen and first.worst.rule == "cpu-only-build":
            return None  # whoever names the CPU builds means them
        if not first.fails:
            return self._flaw(first.worst, admitted, f"On {self.words}: {first.worst.message}")
        others = [(one, self._judged(one, inside, compat)) for one in builds[1:]]
        if admitted.complete and all(judged.fails for _, judged in others):
            right = self.machines.best(admitted.specifier, inside, cuda) or self.machines.best(None, inside, cuda)
            words = f"This {_does_not(first.worst)} {self.words}: {first.worst.message}"
            return self._corrected(first.worst, case, admitted, right, words, form)
        right = self.machines.best(admitted.specifier, inside, cuda)
        older = next((one for one, judged in others if judged.serves), None)
        also = f" torch {older.named}, which it admits too, serves." if older else ""
        words = f"What is installed today {_does_not(first.worst)} {self.words}: {first.worst.message}{also}"
        worst = replace(first.worst, severity=Severity.WARNING)
        return self._corrected(worst, case, admitted, right or older, words, form)

    def _corrected(
        self, worst: Finding, case: Case, admitted: Admitted, right: Build | None, words: str, form: str
    ) -> Flaw:
        if right is None:
            return self._flaw(worst, admitted, words)
        default = not admitted.chosen and right.is_default(self.matrix, case.platform)
        take = f"torch=={right.release}" if default else f"torch=={right.named} from {right.address}"
        amendments = other_build(case, admitted, right, self.matrix, form, default=default)
        return self._flaw(worst, admitted, f"{words} Take {take}.", *amendments)

    def _flaw(self, worst: Finding, admitted: Admitted, message: str, *amendments: Amendment) -> Flaw:
        found = replace(worst, message=message, location=admitted.said.place, confidence=Confidence.INFERRED)
        return Flaw(found, amendments)

    def _image(self, image: Image) -> Iterator[Flaw]:
        told = reference_of(image.reference)
        if told is None or not told.tag:
            return
        repository = on_the_hub(told)
        if repository == "pytorch/pytorch":
            row = next((one for one in self.matrix.images if one.tag.rpartition(":")[2] == told.tag), None)
            if row is not None:
                yield from self._torch_image(image, told.tag, row)
        elif repository == "nvidia/cuda":
            tag = cuda_tag(told.tag)
            if tag is not None and DRIVER in self.rules:
                yield from self._cuda_image(image, tag.cuda)
        elif told.repository == "nvidia/pytorch" and DRIVER in self.rules:
            ngc = next((one for one in self.matrix.ngc_images if one.tag.rpartition(":")[2] == told.tag), None)
            if ngc is not None:
                yield from self._cuda_image(image, ngc.cuda)

    def _torch_image(self, image: Image, tag: str, row: TorchImage) -> Iterator[Flaw]:
        judged = self._of_image(row)
        if judged.worst is None:
            return
        others = sorted(
            (one for one in self.matrix.images if one.kind == row.kind and one is not row),
            key=lambda one: (one.torch == row.torch, parts(one.torch), parts(one.cuda)),
            reverse=True,
        )
        right = next((one for one in others if self._of_image(one).serves), None) if judged.fails else None
        take = f" Take {right.tag}." if right else ""
        words = "This image will not run" if judged.fails else "This image runs in part"
        message = f"{words} on {self.words}: {judged.worst.message}{take}"
        amendments = [Amendment(image.place, tag, right.tag.rpartition(":")[2], safe=False)] if right else []
        found = replace(judged.worst, message=message, location=image.place, confidence=Confidence.INFERRED)
        yield Flaw(found, tuple(amendments))

    def _of_image(self, row: TorchImage) -> Judged:
        return self._judged(Build(row.torch, row.channel), True, row.kind == "devel")

    def _cuda_image(self, image: Image, cuda: str) -> Iterator[Flaw]:
        """An image of CUDA: its libraries are of that major, and the runtime of containers asks the driver for it.

        It brings forward-compat libraries, which data-centre GPUs may use and consumer ones may not.
        """
        machine = Machine(self.machines.bare(True))
        consumer = consumer_gpu(machine, self.matrix)
        if consumer is None or driver_runs(self.matrix, cuda, need_of(machine, self.matrix, gpus=())) is not False:
            return
        driver = machine.told("driver.version")
        floor = self.matrix.driver_floor(cuda, "linux")
        message = (
            f"This image will not run on {self.words}: it holds CUDA {cuda}"
            f"{f', which needs driver {floor} or newer' * bool(floor)}, this is driver {driver}, and {consumer} cannot "
            "use the forward-compat libraries in it."
        )
        found = Finding(DRIVER, Severity.ERROR, Confidence.INFERRED, "driver", message, location=image.place)
        yield Flaw(found, tuple(self._older_cuda(image, machine)))

    def _older_cuda(self, image: Image, machine: Machine) -> Iterator[Amendment]:
        """Yield the newest tag of the same kind and system whose CUDA the driver runs without any help."""
        reference = reference_of(image.reference)
        told = cuda_tag(reference.tag) if reference else None
        need = need_of(machine, self.matrix, gpus=())
        if reference is None or told is None or not told.in_order or need.api is None:
            return
        for row in reversed(self.matrix.cuda_images):
            cudnn = row.cudnn if told.cudnn else ""
            if parts(row.cuda)[:2] <= parts(need.api)[:2] and row.has(cudnn, told.flavour, told.system):
                yield Amendment(image.place, reference.tag, row.tag(cudnn, told.flavour, told.system), safe=False)
                return

    def _judged(self, build: Build, inside: bool, compat: bool) -> Judged:
        key = (build, inside, compat)
        if key not in self.answers:
            self.answers[key] = self._judge(build, inside, compat)
        return self.answers[key]

    def _judge(self, build: Build, inside: bool, compat: bool) -> Judged:
        seen = self.machines.having(build, inside)
        if compat and consumer_gpu(Machine(seen), self.matrix) is None:
            seen = seen.having({"cuda.compat": MAY_BE_COMPAT})
        rules = tuple(rule for rule in all_rules() if rule.name in JUDGING & self.rules)
        found: Diagnosis = diagnose(seen, self.matrix, rules=rules)
        serious = [one for one in found.findings if one.severity > Severity.NOTE]
        # The C library of a described machine is rarely told.
        open_ = found.crashed or any(one.rule != "glibc-too-old" for one in found.skipped)
        return Judged(serious[0] if serious else None, not serious and not open_)


def _does_not(finding: Finding) -> str:
    return "does not use the GPU of" if finding.rule == "cpu-only-build" else "will not run on"


def _minor(machine: Machine) -> str | None:
    """Return the Python of a machine as "3.12", None where it is not known."""
    found = re.match(r"3\.\d{1,2}", machine.told("python.version") or "")
    return found[0] if found else None


def _may_bring_compat(base: Image | None) -> bool:
    """Whether an image may hold the libcuda of a newer driver: NVIDIA's do, those of an organisation may.

    Docker's own (`python:3.12-slim`) hold none, and the runtime images of PyTorch are made of Ubuntu's.
    """
    told = reference_of(base.reference) if base else None
    if told is None:
        return True
    if on_the_hub(told) == "pytorch/pytorch":
        return "devel" in told.tag
    return "/" in told.repository or bool(told.registry)
