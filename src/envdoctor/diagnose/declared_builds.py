"""Which builds of torch a case admits on one platform: releases, and the channel that each would come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.rules.declared.addresses import read_address
from envdoctor.rules.declared.bounds import admits, together
from envdoctor.rules.declared.moving import WHEELS
from envdoctor.rules.declared.releases import PARTNERS, channel_of, fits, release, torch_of_image, wanted
from envdoctor.rules.declared.stated_cuda import CONDA_PACKAGE
from envdoctor.rules.declared.worlds import minor_of, worlds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Index, Requirement
    from envdoctor.rules.declared.worlds import World

NAMES = ("torch", *PARTNERS)


class Build(NamedTuple):
    """A release of torch from a channel ("cu126"); `conda` where it is that of conda's channel `pytorch`."""

    release: str
    channel: str
    conda: bool = False

    @property
    def named(self) -> str:
        """The version with its local part: 2.7.1+cu126."""
        return f"{self.release}+{self.channel}"

    @property
    def address(self) -> str:
        """The index that holds it."""
        return f"{WHEELS}/{self.channel}"

    def is_default(self, matrix: Matrix, platform: str) -> bool:
        """Whether an install without an index gets it."""
        row = release(matrix, self.release)
        return row is not None and row.default_channel.get(platform) == self.channel


class Admitted(NamedTuple):
    """What one world of a case admits, the newest first, at least one.

    `said` is the demand it rests on, `requirements` are all on torch and its partners. `specifier` is what is demanded
    of torch, without a build. `chosen` where the text itself names the channel. `complete` where nothing else is
    admitted: of old releases not every channel is known.
    """

    builds: tuple[Build, ...]
    said: Requirement
    requirements: tuple[Requirement, ...]
    specifier: str | None
    chosen: bool
    complete: bool


def builds_of(case: Case, matrix: Matrix) -> Iterator[Admitted]:
    """Yield what a case admits on its platform, for each division by markers; what is open is left out.

    `case.platform` is the platform of the machine ("linux-x86_64").
    """
    for world in worlds(case, matrix, NAMES):
        torches = world.of("torch")
        said = torches or tuple(one for name in PARTNERS for one in world.of(name))
        versions = _releases(case, world, matrix)
        if not versions:
            continue
        complete = True
        if any(one.manager == "conda" for one in said):
            found = _of_conda(case, said, versions, matrix)
        else:
            found, complete = _of_wheels(case, said, versions, matrix)
        if found:
            plain = together(one.specifier for one in torches)
            named = any("+" in (one.specifier or "") for one in said)
            chosen = named or any((address := read_address(one.url)) and address.channel for one in case.indexes)
            specifier = None if plain is None or "+" in plain else plain
            yield Admitted(found, said[-1], world.requirements, specifier or None, bool(chosen), complete)


def _releases(case: Case, world: World, matrix: Matrix) -> list[str]:
    """Return the releases of torch that all demands admit and that have wheels there, newest first; none where open."""
    demands = {name: wanted(matrix, world.of(name)) for name in NAMES if world.of(name)}
    if any(found is None for found in demands.values()):
        return []
    partners = {name: found.releases for name, found in demands.items() if found and name != "torch"}
    torch = demands.get("torch")
    if torch is not None:
        versions = torch.releases
    elif any(found and found.bounds.exact for found in demands.values()):
        versions = (*matrix.past_versions, *matrix.versions)
    else:
        return []
    there = torch_of_image(case.base)
    if torch is not None and there and admits(torch.bounds.text, there):
        return []  # the image has one that meets it, and is judged itself
    return [
        version
        for version in reversed(versions)
        if _has_wheels(version, world, matrix)
        and all(any(fits(matrix, name, version, one) for one in listed) for name, listed in partners.items())
    ]


def _has_wheels(version: str, world: World, matrix: Matrix) -> bool:
    """Whether a release has wheels for one of the environments, or may have."""
    row = release(matrix, version)
    if row is None:
        return False
    for place in world.environments:
        tags = row.pythons.get(place.platform)
        if tags is not None and (not tags or any(minor_of(tag) == place.minor for tag in tags)):
            return True
    return False


def _of_conda(case: Case, said: Sequence[Requirement], versions: list[str], matrix: Matrix) -> tuple[Build, ...]:
    """Return the builds of conda's channel that `pytorch-cuda` selects; other builds conda chooses by the driver."""
    stated = [one for one in case.cudas if CONDA_PACKAGE in one.written and one.version.count(".") == 1]
    if not stated or any(one.manager != "conda" for one in said):
        return ()
    channel = channel_of(stated[-1].version)
    platform = case.platform
    return tuple(Build(one, channel, conda=True) for one in versions if matrix.wheel(one, channel, platform))


def _of_wheels(
    case: Case, said: Sequence[Requirement], versions: list[str], matrix: Matrix
) -> tuple[tuple[Build, ...], bool]:
    """Return the builds down to the first release whose channel is open, and whether these are all."""
    found: list[Build] = []
    for version in versions:
        channels = _channels(case, said, version, matrix)
        if channels is None:
            return tuple(found), False
        found += (Build(version, one) for one in channels)
    return tuple(found), True


def _channels(case: Case, said: Sequence[Requirement], version: str, matrix: Matrix) -> tuple[str, ...] | None:
    """Return the channels that a release would come from, none where no index holds it; None where it is open."""
    local = next((one.specifier.partition("+")[2] for one in said if one.specifier and "+" in one.specifier), None)
    if local is not None:
        return _held([local.partition(",")[0]], version, case, matrix)
    sources = [one.source for one in said if one.source]
    if sources:
        return _held(map(_channel, sources), version, case, matrix)
    # An index of uv's that is explicit serves what is tied to it; `--torch-backend` ties torch and its kin.
    indexes: list[Index] = [one for one in case.indexes if not one.explicit or "://" not in one.written]
    named = _held((_channel(one.url) for one in indexes), version, case, matrix)
    # A version with a local part is newer than the same without (PEP 440): an index beside the default one gives it.
    if named is None or named or any(one.kind == "index-url" for one in indexes):
        return named
    row = release(matrix, version)
    default = row.default_channel.get(case.platform) if row else None
    return None if default is None else (default,)


def _held(channels: Iterable[str | None], version: str, case: Case, matrix: Matrix) -> tuple[str, ...] | None:
    """Return those of channels that hold a release for the platform; None where one of them is not known."""
    found = dict.fromkeys(channels)
    if None in found:
        return None
    wheels = ((one, matrix.wheel(version, one, case.platform)) for one in found if one)
    return tuple(one for one, wheel in wheels if wheel is not None and wheel.standing != "planned")


def _channel(url: str) -> str | None:
    """Return the one channel that an index holds; None where it holds several, or nobody knows what."""
    address = read_address(url)
    return address.channel if address else None
