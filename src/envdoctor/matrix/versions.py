"""Dotted numbers, compared as NVIDIA and torch order them: driver "535.104.05", CUDA "12.6.3", torch "2.14.0"."""

from __future__ import annotations

import re
from functools import lru_cache

from envdoctor.model.machine import Undecidable

_DOTTED = re.compile(r"\d{1,9}(\.\d{1,9}){0,5}", re.ASCII)


class NotAVersion(Undecidable, ValueError):
    """The text is not a dotted number.

    It is an `Undecidable` too: a snapshot edited by hand may hold anything, and a rule that meets such a version
    is skipped with this reason.
    """


@lru_cache(maxsize=2048)
def parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a dotted version: (535, 104, 5) for "535.104.05".

    Trailing zeros are dropped, so that "12.6" equals "12.6.0". Raises `NotAVersion` for anything that is not one
    to six dotted numbers of at most nine digits.
    """
    if not _DOTTED.fullmatch(version):
        raise NotAVersion(f"{version!r} is not a version number")
    numbers = [int(number) for number in version.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def older(version: str, other: str) -> bool:
    """Whether `version` comes before `other`; raises `NotAVersion`."""
    return parts(version) < parts(other)


@lru_cache(maxsize=2048)
def minor(version: str) -> tuple[int, int]:
    """Return the first two numbers, (12, 6) for "12.6.3" and (13, 0) for "13"; raises `NotAVersion`."""
    numbers = (*parts(version), 0)
    return numbers[0], numbers[1]
