"""How another channel is written in the place of one: in the address, in the option before it, in the builds named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.place import Amendment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.model.declared import Index, Requirement

WHEELS = "https://download.pytorch.org/whl"

_OPTION = re.compile(r"(?:-i|-f|--(?:index-url|extra-index-url|find-links|index|default-index))(?=[=\s])")


def moved(
    indexes: Iterable[Index], requirements: Iterable[Requirement], channel: str, right: str
) -> tuple[Amendment, ...]:
    """Write the channel `right` in the place of `channel`, in each index that names it and each build.

    Not safe where an index keeps its address: a variable holds it, or it names no channel.
    """
    listed = list(indexes)
    addresses = [Amendment(one.place, f"/{channel}", f"/{right}") for one in listed if f"/{channel}" in one.written]
    safe = len(addresses) == len(listed)
    found = [*addresses, *_retagged(requirements, channel, right)]
    return tuple(one._replace(safe=safe) for one in found)


def to_index(index: Index, requirements: Iterable[Requirement], local: str, right: str) -> tuple[Amendment, ...]:
    """Write the index of the channel `right` in the place of links, and its builds; nothing where that needs more."""
    option = _OPTION.match(index.written)
    if not option:
        return ()  # the option stands elsewhere
    instead = Amendment(index.place, index.written, f"--extra-index-url {WHEELS}/{right}")
    return (instead, *_retagged(requirements, local, right))


def to_links(index: Index, url: str) -> tuple[Amendment, ...]:
    """Write the option for links in the place of that for an index; nothing where it stands elsewhere."""
    option = _OPTION.match(index.written)
    return (Amendment(index.place, index.written, f"--find-links {url}"),) if option else ()


def _retagged(requirements: Iterable[Requirement], local: str, right: str) -> list[Amendment]:
    if local == right:
        return []
    return [Amendment(one.place, f"+{local}", f"+{right}") for one in requirements if f"+{local}" in one.written]
