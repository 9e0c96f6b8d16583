"""What an installer is asked to do, in no installer's words, and what one answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.plan import Edit

TORCH_SET = ("torch", "torchvision", "torchaudio")


@dataclass(frozen=True, slots=True)
class Order:
    """Put `requirements` (exact versions, local part included) into the environment of `python`.

    `index_url` is the only index that holds these builds, None where the package index has them; `find_links` the
    folder or page of links that stands there in place of an index, beside which the installer asks the index that it
    is configured for. `again` reinstalls what is already there in that very version, and nothing it depends on;
    `compiled` builds that here from its sources, against the torch that is there, and takes no build that the installer
    kept from another time. `project` is the folder of the project that keeps the environment, `prefix` that of the
    environment; None where the command is to be run in them.
    """

    python: str
    requirements: tuple[str, ...]
    index_url: str | None
    again: bool = False
    project: str | None = None
    prefix: str | None = None
    compiled: bool = False
    find_links: str | None = None

    @property
    def where(self) -> tuple[str, ...]:
        """The options of pip, and of uv as a pip, that say where the builds are.

        A build that the package index may have a namesake of comes from the links and from nowhere else, which can be
        said only where nothing it depends on is to come along.
        """
        if self.find_links:
            alone = ("--no-index",) if self.again and self.has_namesake else ()
            return (*alone, "--find-links", self.find_links)
        return ("--index-url", self.index_url) if self.index_url else ()

    @property
    def has_namesake(self) -> bool:
        """Whether links hold a build without a local version: the package index may have another of that name."""
        named = zip(self.packages, self.requirements, strict=True)
        return bool(self.find_links) and any("+" not in line for name, line in named if name in TORCH_SET)

    @property
    def in_turn(self) -> tuple[Order, ...]:
        """The orders that bring it where nothing is yet: one, or builds with a namesake first and then the rest."""
        return (replace(self, again=True), self) if self.has_namesake and not self.again else (self,)

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
