"""Entrypoints in shell form, in the stage that comes out of a Dockerfile."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from envdoctor.model.place import Amendment
from envdoctor.rules.declared.declared_rule import DeclaredRule, FileExample
from envdoctor.rules.declared.workloads import computes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.declared import Flaw
    from envdoctor.model.declared_container import ContainerSpec

_NEEDS_A_SHELL = re.compile(r"""[$`|&;<>()*?{}~"'\\#\[\]]|^\s*(?:\S+=|(?:cd|source|\.|exec)\s)""")


def judge(container: ContainerSpec, matrix: Matrix) -> Iterator[Flaw]:  # noqa: ARG001 - every rule is asked alike
    """Find an entrypoint that a shell starts and does not hand over to."""
    started = container.entrypoint
    if container.kind != "stage" or not container.final or started is None or not started.shell:
        return
    text = started.words[0]
    if not computes(container) or not text or re.match(r"\s*exec\s", text) or re.search(r"(?:&&|;)\s*exec\s", text):
        return
    amendments: tuple[Amendment, ...] = ()
    if not _NEEDS_A_SHELL.search(text):
        amendments = (Amendment(started.place, text, json.dumps(text.split()), safe=False),)
    yield RULE.flaw(
        "entrypoint",
        "ENTRYPOINT without brackets is run by /bin/sh: what CMD and `docker run` add does not reach the program, and "
        "whether the signal of `docker stop` does is left to the shell.",
        started.place,
        *amendments,
    )


_BASE = "FROM pytorch/pytorch:2.7.0-cuda12.6-cudnn9-runtime\n"

RULE = DeclaredRule(
    of_container=judge,
    fires=(FileExample("an entrypoint without brackets", "Dockerfile", f"{_BASE}ENTRYPOINT python serve.py\n"),),
    quiet=(
        FileExample("the exec form", "Dockerfile", f'{_BASE}ENTRYPOINT ["python", "serve.py"]\n'),
        FileExample("the shell hands over", "Dockerfile", f"{_BASE}ENTRYPOINT exec python serve.py\n"),
    ),
)
