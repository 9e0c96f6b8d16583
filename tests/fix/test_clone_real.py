"""Environments of the real pip and the real uv: cloned, changed in the clone, and put in the place of the old."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from little_projects import compiles, make_project, uv
from tree_digest import tree_digest

from envdoctor.fix.cloning import clone
from envdoctor.fix.freezing import fingerprints, freeze, outside, sites
from envdoctor.fix.relocating import relocate

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(not compiles(), reason="no C compiler, or no Python.h")

VARIABLES = {
    "PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1",
    "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1", "UV_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip


def said(*argv: object, cwd: Path | None = None) -> str:
    done = subprocess.run(list(map(str, argv)), env=VARIABLES, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()


def by_pip(environment: Path, *what: object) -> None:
    if not environment.exists():
        said(sys.executable, "-m", "venv", "--without-pip", environment)
    pip(environment, "install", "-q", "--no-deps", *what)


def pip(environment: Path, *command: object) -> None:
    said(sys.executable, "-m", "pip", "--python", environment / "bin" / "python", *command)


def by_uv(environment: Path, *what: object) -> None:
    tool = uv()
    if tool is None:
        pytest.skip("no uv here")
    cache = ("--cache-dir", environment.with_name("uv cache"))
    if not environment.exists():
        said(tool, "venv", "-q", "--python", sys.executable, environment, *cache)
    said(tool, "pip", "install", "-q", "--no-deps", "--python", environment / "bin" / "python", *cache, *what)


FOLDERS = (".venv", "my env", "a" * 90)
"""Names of an environment's folder: usual, one that needs quotation, one for which scripts begin with /bin/sh."""


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("install", [by_pip, by_uv])
def test_a_clone_works_by_itself_and_takes_the_place_of_the_old(
    install: Callable[..., None], name: str, tmp_path: Path
) -> None:
    old, new = tmp_path / name, tmp_path / f"{name}.envdoctor" / "new"
    sources = tmp_path / "sources"
    native = make_project(sources / "native", "native", native=True)
    editable = make_project(sources / "outside", "outside")
    install(old, native)
    within = make_project(old / "src" / "within", "within")  # where pip puts `-e git+...`
    install(old, "-e", editable, "-e", within)
    was, before = tree_digest(old), freeze(str(old))
    assert {"native", "outside", "within"} <= set(before)

    new.parent.mkdir()
    clone(str(old), str(new), lambda done, of: None)
    assert relocate(str(new), str(old), str(new)) > 5
    assert freeze(str(new)) == before
    assert ran(new) == {"native": [str(new)] * 2, "outside": [str(new), str(editable)], "within": [str(new)] * 2}
    assert not differing_from_record(new)
    assert not naming(new, old, but=new)

    # The way back from here is the tree as it was: copied once more, as the clone goes on.
    third = tmp_path / "third"
    clone(str(new), str(third), lambda done, of: None)
    relocate(str(third), str(new), str(old))
    assert tree_digest(third) == was

    wheel = make_project(sources / "later", "later", "2.0")
    prints = fingerprints(str(new))
    install(new, wheel)
    assert fingerprints(str(new)) == prints | {"later": fingerprints(str(new))["later"]}
    assert said(new / "bin" / "later-run").split(" ")[0] == "later"
    relocate(str(new), str(new), str(old))
    assert tree_digest(old) == was

    old.rename(tmp_path / "kept")
    new.rename(old)
    assert not naming(old, new)
    assert [(one.name, one.before, one.after) for one in outside(before, freeze(str(old)), ())] == [
        ("later", None, "2.0")
    ]
    assert ran(old) == {"native": [str(old)] * 2, "outside": [str(old), str(editable)], "within": [str(old)] * 2}
    assert str(old) in said(old / "bin" / "later-run")
    assert not differing_from_record(old)
    activated = said(
        "bash", "-c", '. "$1" && command -v later-run && echo "$VIRTUAL_ENV"', "bash", old / "bin" / "activate"
    )
    assert activated.splitlines() == [str(old / "bin" / "later-run"), str(old)]
    if install is by_pip:
        pip(old, "check")
        pip(old, "uninstall", "-q", "-y", "later")
        assert not [path for path in old.rglob("*later*") if "__pycache__" not in path.parts]


def ran(environment: Path) -> dict[str, list[str]]:
    """Run each console script; where its interpreter and its module lie: the environment, or a project outside."""
    found: dict[str, list[str]] = {}
    for name in ("native", "outside", "within"):
        said_of = said(environment / "bin" / f"{name}-run")
        assert said_of.startswith(f"{name} {environment} ")
        module = Path(said_of[len(f"{name} {environment} ") :])
        inside = module.is_relative_to(environment)
        found[name] = [str(environment), str(environment if inside else module.parent)]
    return found


def differing_from_record(environment: Path) -> list[str]:
    """The files of which RECORD states another digest or size than they have."""
    found = []
    for site in sites(str(environment)):
        for record in Path(site).glob("*.dist-info/RECORD"):
            for path, digest, size in csv.reader(record.read_text().splitlines()):
                if not digest:
                    continue
                content = Path(site, path).read_bytes()
                stated = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                if (digest, int(size)) != (stated, len(content)):
                    found.append(path)
    return found


def naming(environment: Path, place: Path, but: Path | None = None) -> list[Path]:
    """The files of an environment that name a place, other than in the name of the place `but`."""
    found = []
    for path in environment.rglob("*"):
        if path.is_symlink() or not path.is_file() or path.suffix == ".pyc":
            continue
        content = path.read_bytes()
        for other, wanted in ((str(but), str(place)), (str(but).replace(" ", "%20"), str(place).replace(" ", "%20"))):
            if wanted.encode() in content.replace(other.encode(), b""):
                found.append(path)
    return found
