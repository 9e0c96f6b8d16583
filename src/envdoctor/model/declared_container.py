"""What a Dockerfile or a compose file says of how a container is built and run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from envdoctor.model.declared import Image
    from envdoctor.model.place import Place

ContainerKind = Literal["stage", "service"]


class Written(NamedTuple):
    """A piece of text and where it begins: a user, a command, a size."""

    text: str
    place: Place


class Started(NamedTuple):
    """What a container starts, as an ENTRYPOINT or a CMD has it.

    `words` are those of the exec form; of the shell form it is the one command line, and `shell` is true.
    """

    words: tuple[str, ...]
    place: Place
    shell: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One stage of a Dockerfile or one service of a compose file.

    `image` is what it starts from in the end, None where it is built elsewhere, empty, or named by a variable nobody
    fills in. `final` where it is what comes out of the file. `runs` are the shell commands of its build, each with its
    instruction's place, those of the stages it starts from included, and `copies` what it
    copies. `gpu` is how it asks for a GPU ("gpus: all"), None
    where it does not. `shm_size` is the size of /dev/shm as written, `host_ipc` where it shares that of the host or of
    another container. `published` are ports open to the outside, of the container. `environment` holds what is set.
    """

    file: str
    label: str
    place: Place
    kind: ContainerKind
    image: Image | None = None
    final: bool = True
    runs: tuple[Written, ...] = ()
    copies: tuple[Written, ...] = ()
    user: Written | None = None
    entrypoint: Started | None = None
    command: Started | None = None
    gpu: Written | None = None
    shm_size: Written | None = None
    host_ipc: bool = False
    published: tuple[int, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def started(self) -> tuple[str, ...]:
        """The words it is started by, those of the entrypoint first."""
        return tuple(word for one in (self.entrypoint, self.command) if one for word in one.words)

    def variable(self, name: str) -> str | None:
        """Return what an environment variable is set to, None where nothing sets it."""
        return next((value for key, value in reversed(self.environment) if key == name), None)
