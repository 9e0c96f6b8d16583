"""The plan's steps for a project, carried out by the real uv, poetry and pdm in a copy of its environment.

The environment itself is not written to, nothing outside the torch set changes in the copy, the manager keeps what was
repaired once the copy is in its place, and the project's files come back byte for byte.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from fix_worlds import serving
from project_worlds import RIGHT, WRONG, Project, digests, project_of, write_wheels

from envdoctor.fix.cloning import clone
from envdoctor.fix.foreseeing import foreseen
from envdoctor.fix.freezing import fingerprints, freeze, outside, torch_set
from envdoctor.fix.keeping import keep, put_back, put_in, settled
from envdoctor.fix.manifests import edited, read
from envdoctor.fix.place import Place, make_state, place_of
from envdoctor.fix.projects import answered, asked, environment_for, prepare
from envdoctor.fix.relocating import relocate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envdoctor.fix.journal import FileKept

NEXT: dict[str, tuple[tuple[str, ...], ...]] = {
    "uv": (("uv", "lock", "--check"), ("uv", "sync", "--inexact")),
    "poetry": (("poetry", "check", "--lock"), ("poetry", "install")),
    "pdm": (("pdm", "lock", "--check"), ("pdm", "sync")),
}
"""What a user types next: none of it may bring the wrong torch back."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("wheels")
    write_wheels(root)
    with serving(root) as index:
        yield index.url


def declared_after(project: Project) -> dict[str, Any]:
    """What the dry run says the manifest will declare."""
    text = project.manifest.read_text()
    for step in project.steps():
        text = edited(text, step.edit, project.tool) if step.edit else text
    return read(foreseen(text, project.tool, [step.argv for step in project.steps()]), "pyproject.toml")


def carried_out(project: Project) -> tuple[Place, tuple[FileKept, ...]]:
    """Repair a copy of the environment as a fix does."""
    folder = project.environment()
    place = place_of(str(folder))
    make_state(place)
    clone(place.environment, place.new, lambda done, of: None)
    relocate(place.new, place.environment, place.new)
    prepared = prepare(project.tool, str(project.folder), project.steps(), project.variables)
    kept = keep(place, tuple(prepared.files))
    for path, text in prepared.files.items():
        if text is not None:
            put_in(path, text)
    variables = environment_for(project.tool, place.new, project.variables)
    assert answered(project.run(asked(project.tool, str(project.folder)), **variables), place.new)
    for argv in prepared.commands:
        project.run(argv, **variables)
    return place, kept


@pytest.mark.parametrize(
    ("tool", "layout", "installed"),
    [
        ("uv", "dependencies", "all"),
        ("uv", "group", "group"),
        ("uv", "extra", "extra"),
        ("poetry", "dependencies", "few"),
        ("pdm", "group", "group"),
        # poetry and pdm take ten times as long as uv: the others are left to `make test-real`.
        pytest.param("poetry", "dependencies", "all", marks=pytest.mark.real),
        pytest.param("poetry", "group", "group", marks=pytest.mark.real),
        pytest.param("pdm", "dependencies", "all", marks=pytest.mark.real),
        pytest.param("pdm", "extra", "extra", marks=pytest.mark.real),
    ],
)
def test_a_copy_is_repaired_and_nothing_else(tool: str, layout: str, installed: str, url: str, tmp_path: Path) -> None:
    project = project_of(tool, layout, installed, url, tmp_path, inside=layout == "group")
    environment = project.environment()
    before, was = freeze(str(environment)), digests(environment)
    files = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in project.folder.iterdir() if path.is_file()}
    assert before["torch"] == WRONG
    expected = declared_after(project)

    own, built = fingerprints(str(environment)).get("p"), project.times_built()
    place, kept = carried_out(project)
    assert digests(environment) == was
    after = freeze(place.new)
    assert after["torch"] == RIGHT
    assert outside(before, after, torch_set(place.new) | torch_set(str(environment))) == ()
    assert read(project.manifest.read_text(), "pyproject.toml") == expected

    kept = settled(kept)
    relocate(place.new, place.new, place.environment)
    assert fingerprints(place.new).get("p") == own
    assert project.times_built() == built
    os.rename(place.environment, place.old)
    os.rename(place.new, place.environment)
    for argv in NEXT[tool]:
        project.run(argv)
    if installed == "all":
        assert freeze(str(environment))["torch"] == RIGHT

    os.rename(place.environment, place.new)
    os.rename(place.old, place.environment)
    assert put_back(place, kept) == ()
    assert digests(environment) == was
    now = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in project.folder.iterdir() if path.is_file()}
    assert now == files
