"""What an installer says a command would do, before it does: its dry run, read.

`uv pip install --dry-run` resolves from metadata and changes nothing, save that it leaves a lock file in the
environment: so it is shown a likeness, a folder of links. `pip install --dry-run` (22.2 and later) downloads whole
wheels to read them where the index serves no metadata beside them (PEP 658), so it is asked only where the caller knows
that to be cheap; elsewhere uv, where there is one, tells what it would do in pip's place, which is no promise of pip's.
None of them builds sources, which would run code of theirs.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.fix.failures import reason
from envdoctor.fix.installing import Ran, install
from envdoctor.fix.variables import tool_of
from envdoctor.model.names import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NO_SOURCES = ("--only-binary", ":all:")
UV_OPTIONS = ("--python", "--index-url", "--default-index", "--index", "--extra-index-url", "--find-links")
"""Options of `uv pip install` that say which wheels there are; `uv pip compile` has them too."""
QUIET = {"PYTHONDONTWRITEBYTECODE": "1"}
NOT_CHEAP = "pip would have to download whole wheels to tell what else changes; with uv on the PATH, uv is asked"
AS_UV = "this is what uv would do; pip may choose other releases of what torch requires"
NO_DRY_RUN = "this pip has no dry run, which came with 22.2, so what else changes is not known beforehand"
NOT_TOLD = "the installer's dry run did not tell what else changes: {}"
NOT_UNDERSTOOD = "it said nothing that is understood here"

_UV_LINE = re.compile(r"\s([+~-]) ([A-Za-z0-9][\w.-]*)==(\S+)(?: .*)?")
_UV_NOTHING = re.compile(r"^Would make no changes", re.MULTILINE)


class Wheel(NamedTuple):
    """Where a wheel comes from, and its bytes where the index told."""

    url: str
    size: int | None = None


class Told(NamedTuple):
    """What an installer says a command would do: versions that would be there after it, None for one taken away.

    `wheels` are those it would install, by name, as far as it says where they come from. `by_another` where that is not
    the installer that the command is for.
    """

    after: Mapping[str, str | None]
    wheels: Mapping[str, Wheel]
    by_another: bool = False


def asked(
    argv: Sequence[str], environment: Callable[[Sequence[str]], Mapping[str, str]], cheap: bool, silence: float
) -> tuple[Told | None, str]:
    """Return what the installer of `argv` (`uv pip install` or `PYTHON -m pip install`) tells, and a note on that.

    `environment` gives the variables for a command. `cheap` where pip may be asked. After `silence` seconds without a
    word an installer is not waited for. Raises nothing: what keeps it from being told is the note.
    """
    try:
        if tool_of(argv) == "uv pip":
            ran, told = _asked_of_uv(argv, environment(argv), silence)
        elif cheap:
            ran, told = _asked_of_pip(argv, environment(argv), silence)
        else:
            instead = in_words_of_uv(argv)
            _, told = _asked_of_uv(instead, environment(instead), silence)
            return told and told._replace(by_another=True), AS_UV if told else NOT_CHEAP
    except OSError as problem:  # no room for temporary files
        return None, NOT_TOLD.format(problem.strerror or problem)
    if told is not None:
        return told, ""
    if "no such option: --dry-run" in ran.said:
        return None, NO_DRY_RUN
    return None, NOT_TOLD.format(NOT_UNDERSTOOD if ran.exit == 0 else reason(ran))


def in_words_of_uv(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the command of uv that asks for what a `PYTHON -m pip install` of a plan asks for."""
    python, words = argv[0], (("--reinstall" if word == "--force-reinstall" else word) for word in argv[4:])
    return ("uv", "pip", "install", "--python", python, *words)


def told_by_uv(output: str) -> Told | None:
    """Return what `uv pip install --dry-run` wrote, None where it did not say (seen with uv 0.13.9)."""
    after: dict[str, str | None] = {}
    for line in output.splitlines():
        match = _UV_LINE.fullmatch(line)
        if match and match[1] == "-":
            after.setdefault(normalised(match[2]), None)
        elif match:
            after[normalised(match[2])] = match[3]
    return Told(after, {}) if after or _UV_NOTHING.search(output) else None


def told_by_pip(report: str) -> Told | None:
    """Return what a report of `pip install --report` holds, None where it is another.

    Its version is "0" in pip 22.2 and "1" from 23.0 to 26.2, and what is read here the same. pip removes nothing but
    what it replaces.
    """
    try:
        document = json.loads(report)
    except ValueError:
        return None
    if (
        not isinstance(document, dict)
        or document.get("version") not in ("0", "1")
        or not isinstance(document.get("install"), list)
    ):
        return None
    after: dict[str, str | None] = {}
    wheels: dict[str, Wheel] = {}
    for item in document["install"]:
        metadata, source = _table(_table(item).get("metadata")), _table(_table(item).get("download_info"))
        name, version, url = metadata.get("name"), metadata.get("version"), source.get("url")
        if not isinstance(name, str) or not isinstance(version, str):
            return None
        after[normalised(name)] = version
        if isinstance(url, str):
            wheels[normalised(name)] = Wheel(url)
    return Told(after, wheels)


def wheels_in(pylock: str) -> dict[str, Wheel]:
    """Return the wheels that a lock file of PEP 751 names, by name; of several for one package none."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        packages = tomllib.loads(pylock).get("packages")
    except (ValueError, RecursionError):
        return {}
    found: dict[str, Wheel] = {}
    for package in packages if isinstance(packages, list) else ():
        name, wheels = _table(package).get("name"), _table(package).get("wheels")
        if not isinstance(name, str) or not isinstance(wheels, list) or len(wheels) != 1:
            continue
        url, size = _table(wheels[0]).get("url"), _table(wheels[0]).get("size")
        if isinstance(url, str):
            found[normalised(name)] = Wheel(url, size if isinstance(size, int) and size >= 0 else None)
    return found


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _asked_of_uv(argv: Sequence[str], environ: Mapping[str, str], silence: float) -> tuple[Ran, Told | None]:
    with _folder() as folder:
        words = _before_its_likeness(argv, folder)
        ran = _dry_run(words, (), environ, silence)
        told = told_by_uv(ran.said) if ran.exit == 0 else None
        return ran, told and told._replace(wheels=_wheels_by_uv(words, told.after, environ, silence, folder))


def _before_its_likeness(argv: Sequence[str], folder: str) -> tuple[str, ...]:
    """Return the command for a folder of links to all that a virtual environment holds; for another Python as it is."""
    python = next((value for option, value in pairwise(argv) if option == "--python"), "")
    prefix = os.path.dirname(os.path.dirname(python))
    if not os.path.isfile(os.path.join(prefix, "pyvenv.cfg")):
        return tuple(argv)
    likeness = os.path.join(folder, "environment")
    os.mkdir(likeness)
    for name in os.listdir(prefix):
        if name != ".lock":
            os.symlink(os.path.join(prefix, name), os.path.join(likeness, name))
    there = os.path.join(likeness, os.path.relpath(python, prefix))
    return tuple(there if word == python else word for word in argv)


def _wheels_by_uv(
    argv: Sequence[str], after: Mapping[str, str | None], environ: Mapping[str, str], silence: float, folder: str
) -> dict[str, Wheel]:
    """Return where the wheels come from; uv's dry run does not say, its lock file does (sizes too, of some indexes)."""
    where = [word for pair in pairwise(argv) if pair[0] in UV_OPTIONS for word in pair]
    where += ["--no-index"] if "--no-index" in argv else []
    wanted, lock = os.path.join(folder, "wanted.txt"), os.path.join(folder, "pylock.toml")
    with open(wanted, "w", encoding="utf-8") as file:
        file.writelines(f"{name}=={version}\n" for name, version in after.items() if version)
    words = (*argv[:2], "compile", "--quiet", "--no-deps", *NO_SOURCES, *where, "--output-file", lock, wanted)
    ran = install(words, {**environ, **QUIET}, "", lambda _: None, silence)
    return wheels_in(_read(lock)) if ran.exit == 0 else {}


def _asked_of_pip(argv: Sequence[str], environ: Mapping[str, str], silence: float) -> tuple[Ran, Told | None]:
    with _folder() as folder:
        report = os.path.join(folder, "report.json")
        ran = _dry_run(argv, ("--quiet", "--report", report), environ, silence)
        return ran, told_by_pip(_read(report)) if ran.exit == 0 else None


def _dry_run(argv: Sequence[str], more: Sequence[str], environ: Mapping[str, str], silence: float) -> Ran:
    place = argv.index("install") + 1
    words = (*argv[:place], "--dry-run", *more, *NO_SOURCES, *argv[place:])
    return install(words, {**environ, **QUIET}, "", lambda _: None, silence)


@contextmanager
def _folder() -> Iterator[str]:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="envdoctor.", ignore_cleanup_errors=True) as folder:
        yield folder


def _read(path: str) -> str:
    """Return a text that an installer wrote, "" where it wrote none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""
