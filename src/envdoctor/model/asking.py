"""What to ask the writer of a paste for, and what was read of it: the parts of a report that only a paste has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Ask(NamedTuple):
    """One thing to ask for: what it is, the command that prints it (empty where it is no command), and why."""

    what: str
    command: str
    why: str


@dataclass(frozen=True, slots=True)
class PasteView:
    """How a paste was read.

    `name` is its file, `-` for standard input. `formats` are those that were recognised, each with the line it begins
    on. `beside` are sentences about statements that contradict what was kept. `asks` come in order of their worth.
    `cut` is the number of lines that were read where the paste has more, else None. `fine` says why nothing is wrong
    with the environment, where the paste shows that; empty where it does not.
    """

    name: str
    formats: tuple[tuple[str, int], ...]
    asks: tuple[Ask, ...] = ()
    beside: tuple[str, ...] = ()
    cut: int | None = None
    fine: str = ""
