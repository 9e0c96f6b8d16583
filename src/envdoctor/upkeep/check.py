"""One cell of the matrix beside what was read of it: the comparison, and how it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from envdoctor.model.verification import Claim, Outcome
from envdoctor.upkeep.cells import Kernels
from envdoctor.upkeep.evidence import PACKAGE_INDEX, Missing

Value: TypeAlias = "str | tuple[str, ...] | Kernels"
"""What a cell says: a text, a list of tags, or an architecture list."""

PUBLISHED = "published"
NOT_PUBLISHED = "not on the index"
"""The value of a row itself: that the release or the build is there."""

NOT_WITHDRAWN = "not withdrawn"
"""What a row says of a release by having no word on it."""


@dataclass(frozen=True, slots=True)
class Check:
    """A cell at `path` (the keys from the top of the file), what it says and what was found.

    `says` is None where the matrix does not know, `found` is None where the wheel is known to have none. `seen_in` is
    the file that told, `place` where that is published. `about` narrows a cell that speaks for more than one thing
    ("linux-aarch64"). A path that ends in a table, or in a cell the file does not have, is about the row.
    """

    path: tuple[str, ...]
    says: Value | None
    found: Value | Missing | None
    seen_in: str | None = None
    about: str = ""
    place: str = PACKAGE_INDEX

    @property
    def outcome(self) -> Outcome | None:
        """How it came out; None where the matrix says nothing."""
        if self.says is None:
            return None
        if isinstance(self.found, Missing):
            return Outcome.NOT_REACHABLE
        return Outcome.CONFIRMED if self._same() else Outcome.CONTRADICTED

    @property
    def unknown_to_the_matrix(self) -> bool:
        """Whether a wheel tells what the matrix has no cell for."""
        return self.says is None and self.found is not None and not isinstance(self.found, Missing)

    def _same(self) -> bool:
        if isinstance(self.says, tuple) and isinstance(self.found, tuple):
            return set(self.says) == set(self.found)
        return self.says == self.found

    def claim(self) -> Claim:
        """The comparison in words; only for a cell that says something."""
        assert self.says is not None
        assert self.outcome is not None
        missing = self.found if isinstance(self.found, Missing) else None
        found = None if isinstance(self.found, Missing) else shown(self.found)
        cell = self.path[-1] + (f" ({self.about})" if self.about else "")
        told_by = None if missing else self.seen_in
        return Claim(
            row_name(self.path[:-1]),
            cell,
            shown(self.says),
            self.outcome,
            found,
            told_by,
            missing.reason if missing else None,
        )


def row_name(path: tuple[str, ...]) -> str:
    """A table as the file's header names it: torch."2.14.0".cu130."""
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"' for key in path)


def shown(value: Value | None) -> str:
    """A value as text for people."""
    if value is None:
        return "none"
    if isinstance(value, Kernels):
        return " ".join([*(f"{a}.{b}" for a, b in value.sass), *(f"{a}.{b}+PTX" for a, b in value.ptx)]) or "none"
    return value if isinstance(value, str) else ", ".join(value)
