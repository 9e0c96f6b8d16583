"""What is read of one file that declares an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.declared import Case
    from envdoctor.model.declared_container import ContainerSpec


class DeclaredFile(NamedTuple):
    """What one file declares; `format` names what it was read as ("pyproject.toml", "Dockerfile").

    `trouble` says in one line why the file, or the rest of it, could not be read.
    """

    format: str
    cases: tuple[Case, ...] = ()
    containers: tuple[ContainerSpec, ...] = ()
    trouble: str | None = None
