"""How the manager of a project is made to work in a copy of its environment, and to change the torch set alone there.

Seen with uv 0.13.9, poetry 2.5.1 and pdm 2.29.3. Each has a variable that names the environment, and others that
win over it. `works_in` asks whether it took the hint: one that did not would change the environment itself.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from envdoctor.fix.declared import home_of, table
from envdoctor.fix.foreseeing import foreseen, requirements_of
from envdoctor.fix.installing import program_of
from envdoctor.fix.manifests import MANIFEST, Unmergeable, diff, edited, must_have_project, read
from envdoctor.fix.workspaces import named_by
from envdoctor.host.process import Child
from envdoctor.model.names import required

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envdoctor.fix.declared import Home
    from envdoctor.model.fix import FileDiff
    from envdoctor.model.plan import Step

FILES = {
    "uv": ("pyproject.toml", "uv.lock"),
    "poetry": ("pyproject.toml", "poetry.lock"),
    "pdm": ("pyproject.toml", "pdm.lock", ".pdm-python"),
}
"""What a manager may write in its project."""

WINS = {
    "uv": (
        *("UV_DEV", "UV_ISOLATED", "UV_NO_DEFAULT_GROUPS", "UV_NO_INSTALL_LOCAL", "UV_NO_INSTALL_PROJECT"),
        *("UV_NO_INSTALL_WORKSPACE", "UV_NO_PROJECT", "UV_NO_SOURCES", "UV_NO_SOURCES_PACKAGE", "UV_PYTHON"),
        "VIRTUAL_ENV",
    ),
    # An environment named "base" is never taken for an active one.
    "poetry": ("CONDA_DEFAULT_ENV", "CONDA_PREFIX"),
    "pdm": (
        *("CONDA_DEFAULT_ENV", "CONDA_PREFIX", "PDM_FROZEN_LOCKFILE", "PDM_IGNORE_ACTIVE_VENV", "PDM_IN_VENV"),
        *("PDM_NO_LOCK", "PDM_OVERRIDE", "PDM_PROJECT", "PDM_PYTHON", "PDM_PYTHON_VERSION"),
    ),
}
"""Variables by which a manager works elsewhere, writes no lock file, or passes over what the manifest names."""


ASKED_SECONDS = 60.0
"""How long a manager may take to say where it works."""


MOST = 128 * 1024
"""Characters of a manifest; comparing lines takes time that grows with the square of their number."""


class Prepared(NamedTuple):
    """What carries a project's steps out.

    `files` are all that may be written, by path, with the text to write before the commands run, None where only the
    manager writes. `commands` are carried out in this order; `diffs` tell what becomes of the manifest in the
    end, and `manifest` is its text as it is.
    """

    files: Mapping[str, str | None]
    commands: tuple[tuple[str, ...], ...]
    diffs: tuple[FileDiff, ...]
    manifest: str = ""


def prepare(tool: str, project: str, steps: Sequence[Step], environ: Mapping[str, str]) -> Prepared:
    """Return what is to be done in a project; reads its manifest and changes nothing.

    `environ` are the user's variables, one of which may name a lock file that could not be put back.
    Raises `Unmergeable`, whose message is a line, and `OSError`.
    """
    if tool == "pdm" and environ.get("PDM_LOCKFILE", "pdm.lock") != "pdm.lock":
        raise Unmergeable("PDM_LOCKFILE names another lock file than pdm.lock, which alone is put back with the rest")
    argvs = [step.argv for step in steps]
    folder = project
    if tool == "uv":
        names = [required(one) for argv in argvs for one in requirements_of(argv)]
        folder = named_by(project, read(_manifest(project), MANIFEST), names)
        argvs = [tuple(folder if word == project else word for word in argv) for argv in argvs]
    path = os.path.join(folder, MANIFEST)
    files: dict[str, str | None] = dict.fromkeys((*files_of(tool, project), path))
    _must_be_plain(files)
    before = text = _manifest(folder)
    for step in steps:
        if step.edit is not None:
            text = edited(text, step.edit, tool)
    manifest = read(text, MANIFEST)
    if tool != "poetry":
        argvs = [_under_conditions(argv, manifest) for argv in argvs]
    done = tuple(words for argv in argvs for words in commands(tool, argv, manifest))
    after = foreseen(text, tool, argvs)
    if text != before:
        files[path] = text
    return Prepared(
        files, done, (diff(os.path.relpath(path, project), before, after),) if after != before else (), before
    )


def _manifest(folder: str) -> str:
    """Return the text of a project's manifest with its line ends."""
    path = os.path.join(folder, MANIFEST)
    _must_be_plain((path,))
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read(MOST + 1)
    except UnicodeDecodeError:
        raise Unmergeable(f"{MANIFEST} is not UTF-8") from None
    if len(text) > MOST:
        raise Unmergeable(f"{MANIFEST} is too long to be changed by anyone but a person")
    return text


def files_of(tool: str, project: str) -> tuple[str, ...]:
    """Return the paths of all that the manager may write; uv keeps the lock file of a workspace in its root."""
    names = FILES.get(tool, ())
    return tuple(os.path.join(_lock_folder(project) if name == "uv.lock" else project, name) for name in names)


def environment_for(tool: str, clone: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the manager works in `clone` and in no other environment."""
    child = {name: value for name, value in environ.items() if name not in WINS.get(tool, ())}
    if tool == "uv":
        return child | {"UV_PROJECT_ENVIRONMENT": clone}
    if tool == "pdm":
        return child | {"VIRTUAL_ENV": clone, "PDM_IGNORE_SAVED_PYTHON": "1", "PDM_USE_VENV": "1"}
    # `poetry env use` leaves a note beside the environments, which wins over the active one: none lies there.
    return child | {"VIRTUAL_ENV": clone, "POETRY_VIRTUALENVS_PATH": f"{clone}.none"}


def asked(tool: str, project: str) -> tuple[str, ...]:
    """Return the command that prints where the manager works, and changes nothing; `answered` reads its output."""
    if tool == "uv":
        prints = "import sys; print(sys.prefix)"
        return ("uv", "run", "--project", project, "--frozen", "--no-sync", "python", "-c", prints)
    if tool == "pdm":
        return ("pdm", "info", "-p", project, "--python")
    return ("poetry", "-C", project, "env", "info", "--path")


def answered(said: str, clone: str) -> bool:
    """Whether a line of the output names `clone`, or an interpreter in it."""
    places = {clone, os.path.realpath(clone)}
    lines = (line.strip() for line in said.splitlines())
    return any(line in places or line.startswith(tuple(f"{place}/bin/python" for place in places)) for line in lines)


def works_in(tool: str, project: str, folder: str, environ: Mapping[str, str]) -> bool | None:
    """Ask the manager whether `folder` is the environment that it works in; None where it is not installed."""
    question = asked(tool, project)
    program = program_of(question[0], environ)
    if program is None:
        return None
    answer = Child((program, *question[1:]), environ).answer(time.monotonic() + ASKED_SECONDS)
    return answered(answer.out, folder)


def commands(tool: str, argv: Sequence[str], manifest: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Return a step's command as it is carried out: it writes where the project names these packages, and no more.

    `manifest` is what pyproject.toml says. `add` installs every group that is a default one, also where the environment
    was made without it (`poetry install --without dev`): so it locks, and the packages are installed by themselves.
    Raises `Unmergeable`.
    """
    words = tuple(argv)
    if "add" not in words or "source" in words:
        return (words,)
    names = tuple(map(required, requirements_of(words)))
    home = home_of(manifest, names)
    base = words[: words.index("add")]
    where = words[words.index("add") + 1 :][:2]
    if tool == "uv":
        return _by_uv(words, home, where if where[0] == "--project" else (), manifest)
    if tool == "pdm":
        place = where if where[0] == "-p" else ()
        options = {"extra": ("-G", home.name), "group": ("-dG", home.name)}.get(home.kind, ())
        alone = {"extra": ("--prod", "-G", home.name), "group": ("--no-default", "-G", home.name)}
        installs = ("pdm", "sync", *place, "--no-self", *alone.get(home.kind, ("--prod",)))
        return (_with(words, ("--no-sync", *options)), installs)
    if home.kind == "extra":
        raise Unmergeable(f"poetry cannot put the extra {home.name} alone into an environment")
    options = ("--group", home.name) if home.kind == "group" else ()
    return (_with(words, ("--lock", *options)), (*base, "update", "--only", home.name or "main", *names))


def _under_conditions(argv: Sequence[str], manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return an `add` with the markers that the project's own requirements have.

    Without them uv puts a second requirement beside the first, and pdm drops them. Raises `Unmergeable` where a package
    is named under several.
    """
    if "add" not in argv:
        return tuple(argv)
    home = home_of(manifest, [required(one) for one in requirements_of(argv)])
    there = [one for one in table(manifest, *home.path[:-1]).get(home.path[-1], ()) if isinstance(one, str)]
    words = []
    for word in argv:
        name = required(word) if "==" in word else None
        markers = {one.partition(";")[2].strip() for one in there if required(one) == name}
        if len(markers) > 1:
            raise Unmergeable(f"{MANIFEST} names {name} under several conditions: change the right one by hand")
        marker = markers.pop() if markers else ""
        words.append(f"{word}; {marker}" if marker else word)
    return tuple(words)


def _by_uv(
    words: tuple[str, ...], home: Home, place: tuple[str, ...], manifest: Mapping[str, Any]
) -> tuple[tuple[str, ...], ...]:
    """Uv leaves other groups alone, and what is not in the lock file, save where the packages are named in a group.

    The project itself is there; uv would build it anew, since its manifest changed. Without `--raw` it writes the
    indexes of UV_INDEX and UV_DEFAULT_INDEX into the manifest too.
    """
    must_have_project(manifest)
    if home.kind != "group":
        extra = ("--optional", home.name) if home.kind == "extra" else ()
        return (_with(words, ("--raw", *extra, "--no-install-local")),)
    legacy = home.path[0] == "tool"  # tool.uv.dev-dependencies
    group = ("--dev",) if legacy else ("--group", home.name)
    alone = ("--only-dev",) if legacy else ("--only-group", home.name)
    return (_with(words, ("--raw", "--no-sync", *group)), ("uv", "sync", *place, "--inexact", *alone))


def _with(words: tuple[str, ...], options: tuple[str, ...]) -> tuple[str, ...]:
    after = words.index("add") + 1
    return (*words[:after], *options, *words[after:])


def _must_be_plain(paths: Iterable[str]) -> None:
    """A link or a FIFO would not come back as what it was, and for the latter one waits."""
    for path in paths:
        if os.path.lexists(path) and (os.path.islink(path) or not os.path.isfile(path)):
            raise Unmergeable(f"{os.path.basename(path)} is no plain file, and no other can be put back as it was")


def _lock_folder(project: str) -> str:
    folder = project
    while not os.path.isfile(os.path.join(folder, "uv.lock")):
        above = os.path.dirname(folder)
        if above == folder:
            return project
        folder = above
    return folder
