"""What a torch set is held to besides the machine: the user's wishes, constraint files, installed distributions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from envdoctor.matrix.serving import Obstacle
from envdoctor.plan.pins import pins_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import SpecifierSet

    from envdoctor.model.demand import Demand
    from envdoctor.model.machine import Machine
    from envdoctor.model.pin import Pin
    from envdoctor.plan.candidates import Candidate

WISH = "wish"
PIN = "pin"
DEMAND = "demand"
"""Kinds of constraint: `wish:torch`, `wish:torchaudio`, with its words `pin:vllm 0.11.0 requires torch==2.9.0`, and
`demand:channel`, `demand:cuda`, `demand:triton`."""

MOST_PATCHES = 50
"""Patch releases that one series of triton has at most; the longest had two."""

OF_BUILDS = ("channel", "cuda", "triton")
"""Keys of the demands of a policy that another build of the same release may meet."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The demands on a set.

    `torch` is the wish of the user as it was written ("2.9", ">=2.6,<2.9"), `wished` the partners asked for by name,
    `partners` all that come along. `firm` pins are never broken; `loose` ones are broken by what is installed now, so
    that they ask for nothing new: a set that meets them is preferred. `demands` are those of a policy on the build:
    its channel, its CUDA, and the triton it brings; `keeps_triton` where the present one is as it is demanded.
    `wished_by` names the wish for torch where it is not the user's own. `builder` is whose builds are weighed.
    """

    torch: str | None = None
    wished: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    firm: tuple[Pin, ...] = ()
    loose: tuple[Pin, ...] = ()
    demands: tuple[Demand, ...] = ()
    keeps_triton: bool = False
    wished_by: str = ""
    builder: Literal["pytorch", "conda-forge"] = "pytorch"

    @property
    def demanding(self) -> bool:
        """Whether a set may break any of them."""
        return bool(self.torch or self.wished or self.firm or self.loose or self.demands)

    @property
    def wish(self) -> str:
        """The wish for torch as its author knows it."""
        return self.wished_by or f"--torch {self.torch}"


def terms_of(machine: Machine, partners: tuple[str, ...]) -> Terms:
    """Return the terms of a machine; `partners` are the packages that a plan for it installs beside torch.

    A demand of the user is firm. That of an installed distribution is, unless the package it is about is there and does
    not meet it: what is broken already is no reason to refuse a way out. Raises `Undecidable` where it is not known
    whether torch is installed.
    """
    wishes = machine.wishes
    torch = machine.torch
    present = {name: machine.told(f"{name}.version") for name in ("torchvision", "torchaudio", "triton")}
    present["torch"] = torch.text if torch else None
    firm: list[Pin] = []
    loose: list[Pin] = []
    for pin in pins_of(machine):
        version = present.get(pin.package)
        broken = version is not None and not admits(pin.specifier, version)
        (loose if broken and pin not in wishes.pins else firm).append(pin)
    demands = tuple(one for one in wishes.demands if one.key in OF_BUILDS)
    triton = present["triton"]
    keeps = triton is not None and all(admits(one.specifier, triton) for one in demands if one.key == "triton")
    by = next((demanded(one) for one in wishes.demands if (one.key, one.specifier) == ("torch", wishes.torch)), "")
    return Terms(wishes.torch, wishes.partners, partners, tuple(firm), tuple(loose), demands, keeps, by)


def demanded(demand: Demand) -> str:
    """Name a demand of a policy: "torch >=2.6,<2.9 (pyproject.toml, line 12)"."""
    place = f" ({demand.place.file}, line {demand.place.line})" if demand.place else ", as the policy demands"
    return f"{demand.key} {demand.written}{place}"


def broken_terms(terms: Terms, one: Candidate) -> Iterator[Obstacle]:
    """Yield the firm terms that a set breaks."""
    if terms.torch is not None and not admits(wished(terms.torch), one.version):
        yield Obstacle(f"{WISH}:torch", f"{terms.wish} excludes torch {one.version}")
    for name in terms.wished:
        if name in one.lacking:
            yield Obstacle(f"{WISH}:{name}", one.lack(name))
    for demand in terms.demands:
        if not _is_met(demand, one, terms):
            yield Obstacle(f"{DEMAND}:{demand.key}", f"{demanded(demand)} excludes torch {one.version}")
    for pin in terms.firm:
        has = _against(pin, one)
        if has is not None:
            text = pin.text if pin.package == "torch" else f"{pin.text}, and torch {one.release.version} has {has}"
            yield Obstacle(f"{PIN}:{pin.text}", text)


def _is_met(demand: Demand, one: Candidate, terms: Terms) -> bool:
    """Whether a build meets a demand; one that brings no triton leaves what is there."""
    if demand.key == "triton":
        asked = _triton_of(one)
        return may_meet(asked, demand.specifier) if asked else terms.keeps_triton
    if demand.key == "channel":
        return one.wheel.channel in demand.specifier.split(",")
    # The matrix knows the patch release as well; torch.version.cuda, which the demand is compared with, does not.
    return one.wheel.cuda is not None and admits(demand.specifier, ".".join(one.wheel.cuda.split(".")[:2]))


def strained(terms: Terms, one: Candidate) -> tuple[Pin, ...]:
    """Return the loose pins that a set does not meet either."""
    return tuple(pin for pin in terms.loose if _against(pin, one) is not None)


def _against(pin: Pin, one: Candidate) -> str | None:
    """Return what a set brings of the package a pin is about where that breaks the pin; None where it need not."""
    if pin.package == "triton":
        return _triton_against(pin, one)
    has = one.version if pin.package == "torch" else dict(one.partners).get(pin.package)
    return has if has is not None and not admits(pin.specifier, has) else None


def _triton_against(pin: Pin, one: Candidate) -> str | None:
    """Return the triton that a build requires, one version or a range of them, where a pin excludes it."""
    asked = _triton_of(one)
    return asked.removeprefix("==") if asked and not may_meet(asked, pin.specifier) else None


def _triton_of(one: Candidate) -> str | None:
    """Return what a build requires of triton, as a specifier; wheels for Linux with CUDA alone bring one."""
    return one.release.triton if one.wheel.cuda and one.wheel.platform.startswith("linux-") else None


def may_meet(asked: str, specifier: str) -> bool:
    """Whether one version may meet both; `asked` is what torch requires of triton ("==3.5.1", "~=3.8.0")."""
    if asked.startswith("=="):
        return admits(specifier, asked.removeprefix("=="))
    alone = specifier.removeprefix("==")
    if specifier == f"=={alone}" and alone.replace(".", "").isdecimal():
        return admits(asked, alone)
    if asked.startswith("~="):  # a series of patches: "~=3.8.0" is 3.8.0 to 3.8.N
        series = asked.removeprefix("~=").rpartition(".")[0]
        patches = (f"{series}.{patch}" for patch in range(MOST_PATCHES))
        return any(admits(specifier, one) and admits(asked, one) for one in patches)
    return True  # two ranges may meet


@lru_cache(maxsize=256)
def wished(text: str) -> str:
    """Return a wish as a version specifier: `2.9` means any 2.9, `2.9.1` and `2.9.1+cu126` that very release."""
    if not text[:1].isdigit():
        return text
    return f"=={text}" if text.count(".") > 1 or "+" in text else f"=={text}.*"


@lru_cache(maxsize=4096)
def admits(specifier: str, version: str) -> bool:
    """Whether a version meets a specifier such as `>=2.6,<2.9`; one that is no version meets none."""
    from packaging.version import InvalidVersion

    try:
        # Every release of the matrix is final; what is installed may be a nightly, and counts.
        return _parsed(specifier).contains(version, prereleases=True)
    except InvalidVersion:
        return False


@lru_cache(maxsize=1024)
def _parsed(specifier: str) -> SpecifierSet:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(specifier)
