"""A container runs an SSH server that is reachable from outside.

## What it means
The image starts `sshd` or opens port 22. Every container of the image then takes logins, mostly with a password that
stands in the Dockerfile and is in the image for all who can pull it. Nothing fails by it, so this is a note.

## Why it happens
Rented GPUs are often reached this way, and images for them carry a server. `docker exec`, `kubectl exec` and the remote
extensions of editors need none.

## How to be sure
`docker run --rm IMAGE cat /etc/ssh/sshd_config` shows whether passwords and root are let in, `docker ps` the port.

## How to fix
Leave the server out and use `docker exec -it CONTAINER bash`. Where it has to be there, set `PasswordAuthentication no`
and `PermitRootLogin prohibit-password`, pass keys in when the container starts, and publish the port on
127.0.0.1 alone: `-p 127.0.0.1:2222:22`.

## Sources
sshd_config(5); Docker documentation, "docker container exec" and "Published ports"; NIST SP 800-190, 4.4.
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
    """Yield nothing: which servers a machine runs is its own affair; files are judged in `rules/declared`."""
    return iter(())


RULE = Rule(judge, stage=Stage.SETTING, needs=(), fires=(), quiet=())
