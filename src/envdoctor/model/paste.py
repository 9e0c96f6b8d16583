"""What is read of a stranger's paste, before it is one machine: each statement with the line it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.fact import Fact


class Line(NamedTuple):
    """One line of a paste, cleaned of quoting, colours and indentation marks; `number` counts from 1 in the paste."""

    number: int
    text: str


class Stated(NamedTuple):
    """A fact as a line of the paste states it; `name` is that of docs/reference/facts.md.

    The source of a known fact is the format it was read from ("collect_env"); the line is added when all is put
    together.
    """

    name: str
    fact: Fact
    line: int


class Package(NamedTuple):
    """An installed distribution that a listing names, with its name as written there.

    `build` and `channel` are conda's; `location` is the folder, where it is told.
    """

    name: str
    version: str
    line: int
    manager: Literal["pip", "conda"] = "pip"
    build: str = ""
    channel: str = ""
    location: str = ""


class SaidLine(NamedTuple):
    """What software said of a failure by itself: an exception, a warning, a message of the loader or of a tool.

    `text` is the message, in as many lines as belong together; `line` is where it begins.
    """

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader makes of a paste.

    `claimed` are the numbers of the lines that are its format's alone, which no later reader looks at. `whole` where
    a listing names every distribution of the environment, so that what is not in it is not installed.
    """

    format: str
    stated: tuple[Stated, ...] = ()
    packages: tuple[Package, ...] = ()
    said: tuple[SaidLine, ...] = ()
    claimed: frozenset[int] = field(default_factory=frozenset)
    whole: bool = False
