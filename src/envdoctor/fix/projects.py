"""How the manager of a project is made to work in a copy of its environment, and to change the torch set alone there.

Seen with uv 0.13.9, poetry 2.5.1 and pdm 2.29.3. Each has a variable that names the environment, and others that
win over it. `asked` is the question whether it took the hint: one that did not would change the environment itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from envdoctor.fix.declared import home_of
from envdoctor.fix.foreseeing import foreseen, requirements_of
from envdoctor.fix.manifests import MANIFEST, Unmergeable, diff, edited, must_have_project, name_of, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class Prepared(NamedTuple):
    """What carries a project's steps out.

    `files` are all that may be written, by path, with the text to write before the commands run, None where only the
    manager writes. `commands` are carried out in this order; `diffs` tell what becomes of the manifest in the end.
    """

    files: Mapping[str, str | None]
    commands: tuple[tuple[str, ...], ...]
    diffs: tuple[FileDiff, ...]


def prepare(tool: str, project: str, steps: Sequence[Step]) -> Prepared:
    """Return what is to be done in a project; reads its manifest and changes nothing.

    Raises `Unmergeable`, whose message is a line, and `OSError`.
    """
    path = os.path.join(project, MANIFEST)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            before = text = file.read()
    except UnicodeDecodeError:
        raise Unmergeable(f"{MANIFEST} is not UTF-8") from None
    for step in steps:
        if step.edit is not None:
            text = edited(text, step.edit, tool)
    manifest = read(text, MANIFEST)
    done = tuple(argv for step in steps for argv in commands(tool, step.argv, manifest))
    after = foreseen(text, tool, [step.argv for step in steps])
    files: dict[str, str | None] = dict.fromkeys(files_of(tool, project))
    if text != before:
        files[path] = text
    return Prepared(files, done, (diff(MANIFEST, before, after),) if after != before else ())


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


def commands(tool: str, argv: Sequence[str], manifest: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Return a step's command as it is carried out: it writes where the project names these packages, and no more.

    `manifest` is what pyproject.toml says. `add` installs every group that is a default one, also where the environment
    was made without it (`poetry install --without dev`): so it locks, and the packages are installed by themselves.
    Raises `Unmergeable`.
    """
    words = tuple(argv)
    if "add" not in words or "source" in words:
        return (words,)
    names = tuple(map(name_of, requirements_of(words)))
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


def _by_uv(
    words: tuple[str, ...], home: Home, place: tuple[str, ...], manifest: Mapping[str, Any]
) -> tuple[tuple[str, ...], ...]:
    """Uv leaves other groups alone, and what is not in the lock file, save where the packages are named in a group.

    The project itself is there; uv would build it anew, since its manifest changed.
    """
    must_have_project(manifest)
    if home.kind != "group":
        return (_with(words, (*(("--optional", home.name) if home.kind == "extra" else ()), "--no-install-local")),)
    legacy = home.path[0] == "tool"  # tool.uv.dev-dependencies
    group = ("--dev",) if legacy else ("--group", home.name)
    alone = ("--only-dev",) if legacy else ("--only-group", home.name)
    return (_with(words, ("--no-sync", *group)), ("uv", "sync", *place, "--inexact", *alone))


def _with(words: tuple[str, ...], options: tuple[str, ...]) -> tuple[str, ...]:
    after = words.index("add") + 1
    return (*words[:after], *options, *words[after:])


def _lock_folder(project: str) -> str:
    folder = project
    while not os.path.isfile(os.path.join(folder, "uv.lock")):
        above = os.path.dirname(folder)
        if above == folder:
            return project
        folder = above
    return folder
