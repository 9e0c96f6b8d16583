"""The smallest set of things that shares one with each of many sets: a minimum hitting set.

Of a machine's candidates and the constraints they break that is the smallest conflict: what breaks none of these
constraints would be a wheel that meets them all, and there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def smallest_hitting(sets: Iterable[frozenset[str]], rank: Callable[[str], tuple[int, str]]) -> tuple[str, ...]:
    """Return a smallest set that shares an element with every one of `sets`, in the order of `rank`.

    Elements that come first by `rank` are preferred. An empty one among `sets` cannot be hit: nothing is returned then.
    """
    distinct = set(sets)
    least = [one for one in distinct if not any(other < one for other in distinct)]  # who hits those hits the others
    widest = _widest(least, rank)
    least = sorted((one & widest for one in least), key=lambda one: (len(one), sorted(one)))
    for size in range(len(least) + 1):
        found = _hit(least, size, rank)
        if found is not None:
            return tuple(sorted(found, key=rank))
    return ()


def _widest(sets: list[frozenset[str]], rank: Callable[[str], tuple[int, str]]) -> frozenset[str]:
    """Return the elements worth trying: of those in the very same sets one, and none that another outdoes.

    A thousand lines of a constraint file break the same wheels; without this the search would try them all.
    """
    first: dict[int, str] = {}
    for element in sorted(frozenset[str]().union(*sets), key=rank):
        first.setdefault(sum(1 << place for place, one in enumerate(sets) if element in one), element)
    return frozenset(
        element
        for where, element in first.items()
        if not any(where != other and where & other == where for other in first)
    )


def _hit(sets: list[frozenset[str]], size: int, rank: Callable[[str], tuple[int, str]]) -> tuple[str, ...] | None:
    """Return `size` elements or fewer that hit every set; None where there are none."""
    if not sets:
        return ()
    if size == 0:
        return None
    for element in sorted(sets[0], key=rank):
        rest = _hit([one for one in sets if element not in one], size - 1, rank)
        if rest is not None:
            return (element, *rest)
    return None
