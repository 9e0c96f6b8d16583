"""Services that train or serve by several processes with the default size of /dev/shm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.rules.declared.declared_rule import DeclaredRule
from envdoctor.rules.severity_table import ALWAYS, DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Flaw
    from envdoctor.model.declared_container import ContainerSpec

DEFAULT_MIB = 64

_SEVERAL = re.compile(
    r"--(?:nproc[-_]per[-_]node|num[-_]processes|num[-_]gpus|tensor[-_]parallel[-_]size|tp[-_]size)[= ]\s{0,3}"
    r"(?:[2-9]|\d{2})|--nproc[-_]per[-_]node[= ]\s{0,3}(?:gpu|auto)|\s-tp\s{1,3}[2-9]"
)
"""Options by which one command starts several processes that NCCL joins."""

_WORKERS = re.compile(r"--(?:num[-_]|dataloader[-_]num[-_]|data[-_])?workers[= ]\s{0,3}(?:[1-9]|\d{2})|--nw[= ][1-9]")
_PYTHON = re.compile(r"\b(?:python[\d.]*|torchrun|accelerate|deepspeed|vllm|sglang)\b")
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s?([bkmg]?)b?", re.IGNORECASE)
_UNITS = {"": 2**-20, "b": 2**-20, "k": 2**-10, "m": 1.0, "g": 1024.0}


def judge(container: ContainerSpec, matrix: Matrix) -> Iterator[Flaw]:  # noqa: ARG001 - every rule is asked alike
    """Find a service whose command needs shared memory and that asks for none, or for no more than the default."""
    if container.kind != "service" or container.host_ipc or container.gpu is None:
        return
    started = container.command or container.entrypoint
    words = " ".join(container.started)
    several = bool(_SEVERAL.search(words))
    if started is None or not _PYTHON.search(words) or not (several or _WORKERS.search(words)):
        return
    if container.shm_size and not _is_small(container.shm_size.text):
        return
    who = "NCCL between its processes" if several else "the workers of its DataLoader"
    has = f"shm_size {container.shm_size.text}" if container.shm_size else "no shm_size, so 64 MiB of /dev/shm"
    yield RULE.flaw(
        "container",
        f'{container.label.capitalize()} has {has}: {who} may fill it; `shm_size: "8gb"` or `ipc: host` gives more.',
        container.shm_size.place if container.shm_size else started.place,
        when=DECLARED if several else ALWAYS,
    )


def _is_small(text: str) -> bool:
    size = _SIZE.fullmatch(text.strip())
    return size is not None and float(size[1]) * _UNITS[size[2].lower()] <= DEFAULT_MIB


RULE = DeclaredRule(of_container=judge)
