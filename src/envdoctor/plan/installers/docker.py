"""Docker: the tag of an image that holds the set, or the lines of a Dockerfile that installs it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from envdoctor.model.plan import Edit
from envdoctor.plan.installers import pip
from envdoctor.plan.installers.order import Command

if TYPE_CHECKING:
    from envdoctor.plan.installers.order import Order

DOCKERFILE = "Dockerfile"


def from_tag(tag: str) -> Command:
    """Return what brings an image that holds torch already."""
    return Command(("docker", "pull", tag), f"a Dockerfile begins with {tag}", Edit(DOCKERFILE, f"FROM {tag}\n"))


def from_python(order: Order, python: str) -> Command:
    """Return what builds an image on Python's own, with the wheels in it; `python` is a release, "3.12"."""
    argvs = [pip.commands(one)[0].argv for one in order.in_turn]
    runs = "".join(f"RUN {shlex.join((*argv[:4], '--no-cache-dir', *argv[4:]))}\n" for argv in argvs)
    lines = f"FROM python:{python}-slim\n{runs}"
    tag = order.index_name.replace("pytorch-", "torch-") if order.index_url else "torch"
    bring = "bring CUDA with them, so" if (order.channel or "").startswith("cu") else "need nothing else:"
    note = f"the wheels {bring} a plain image of Python is enough"
    return Command(("docker", "build", "--tag", tag, "."), note, Edit(DOCKERFILE, lines))
