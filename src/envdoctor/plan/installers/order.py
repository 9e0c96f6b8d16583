"""What an installer is asked to do, in no installer's words, and what one answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.plan import Edit


@dataclass(frozen=True, slots=True)
class Order:
    """Put `requirements` (exact versions, local part included) into the environment of `python`.

    `index_url` is the only index that holds these builds, None where the package index has them. `again` reinstalls
    what is already there in that very version, and nothing it depends on; `compiled` builds that here from its sources,
    against the torch that is there, and takes no build that the installer kept from another time. `project` is the
    folder of the project that keeps the environment, `prefix` that of the environment; None where the command is to be
    run in them.
    """

    python: str
    requirements: tuple[str, ...]
    index_url: str | None
    again: bool = False
    project: str | None = None
    prefix: str | None = None
    compiled: bool = False

    @property
    def packages(self) -> tuple[str, ...]:
        """The names of the required packages."""
        return tuple(re.split(r"[=~<>!\[; ]", requirement)[0] for requirement in self.requirements)

    @property
    def channel(self) -> str | None:
        """The channel that the index is of: cu126; None for the package index."""
        return self.index_url.rstrip("/").rpartition("/")[2] if self.index_url else None

    @property
    def index_name(self) -> str:
        """What a project calls the index of a channel: pytorch-cu126."""
        return f"pytorch-{self.channel or ''}"


class Command(NamedTuple):
    """What to type, after `edit` where a file of the project has to say something first.

    `note` tells what this very command changes and keeps; `installs` is false for one that only prepares.
    """

    argv: tuple[str, ...]
    note: str = ""
    edit: Edit | None = None
    installs: bool = True
