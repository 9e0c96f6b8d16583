"""The entrypoint of an image is started through a shell.

## What it means
`ENTRYPOINT python serve.py` is run as `/bin/sh -c "python serve.py"`. What CMD holds and what `docker run IMAGE ...`
adds never reaches the program. The shell is process 1: whether the SIGTERM of `docker stop` and of Kubernetes reaches
the program is left to it, and where it does not, the container is killed after the grace period, in the middle of a
checkpoint.

## Why it happens
The shell form is what one writes first. The exec form, a list in JSON, starts the program itself.

## How to be sure
`docker inspect --format '{{json .Config.Entrypoint}}' IMAGE` prints `["/bin/sh","-c",...]` for the shell form.

## How to fix
Write the words as a list: `ENTRYPOINT ["python", "serve.py"]`. Where a shell is needed, for variables or a setup, let
it replace itself: `ENTRYPOINT exec python serve.py $OPTIONS`, or a script that ends with `exec "$@"`.

## Sources
Dockerfile reference, ENTRYPOINT, "Shell form ENTRYPOINT example"; hadolint DL3025; docker stop reference.
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
    """Yield nothing: a container does not tell how its image was written; files are judged in `rules/declared`."""
    return iter(())


RULE = Rule(judge, stage=Stage.SETTING, needs=(), fires=(), quiet=())
