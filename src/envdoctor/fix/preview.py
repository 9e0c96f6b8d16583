"""What a fix would change, before anything is downloaded: by the steps alone, and by the installers' dry runs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.fix.dry_run import NO_DRY_RUN, NOT_CHEAP, asked
from envdoctor.fix.variables import environment_for, tool_of
from envdoctor.model.change import Installs, Into, Removes
from envdoctor.model.fix import PackageChange
from envdoctor.model.names import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envdoctor.fix.dry_run import Wheel
    from envdoctor.model.plan import Step

SILENCE = 60.0
"""Seconds without a word before an installer is not waited for: a resolver asks an index dozens of small questions."""
FIRST = ("torch", "torchvision", "torchaudio")

_EXACT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([\w.!+-]+)")


class Preview(NamedTuple):
    """`changes` of distributions; all there will be where `resolved`. `download` in bytes, None where not told.

    `failed` where a dry run failed, as what it was one of will.
    """

    changes: tuple[PackageChange, ...]
    resolved: bool
    notes: tuple[str, ...]
    download: int | None
    failed: bool = False


def preview(
    steps: Sequence[Step],
    before: Mapping[str, str],
    environ: Mapping[str, str],
    *,
    cheap: bool = False,
    silence: float = SILENCE,
    secret_base: str | None = None,
    sizes: Mapping[str, int | None] | None = None,
    size_of: Callable[[str], int | None] | None = None,
) -> Preview:
    """Return what `steps` would change in an environment that holds `before` (normalised name to version).

    `environ` are the user's variables, of which an installer sees what it will see when it is done; `secret_base` as in
    `environment_for`. `cheap` where pip may be asked: the index serves metadata, or the user will wait for downloads.
    `silence` in seconds bounds each installer. `sizes` are bytes of wheels by name, as far as the caller knows them;
    `size_of` tells those of a wheel by its URL where else nobody does. That an installer cannot tell is a note and no
    failure.
    """
    after: dict[str, str | None] = {}
    wheels: dict[str, Wheel] = {}
    again: set[str] = set()
    notes: list[str] = []
    complete = resolved = True
    failed = False
    for step in steps:
        told, note = None, ""
        if _can_tell(step):
            told, note = asked(step.argv, lambda argv: environment_for(argv, environ, secret_base)[0], cheap, silence)
        if note:
            notes.append(note)
            failed = failed or (told is None and note not in (NOT_CHEAP, NO_DRY_RUN))
        if told:
            wheels |= told.wheels
            resolved = resolved and not told.by_another
        elif not isinstance(step.change, Removes):
            complete = False
        new = told.after if told else named_by(step)
        after |= new
        if told or (isinstance(step.change, Installs) and step.change.again):
            again |= new.keys()

    def size(name: str) -> int | None:
        return _size(wheels.get(name), (sizes or {}).get(name), size_of)

    changes = _changes(before, after, again, size)
    complete = complete and not _may_come_back(steps, after)
    arriving = [one.download for one in changes if one.after is not None]
    known = [size for size in arriving if size is not None]
    download = sum(known) if complete and len(known) == len(arriving) else None
    return Preview(changes, complete and resolved, tuple(dict.fromkeys(notes)), download, failed)


def _may_come_back(steps: Sequence[Step], after: Mapping[str, str | None]) -> bool:
    """Whether a step takes away what a later one may require: to that one's dry run it is still there."""
    removed: set[str] = set()
    for step in steps:
        if isinstance(step.change, Removes):
            removed |= named_by(step).keys()
        elif any(after.get(name) is None for name in removed):
            return True
    return False


def named_by(step: Step) -> dict[str, str | None]:
    """Return the distributions that a step names: to the exact version it asks for, or None where it removes them.

    One that is asked for by a range is left out: which version that is, the installer chooses.
    """
    change = step.change
    if isinstance(change, Removes):
        return dict.fromkeys(map(normalised, change.packages))
    if not isinstance(change, Installs) or change.into is Into.IMAGE:
        return {}
    exact = (_EXACT.fullmatch(requirement.partition(";")[0].strip()) for requirement in change.requirements)
    return {normalised(match[1]): match[2] for match in exact if match}


def _can_tell(step: Step) -> bool:
    """Whether there is a dry run to make: none of a removal, a build from sources, a project's or conda's command."""
    change = step.change
    if not isinstance(change, Installs) or change.into is not Into.PRESENT or change.compiled:
        return False
    return tool_of(step.argv) in ("uv pip", "pip")


def _changes(
    before: Mapping[str, str],
    after: Mapping[str, str | None],
    again: set[str],
    size: Callable[[str], int | None],
) -> tuple[PackageChange, ...]:
    """Return what is different then: the torch set, what else comes or changes, and what goes, each by name."""
    changed = [
        PackageChange(name, before.get(name), version, None if version is None else size(name))
        for name, version in after.items()
        if before.get(name) != version or (version is not None and name in again)
    ]
    return tuple(sorted(changed, key=lambda one: (one.name not in FIRST, one.after is None, one.name)))


def _size(wheel: Wheel | None, known: int | None, size_of: Callable[[str], int | None] | None) -> int | None:
    """Return the bytes of a wheel: as its index told, else as is known, by the file if it is here, or asked."""
    if wheel is None or wheel.size is not None:
        return wheel.size if wheel else known
    if known is not None:
        return known
    if wheel.url.startswith("file://"):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        try:
            return os.stat(url2pathname(urlsplit(wheel.url).path)).st_size
        except (OSError, ValueError):
            return None
    return size_of(wheel.url) if size_of else None
