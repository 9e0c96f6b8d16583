"""Lines of `key: value` whose keys a report is known to print: found at the start of a line, and within one.

Forums and mail join the lines of a report into one paragraph, so a line is divided wherever a known key stands. A
value goes on in the lines below, up to the next key, where its reader says so.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envdoctor.model.paste import Line

MOST_KEYS_IN_A_LINE = 200


class Keyed(NamedTuple):
    """A key (lower case, blanks single), its value on the same line, and where: `at` counts the lines given."""

    key: str
    value: str
    line: int
    at: int


def pattern_of(keys: Iterable[str]) -> Pattern:
    """Return the pattern of any of these keys (lower case) with its colon; padded tables have blanks before it.

    It is one for text in lower case: alternatives are told apart by their first letter, which ignoring case forbids.
    """
    longest_first = sorted(keys, key=len, reverse=True)
    words = "|".join(re.escape(key).replace(r"\ ", r"\s{1,3}") for key in longest_first)
    first = "".join(sorted({key[0] for key in longest_first}))
    return Pattern(rf"(?<![^\s*_\"'|])(?=[{first}])({words})[\s*_\"']{{0,40}}:")


def keyed(lines: Sequence[Line], pattern: Pattern) -> Iterator[Keyed]:
    """Yield what stands behind each key, up to the next one of its line."""
    for at, line in enumerate(lines):
        if ":" not in line.text:
            continue
        low = line.text.lower()
        if len(low) != len(line.text):
            # A letter of Turkish becomes two.
            low = line.text
        marks = list(islice(pattern.finditer(low), MOST_KEYS_IN_A_LINE))
        for place, mark in enumerate(marks):
            ends = marks[place + 1].start() if place + 1 < len(marks) else len(line.text)
            yield Keyed(" ".join(mark[1].split()), _bare(line.text[mark.end() : ends]), line.number, at)


def _bare(value: str) -> str:
    return value.strip().strip("*").strip()


def near(places: Sequence[int], place: int, most: int) -> bool:
    """Whether one of the ascending places is at most that far away."""
    found = bisect_left(places, place - most)
    return found < len(places) and places[found] <= place + most
