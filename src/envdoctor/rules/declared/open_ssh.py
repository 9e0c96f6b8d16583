"""Containers that start an SSH server or publish its port."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.declared.workloads import computes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Flaw
    from envdoctor.model.declared_container import ContainerSpec

PORT = 22

_SERVER = re.compile(r"(?:^|[/\s])sshd(?:\s|$)|\bservice\s+ssh\s+start\b")


def judge(container: ContainerSpec, matrix: Matrix) -> Iterator[Flaw]:  # noqa: ARG001 - every rule is asked alike
    """Find a server that is started, or port 22 published to the outside."""
    if not container.final or not computes(container):
        return
    for started in (container.entrypoint, container.command):
        if started and any(_SERVER.search(word) for word in started.words):
            yield RULE.flaw("container", "The container starts an SSH server, which takes logins.", started.place)
            return
    if PORT in container.published:
        yield RULE.flaw("container", "Port 22 is opened: the container takes SSH logins.", container.place)


RULE = DeclaredRule(of_container=judge)
