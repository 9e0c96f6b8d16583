"""What differs between two locks, demand by demand."""

from __future__ import annotations

import re
from typing import NamedTuple


class Change(NamedTuple):
    """A demand that two locks make differently: `old` or `new` is empty where only one of them makes it."""

    key: str
    old: str
    new: str

    @property
    def said(self) -> str:
        """The change in one line."""
        if not self.old:
            return f"+ {self.key} {self.new}"
        return f"~ {self.key} {self.old} -> {self.new}" if self.new else f"- {self.key} {self.old}"


def changes(old: str, new: str) -> tuple[Change, ...]:
    """Return what differs between the texts of two locks, in the order of the new one, what is gone last.

    Both are read line by line and not as TOML: the old one may have been edited, or be half merged.
    """
    before, after = demands(old), demands(new)
    found = (Change(key, before.get(key, ""), after.get(key, "")) for key in {**after, **before})
    return tuple(change for change in found if change.old != change.new)


def same_but_for_the_day(old: str, new: str) -> bool:
    """Whether two locks are the same text, the day in the second line left out."""
    seen_on = re.compile(r"\A(.*\n# Seen on )\d{4}-\d\d-\d\d")
    return seen_on.sub(r"\1", old) == seen_on.sub(r"\1", new)


def demands(text: str) -> dict[str, str]:
    """Return the demands of a lock by key, the tests of `smoke` each by itself."""
    found: dict[str, str] = {}
    tests = ""
    for line in map(str.strip, text.splitlines()):
        key, equals, value = (part.strip() for part in line.partition("="))
        if line.startswith("]"):
            tests = ""
        elif tests and line.startswith('"'):
            found[f"{tests} {line.rstrip(',').strip(chr(34))}"] = "must pass"
        elif equals and value == "[":
            tests = key
        elif equals and not line.startswith("#"):
            found[key] = value.strip('"')
    return found
