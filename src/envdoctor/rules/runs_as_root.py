"""A service that others can reach runs as root in its container.

## What it means
The image opens a port, and no `USER` follows the installation: the server runs as user 0. Who breaks into it owns all
of the container and what is mounted into it, and is one flaw of the kernel or of the GPU driver away from the host.
Nothing fails by it, so this is a note.

## Why it happens
Root is the default of nearly all base images, and installing packages needs it. GPUs do not: the device files that the
NVIDIA container runtime passes in are open to every user.

## How to be sure
`docker run --rm IMAGE id -u` prints 0.

## How to fix
Add a user when everything is installed: `RUN useradd --create-home app`, then `USER app`, and give it the folders it
writes to (model caches, logs) by `COPY --chown=app` or `chown`. In Compose, `user: "1000:1000"` does the same.

## Sources
Dockerfile reference, USER; Docker documentation, "Building best practices", USER; Kubernetes, Pod Security Standards,
runAsNonRoot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.rules.rule import Rule, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.finding import Finding
    from envdoctor.model.machine import Machine


def judge(machine: Machine, matrix: Matrix) -> Iterator[Finding]:  # noqa: ARG001 - every rule is asked alike
    """Yield nothing: whom a machine runs programs as is its own affair; files are judged in `rules/declared`."""
    return iter(())


RULE = Rule(judge, stage=Stage.SETTING, needs=(), fires=(), quiet=())
