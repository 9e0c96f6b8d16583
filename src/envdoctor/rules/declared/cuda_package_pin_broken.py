"""cuDNN or NCCL pinned to another release than the one the wheel of torch itself pins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.versions import parts
from envdoctor.model.place import Amendment
from envdoctor.rules.declared.addresses import read_address
from envdoctor.rules.declared.bounds import admits, read
from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.nvidia_packages import cuda_package
from envdoctor.rules.declared.releases import channels, cuda_of, default_channel, wanted
from envdoctor.rules.declared.worlds import worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.tables import Wheel
    from envdoctor.model.declared import Case, Flaw, Requirement
    from envdoctor.rules.declared.worlds import World

ALL_PIN_SINCE = "2.2"
"""From this release on the CUDA wheels of every channel ask for these packages; before it those of the default alone.

Those of the others held the libraries themselves: torch 2.1.0+cu121 of the wheel index is three times as large as the
one of the package index.
"""


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Compare the pins on nvidia-cudnn-cuXX and nvidia-nccl-cuXX with those of the wheels that may be meant."""
    names = tuple({one.name for one in case.requirements if _library(one.name)})
    if not names:
        return
    told = set()
    for world in worlds(case, matrix, ("torch", *names)):
        linux = any(place.platform == "linux-x86_64" for place in world.environments)
        found = wanted(matrix, world.of("torch", "pip")) if linux else None
        if found is None or len(found.releases) != 1:
            continue
        wheels = _wheels(case, world, found.releases[0], found.bounds.local, matrix)
        for said in world.requirements:
            flaw = _broken(said, wheels) if said.name != "torch" and said not in told else None
            if flaw:
                told.add(said)
                yield flaw


def _library(name: str) -> str | None:
    package = cuda_package(name)
    return package.library if package and package.library in ("cudnn", "nccl") and package.major else None


def _wheels(case: Case, world: World, version: str, local: str | None, matrix: Matrix) -> tuple[Wheel, ...]:
    """Return the Linux wheels that may be meant; none where an index that is not known may give another one."""
    sources = [one.source for one in world.of("torch") if one.source]
    urls = sources or [one.url for one in case.indexes if not one.explicit and one.kind != "find-links"]
    named = [address.channel if (address := read_address(url)) else None for url in urls]
    if local is None and any(one is None for one in named):
        return ()
    default = default_channel(matrix, version)
    meant = {local} if local else {*(one for one in named if one), *([] if sources else [default])}
    if parts(version) < parts(ALL_PIN_SINCE):
        meant &= {default}
    held = [one for one in channels(matrix, version) if one in meant]
    found = [matrix.wheel(version, channel, "linux-x86_64") for channel in held]
    return tuple(wheel for wheel in found if wheel is not None and wheel.cuda is not None)


def _broken(said: Requirement, wheels: tuple[Wheel, ...]) -> Flaw | None:
    package = cuda_package(said.name)
    bounds = read(said.specifier) if said.specifier else None
    alike = [wheel for wheel in wheels if package and cuda_of(wheel.channel).partition(".")[0] == str(package.major)]
    if package is None or bounds is None or not alike:
        return None
    pins = [_pin(package.library, wheel) for wheel in alike]
    known_pins = [pin for pin in pins if pin is not None and _whole(package.library, pin)]
    if len(known_pins) != len(pins) or any(admits(bounds.text, pin) for pin in known_pins):
        return None
    right = known_pins[-1]
    if said.forced and _is_an_update(bounds.text, right):
        return None
    message = (
        f"torch {alike[-1].torch} of {alike[-1].channel} asks for {said.name}=={right} and nothing else, and "
        f"{said.specifier} is declared beside it: an installer refuses the two, and forced they may not work."
    )
    pinned = bounds.exact is not None and bounds.exact in said.written
    amendments = (Amendment(said.place, bounds.exact or "", right),) if pinned else ()
    return RULE.flaw(said.name, message, said.place, *amendments)


def _is_an_update(specifier: str, pin: str) -> bool:
    """Whether what is put over a pin begins above it, within its major: cuDNN and NCCL stay compatible there."""
    first = re.search(r"(?:==|>=|~=)\s?(\d{1,6}(?:\.\d{1,6}){0,4})", specifier, re.ASCII)
    return first is not None and parts(first[1])[:1] == parts(pin)[:1] and parts(first[1]) > parts(pin)


def _pin(library: str, wheel: Wheel) -> str | None:
    """The version that a wheel pins, where somebody has read it: an inferred one was once wrong."""
    if wheel.pins_certainty not in ("verified", "sourced"):
        return None
    return wheel.cudnn if library == "cudnn" else wheel.nccl


def _whole(library: str, pin: str) -> bool:
    """Whether the matrix has the whole version that torch pins: four numbers of cuDNN, three of NCCL."""
    return re.fullmatch(r"\d+(\.\d+){3}" if library == "cudnn" else r"\d+(\.\d+){2}", pin, re.ASCII) is not None


RULE = DeclaredRule(judge)
