"""What differs between two machines, and which difference decides that one works and the other does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact
    from envdoctor.model.finding import Finding, Verdict


class Difference(NamedTuple):
    """One thing that differs.

    `name` is that of the fact, with a key for one entry of a fact that is a mapping ("packages.installed[numpy]").
    `kind` is its group for people ("driver and GPUs"). `a` and `b` are the two answers. `turns` are the rules whose
    finding this difference alone, or with others of its kind, brings about; `read_by` whether any rule asks for it.
    """

    name: str
    fact: str
    kind: str
    a: Fact
    b: Fact
    turns: tuple[str, ...] = ()
    read_by: bool = False


class Explained(NamedTuple):
    """A finding that only one of the two has: "a" or "b", and the differences without which it would not be there.

    `because` names facts; it is empty where no difference accounts for the finding. `alone` where each of them by
    itself suffices to end it, else they do so together.
    """

    side: str
    finding: Finding
    because: tuple[str, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class DiffReport:
    """Two machines side by side, `a` and `b` by the names they were given.

    `explained` are the findings above notes that only one has, the worst first; `differences` are those that turn a
    verdict first, then by kind. `in_both` are rules that find something in both. `left_out` counts differences of what
    changes from moment to moment.
    """

    a: str
    b: str
    verdict_a: Verdict
    verdict_b: Verdict
    explained: tuple[Explained, ...]
    differences: tuple[Difference, ...]
    in_both: tuple[str, ...]
    left_out: int
    exit_code: int
    envdoctor: str
    matrix_revision: str
