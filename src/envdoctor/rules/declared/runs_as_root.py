"""Services that open a port and run as root."""

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

_ROOT = re.compile(r"(?:root|0)(?::\S*)?")
_BECOMES_ANOTHER = re.compile(r"\b(?:gosu|su-exec|setpriv|runuser|su)\b|entrypoint")
"""What an entrypoint that begins as root may hand over by; what a script does is not seen here."""


def judge(container: ContainerSpec, matrix: Matrix) -> Iterator[Flaw]:  # noqa: ARG001 - every rule is asked alike
    """Find what is reachable and is not told to be anybody but root.

    Of a service only what it says itself counts: whom its image runs as is not known here.
    """
    user = container.user
    if not container.published or not container.final or (user and not _ROOT.fullmatch(user.text)):
        return
    started = container.started
    if any(_BECOMES_ANOTHER.search(word) for word in started):
        return
    if container.kind == "service" and user is None:
        return
    if container.kind == "stage" and (container.image is None or not started):
        return
    if not computes(container):
        return
    port = container.published[0]
    where = user.place if user else container.place
    told = "is told to run as root" if user else "has no USER and so runs as root"
    yield RULE.flaw("container", f"What serves port {port} {told}: who breaks into it owns the container.", where)


_INSTALLED = "FROM pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime\nRUN pip install jupyterlab\n"
_STARTED = 'CMD ["jupyter", "lab", "--ip=0.0.0.0"]\n'

RULE = DeclaredRule(
    of_container=judge,
    fires=(FileExample("a port is opened, and no USER", "Dockerfile", f"{_INSTALLED}EXPOSE 8888\n{_STARTED}"),),
    quiet=(
        FileExample("another user", "Dockerfile", f"{_INSTALLED}USER 1000\nEXPOSE 8888\n{_STARTED}"),
        FileExample("no port is opened", "Dockerfile", f'{_INSTALLED}CMD ["python", "train.py"]\n'),
    ),
)
