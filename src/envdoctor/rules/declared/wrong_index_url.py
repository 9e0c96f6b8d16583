"""An index that does not exist, does not hold the release, or is no index; a build or a CUDA that there never was.

Not found: an index beside the default one that has the release, and an index whose holdings are not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.matrix.versions import minor, older
from envdoctor.rules.declared.addresses import LAST_ON_ONE_PAGE, read_address
from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.moving import WHEELS, moved, to_index, to_links
from envdoctor.rules.declared.releases import (
    PARTNERS,
    all_cuda_channels,
    and_,
    channels,
    cuda_channels,
    cuda_of,
    fits,
    known,
    nearest_of,
    wanted,
)
from envdoctor.rules.declared.stated_cuda import contradiction
from envdoctor.rules.declared.worlds import World, environments, holds, worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Case, Flaw, Index, Requirement
    from envdoctor.rules.declared.addresses import Address
    from envdoctor.rules.declared.worlds import Environment

NAMES = ("torch", *PARTNERS)

MOST_INDEXES = 50
"""More indexes than anyone names in one case; further ones are not looked at."""

CUDA_TAG = r"cu\d{2,3}"


class Wanted(NamedTuple):
    """The releases of torch that are demanded, `local` the build ("cu121"), `newer` where later ones serve too."""

    releases: tuple[str, ...]
    local: str | None
    newer: bool
    said: Requirement


def judge(case: Case, matrix: Matrix) -> Iterator[Flaw]:
    """Look at each index, then at each build that is named, then at what a text says of CUDA."""
    told: set[object] = set()
    # What a list of requirements elsewhere takes from an index is not known, and one that is none gives nothing.
    unknown = () if case.requirements else (World((), ()),)
    for world in worlds(case, matrix, NAMES) or unknown:
        for flaw in _in_world(case, world, matrix):
            if flaw.finding.location not in told:
                told.add(flaw.finding.location)
                yield flaw
    torch = wanted(matrix, case.of("torch")) if case.cudas else None
    for said in case.cudas:
        found = contradiction(said, torch, matrix, solved=_is_solved(case))
        if found:
            # Which of its builds a text means is a guess, and a list of them is to be written anew.
            amendments = found.amendments if len(case.cudas) == 1 or not case.claim else ()
            amendments = tuple(one._replace(safe=one.safe and not case.claim) for one in amendments)
            yield RULE.flaw("torch", found.message, said.place, *amendments)


def _is_solved(case: Case) -> bool:
    """Whether a solver has found the torch of a case, or pip is to take it: no channel of conda lacks it then."""
    return case.pinned or any(one.manager == "pip" or one.build for one in case.of("torch"))


def _in_world(case: Case, world: World, matrix: Matrix) -> Iterator[Flaw]:
    """Yield what is wrong with the indexes of one world; the first reason for each of them."""
    torch = _wanted(world, matrix)
    indexes = [one for one in case.indexes[:MOST_INDEXES] if _serves(one, world)]
    faulty = []
    for index in indexes:
        address = read_address(index.url)
        flaw = address and (_flat(index, address) or _nonexistent(index, address, torch, world, matrix))
        if flaw:
            faulty.append(flaw)
    yield from faulty
    if torch is None or faulty:
        return
    flaw = (
        _not_on_macos(torch, indexes, world, environments(case, matrix))
        or _never_built(torch, indexes, world, matrix)
        or _unreachable(torch, indexes, matrix)
    )
    everything = (torch, *_tied_elsewhere(torch, world, matrix))
    lacking = (_lacks(index, indexes, one, world, matrix) for one in everything for index in indexes)
    flaw = flaw or next((one for one in lacking if one), None)
    if flaw:
        yield flaw


def _serves(index: Index, world: World) -> bool:
    """Whether torch or a partner may be taken from an index in this world, or what is taken there is not known."""
    return not world.requirements or any(
        (one.source is None and not index.explicit) or one.source == index.url for one in world.requirements
    )


def _wanted(world: World, matrix: Matrix) -> Wanted | None:
    """Return what is demanded of torch, by itself or, where it is left open, by a partner that is pinned."""
    torch = world.of("torch", "pip")
    found = wanted(matrix, torch)
    if found is not None and found.bounds.text:
        return Wanted(found.releases, found.bounds.local, found.newer, torch[-1])
    if any(one.specifier is None for one in torch):
        return None
    return next(filter(None, (_by_partner(name, world, matrix) for name in PARTNERS)), None)


def _by_partner(name: str, world: World, matrix: Matrix) -> Wanted | None:
    """Return what a partner that is pinned demands of torch; None for one that takes any."""
    said = world.of(name, "pip")
    found = wanted(matrix, said)
    if found is None or not found.bounds.exact:
        return None
    torches = [one for one in known(matrix, "torch") if fits(matrix, name, one, found.releases[-1])]
    return Wanted(tuple(torches), found.bounds.local, newer=False, said=said[-1]) if len(torches) == 1 else None


def _tied_elsewhere(torch: Wanted, world: World, matrix: Matrix) -> Iterator[Wanted]:
    """Yield what partners demand that are to be taken from another index than torch."""
    for name in PARTNERS:
        found = _by_partner(name, world, matrix) if torch.said.name != name else None
        if found and found.said.source not in (None, torch.said.source):
            yield found


def _flat(index: Index, address: Address) -> Flaw | None:
    """A folder or a page of links handed over as an index, below which an installer looks for a page a project."""
    if index.kind == "find-links" or address.layout not in ("flat", "page"):
        return None
    url = f"{index.url.rstrip('/')}/" if address.layout == "flat" else index.url
    what = "a folder of wheels" if address.layout == "flat" else "a page of links to wheels"
    message = (
        f"{index.url} is {what} and no index: an installer finds nothing there, and takes torch from another index or "
        f"none. Hand it over as `--find-links {url}` (`-f {url}`)."
    )
    return RULE.flaw("index", message, index.place, *to_links(index, url))


def _nonexistent(index: Index, address: Address, torch: Wanted | None, world: World, matrix: Matrix) -> Flaw | None:
    """A folder of the wheel index for a CUDA that torch was never published for."""
    channel = address.channel
    if channel is None or not _never_published(matrix, channel):
        return None
    release, right = nearest_of(matrix, torch.releases if torch else known(matrix, "torch"), _plain(channel))
    if right is None:
        return None
    message = (
        f"No torch was published for {channel}: the PyTorch index has no such folder. torch {release} is in "
        f"{and_(cuda_channels(matrix, release))}."
    )
    return RULE.flaw("index", message, index.place, *moved([index], world.requirements, channel, right))


def _plain(channel: str) -> str:
    """Return "cu121" for "cuda12.1", "cu-12.1" and itself."""
    return "cu" + re.sub(r"\D", "", channel)


def _named(torch: Wanted, release: str, local: str) -> str:
    """Name a build: "torch 2.5.1+cu121", and by its torch where a partner is what was demanded."""
    if torch.said.name == "torch":
        return f"torch {release}+{local}"
    return f"{torch.said.name} +{local} (for torch {release})"


def _never_published(matrix: Matrix, channel: str) -> bool:
    """Whether torch was never published for that channel; False above the newest known, which may have come since."""
    if not channel.startswith("cu") or channel in all_cuda_channels(matrix):
        return False
    plain = _plain(channel)
    if not re.fullmatch(r"cu\d{3}", plain):
        return re.fullmatch(r"cu1\d", plain) is not None  # "cu12" names a major alone
    return minor(cuda_of(plain)) < max(minor(cuda_of(one)) for one in all_cuda_channels(matrix))


def _not_on_macos(
    torch: Wanted, indexes: list[Index], world: World, everywhere: tuple[Environment, ...]
) -> Flaw | None:
    """A CUDA build, or an index of CUDA builds alone, where only macOS is meant.

    A demand that also holds elsewhere is not meant for macOS, whatever stands beside it there.
    """
    naming = (one for one in world.requirements if torch.local and f"+{torch.local}" in (one.specifier or ""))
    marker = next(naming, torch.said).marker
    meant = [place for place in everywhere if not marker or holds(marker, place)]
    if not all(place.os == "macos" for place in (*world.environments, *meant)):
        return None
    first = next((one for one in indexes if one.kind == "index-url" or one.url == torch.said.source), None)
    address = read_address(first.url) if first else None
    of_index = address.channel if address and address.layout == "projects" and len(indexes) == 1 else None
    named = torch.local or of_index or ""
    if not re.fullmatch(CUDA_TAG, named):
        return None
    message = (
        f"No build of torch for macOS is of {named}: those of the default index run on Metal, without a local version."
    )
    return RULE.flaw("torch", message, torch.said.place)


def _never_built(torch: Wanted, indexes: list[Index], world: World, matrix: Matrix) -> Flaw | None:
    """A local version, "+cu121", of which no release that is demanded was built. ROCm and XPU are not known."""
    local = torch.local
    if local is None or not re.fullmatch(CUDA_TAG, local):
        return None
    if any(local in channels(matrix, one) for one in torch.releases):
        return None
    release, right = nearest_of(matrix, torch.releases, local)
    if right is None:
        return None
    message = (
        f"There is no {_named(torch, release, local)}: torch {release} is in "
        f"{and_(cuda_channels(matrix, release))}. Take +{right} from {WHEELS}/{right}."
    )
    page = next((one for one in indexes if not _finds(one, right, release)), None)
    if page is not None and f"/{local}" not in page.written:
        return RULE.flaw("torch", message, torch.said.place, *to_index(page, world.requirements, local, right))
    return RULE.flaw(
        "torch", message, torch.said.place, *moved(_of_a_channel(indexes), world.requirements, local, right)
    )


def _of_a_channel(indexes: list[Index]) -> list[Index]:
    """Return the indexes that are for one channel."""
    return [one for one in indexes if (address := read_address(one.url)) and address.channel is not None]


def _unreachable(torch: Wanted, indexes: list[Index], matrix: Matrix) -> Flaw | None:
    """A build that exists, and that none of the indexes named here holds. Where none is named, one may be elsewhere."""
    local = torch.local
    if local is None or not re.fullmatch(rf"cpu|{CUDA_TAG}", local) or not indexes:
        return None
    release = [one for one in torch.releases if local in channels(matrix, one)][-1]
    if any(_finds(index, local, release) for index in indexes):
        return None
    index = indexes[-1]
    address = read_address(index.url)
    links = index.kind == "find-links"
    if address is not None and address.layout == "page" and address.channel is None:
        why = f"which ends with torch {LAST_ON_ONE_PAGE}"
    elif links and address is not None and address.channel == local:
        why = "an index, in which --find-links finds no wheels"
    else:
        why = f"which holds builds of {address.channel if address else 'another channel'}"
    message = (
        f"{_named(torch, release, local)} is not found in {index.url}, {why}: take it from "
        f"`--index-url {WHEELS}/{local}`, or `--extra-index-url` beside another index."
    )
    amendments = to_index(index, (), local, local)
    if not links and address is not None and address.channel is not None:
        amendments = moved([index], (), address.channel, local)
    return RULE.flaw("index", message, index.place, *amendments)


def _finds(index: Index, local: str, release: str) -> bool:
    """Whether an installer may find a build by an index option; True for an address that is not known."""
    address = read_address(index.url)
    if address is None:
        return True
    if address.channel not in (None, local):
        return False
    if address.layout == "page":
        return index.kind == "find-links" and (address.channel is not None or not older(LAST_ON_ONE_PAGE, release))
    return index.kind != "find-links" or address.layout != "projects"


def _lacks(index: Index, indexes: list[Index], torch: Wanted, world: World, matrix: Matrix) -> Flaw | None:
    """The only index there is, and none of the releases that are demanded in it."""
    address = read_address(index.url)
    tied = torch.said.source == index.url
    alone = tied or (index.kind == "index-url" and torch.said.source is None)
    if address is None or address.channel is None or address.layout != "projects" or not alone:
        return None
    if not _without(torch, address.channel, matrix):
        return None
    if not tied and not all(_also_without(one, torch, matrix) for one in indexes):
        return None
    channel = address.channel
    release, right = nearest_of(matrix, torch.releases, channel)
    if right is None:
        return None
    held = [one for one in known(matrix, "torch") if channel in channels(matrix, one)]
    extent = f", and {channel} holds torch {held[0]} to {held[-1]}" if held else ""
    asked = torch.said.specifier if len(torch.releases) > 1 else release
    what = f"torch {asked}" if torch.said.name == "torch" else f"{torch.said.name} of torch {release}"
    message = f"{index.url} holds no {what}: torch {release} is in {and_(cuda_channels(matrix, release))}{extent}."
    return RULE.flaw("index", message, index.place, *moved([index], world.requirements, channel, right))


def _without(torch: Wanted, channel: str, matrix: Matrix) -> bool:
    """Whether a channel certainly holds none of the releases that are demanded."""
    if not re.fullmatch(CUDA_TAG, channel) or any(channel in channels(matrix, one) for one in torch.releases):
        return False
    return not torch.newer or channel not in channels(matrix, matrix.newest_torch)


def _also_without(index: Index, torch: Wanted, matrix: Matrix) -> bool:
    """Whether an index gives no such torch; False for one that is not known."""
    if index.explicit:
        return True
    address = read_address(index.url)
    return address is not None and address.channel is not None and _without(torch, address.channel, matrix)


RULE = DeclaredRule(judge)
