"""Containers that start an SSH server or publish its port."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.declared.declared_rule import DeclaredRule, FileExample
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


_INSTALLED = "FROM pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime\nRUN apt-get install -y openssh-server\n"

RULE = DeclaredRule(
    of_container=judge,
    fires=(
        FileExample("the container starts sshd", "Dockerfile", f'{_INSTALLED}CMD ["/usr/sbin/sshd", "-D"]\n'),
        FileExample("port 22 is opened", "Dockerfile", f'{_INSTALLED}EXPOSE 22\nCMD ["python", "train.py"]\n'),
    ),
    quiet=(
        FileExample("a server that nothing starts", "Dockerfile", f'{_INSTALLED}CMD ["python", "train.py"]\n'),
        FileExample("an image that computes nothing", "Dockerfile", 'FROM debian:13\nCMD ["/usr/sbin/sshd", "-D"]\n'),
    ),
)
