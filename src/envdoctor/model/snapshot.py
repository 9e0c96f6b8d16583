"""The waist of the house: everything seen of one machine, as flat dotted names to facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envdoctor.model.fact import Fact, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value

NOT_LOOKED_AT = Unknown("not looked at")

NOT_ASKED = "the profile leaves it out"
"""The reason of what a look did not ask for by choice: a rule that lacks it was not meant to decide."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was seen of one machine at one time.

    `taken` is an ISO 8601 time in UTC, `envdoctor` the version that looked, `redacted` whether names of
    people, hosts and devices were replaced before it was saved.
    """

    facts: Mapping[str, Fact]
    taken: str = ""
    envdoctor: str = ""
    redacted: bool = False

    def __getitem__(self, name: str) -> Fact:
        """Return the fact called `name`; one that nobody looked for is `Unknown`, never missing."""
        return self.facts.get(name, NOT_LOOKED_AT)

    def known(self, name: str) -> Value:
        """Return the value of a fact, None where it is not known."""
        fact = self[name]
        return fact.value if isinstance(fact, Known) else None

    def known_rows(self, name: str) -> list[dict[str, Value]]:
        """Return the rows of a fact without what is no row: a snapshot may have been edited by hand."""
        rows = self.known(name)
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def having(self, facts: Mapping[str, Fact]) -> Snapshot:
        """Return a copy in which `facts` stand in the place of what was seen (a change in thought)."""
        return replace(self, facts={**self.facts, **facts})
