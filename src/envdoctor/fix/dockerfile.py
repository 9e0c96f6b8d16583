"""A Dockerfile with the commands of a plan in it: what is repaired in a running container is gone with it.

How it is divided stands in `readers/declared/images/dockerfile_instructions.py`; nothing more of its instructions has
to be understood to add a line.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from envdoctor.fix.manifests import diff
from envdoctor.fix.variables import tool_of
from envdoctor.model.change import Installs, Into, Removes
from envdoctor.model.plan import Applicability, Edit, Step
from envdoctor.readers.declared.images.dockerfile_instructions import Unended, lines_of
from envdoctor.readers.declared.images.dockerfile_instructions import instructions as divided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.fix import FileDiff
    from envdoctor.readers.declared.images.dockerfile_instructions import Instruction

NAME = "Dockerfile"
WHY = "what is changed in a running container is gone with it: the image has to hold it"
COMES_LATER = ("USER", "CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL")
"""What follows when everything is installed: the user that a service runs as, and how it is started."""
NO_CACHE = {"pip": "--no-cache-dir", "uv pip": "--no-cache"}

_INSTALLS = re.compile(
    r"\b(?:pip[\d.]*|uv|conda|mamba|micromamba|pixi|poetry|pdm|pipenv)\s(?:[^&|;]*\s)?(?:install|sync|add|create|update)\b"
)
_FLAGS = re.compile(r"^(?:--\S+\s+)+")
_ROOT = re.compile(r"(?:root|0)(?::\S+)?")


class Unpatchable(Exception):
    """Nothing can be added to the file without a person; the message is one line that says why."""


def commands_of(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return what an image has to run, as a shell takes it: the commands of steps that change an environment.

    An image is built once, so that installers keep nothing for the next time. Of a step that comes with a Dockerfile of
    its own it is what that runs.
    """
    found: list[str] = []
    for step in steps:
        if step.edit and step.edit.file == NAME:
            found += [one.words for one in instructions(step.edit.text) if one.name == "RUN"]
        elif step.argv and _changes_packages(step):
            words = list(step.argv)
            option = NO_CACHE.get(tool_of(words))
            if option and option not in words and "install" in words:
                words.insert(words.index("install") + 1, option)
            found.append(shlex.join(words))
    return tuple(found)


def _changes_packages(step: Step) -> bool:
    change = step.change
    return isinstance(change, Removes) or (isinstance(change, Installs) and change.into is Into.PRESENT)


def to_be_added(commands: Sequence[str]) -> Step:
    """Return, where there is no Dockerfile to be seen, the lines as a step for a person."""
    lines = "".join(f"RUN {command}\n" for command in commands)
    return Step("rebuild-image", Applicability.MANUAL, WHY, edit=Edit(NAME, lines))


def patch(text: str, commands: Sequence[str], name: str = NAME) -> FileDiff | None:
    """Return the change by which an image runs `commands` when it is built, None where it does already.

    `text` is the file with its line ends, `name` what it is called. Raises `Unpatchable`.
    """
    after = patched(text, commands)
    return None if after == text else diff(name, text, after)


def patched(text: str, commands: Sequence[str]) -> str:
    """Return the file with a RUN for each command in its final stage, beside what installs packages there.

    Those that are there already are not added again. Everything else stays as it is. Raises `Unpatchable`.
    """
    if any(not command.isprintable() for command in commands):
        raise Unpatchable("a command holds a character that a Dockerfile cannot")
    found = instructions(text)
    stages = [place for place, one in enumerate(found) if one.name == "FROM"]
    if not stages:
        raise Unpatchable("there is no FROM in it")
    stage = found[stages[-1] + 1 :]
    there = {_plain(one.words) for one in stage if one.name == "RUN"}
    new = [f"RUN {command}" for command in commands if _plain(command) not in there]
    if not new:
        return text
    lines = text.split("\n")
    installing = [one for one in stage if one.name == "RUN" and _INSTALLS.search(one.words)]
    at = installing[-1].end if installing else _before_what_comes_later(stage, lines)
    user = _user(found, at)
    if user and not installing:
        new = ["USER root", *new, f"USER {user}"]
    after = _inserted(lines, at, new)
    if len(instructions(after)) != len(found) + len(new):
        raise Unpatchable("its last line is one that goes on")
    return after


def _plain(command: str) -> str:
    return " ".join(_FLAGS.sub("", command).split())


def _before_what_comes_later(stage: Sequence[Instruction], lines: Sequence[str]) -> int:
    """Return the line before which packages are installed where nothing in the stage does that."""
    later = next((one.first for one in stage if one.name in COMES_LATER), None)
    brought = [one.end for one in stage if one.name == "COPY" and one.words.startswith("--from=")]
    if later is None or (brought and brought[-1] > later):
        return brought[-1] if brought else len(lines)
    while later and lines[later - 1].lstrip().startswith("#"):  # a comment speaks of what follows it
        later -= 1
    return later


def _user(found: Sequence[Instruction], at: int) -> str:
    """Return who the commands at a line are run as, "" for root and for what the base image says."""
    users: dict[str, str] = {}
    user, name, number = "", "", 0
    for one in found:
        if one.first >= at:
            break
        if one.name == "FROM":
            users |= {name: user, str(number - 1): user}
            words = _FLAGS.sub("", one.words).split()
            user = users.get(words[0].lower(), "") if words else ""
            name = words[2].lower() if len(words) > 2 else ""
            number += 1
        elif one.name == "USER":
            user = one.words.strip()
    return "" if _ROOT.fullmatch(user) else user


def _inserted(lines: list[str], at: int, new: Sequence[str]) -> str:
    """Return the lines with new ones before line `at`, ended as the others are."""
    end = "\r" if lines[0].endswith("\r") else ""
    at = min(at, len(lines))
    if at == len(lines):
        if lines[-1]:
            lines = [*lines[:-1], lines[-1].removesuffix("\r") + end, ""]
        at = len(lines) - 1
    return "\n".join([*lines[:at], *(line + end for line in new), *lines[at:]])


def instructions(text: str) -> tuple[Instruction, ...]:
    """Return the instructions of a Dockerfile, in order. Raises `Unpatchable` where a here-document does not end."""
    try:
        return tuple(divided(lines_of(text)))
    except Unended as problem:
        raise Unpatchable(str(problem)) from None
