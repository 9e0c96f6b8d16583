"""`envdoctor fix` behind a mirror: in each layout, with a login that shows nowhere, past what the user configured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fix_worlds import WORLDS, Environment, Place, beside, digest, doctored
from mirror_secrets import PASSWORD, TOKEN, USER, WORD, shows_nothing, watched
from mirror_server import Mirror, mirroring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from machines import Said

WORLD = WORLDS["a build that dropped this GPU"]
HOW = ("pip", "uv")


@pytest.fixture
def mirror(tiny_wheels: Path) -> Iterator[Mirror]:
    with mirroring(tiny_wheels) as running:
        yield running


def made(path: Path, place: Place, installer: str) -> Environment:
    """An environment that came from the index without a login, with caches of its own."""
    return WORLD.made(path / "project" / ".venv", installer, Place(place.index, path / "caches"))


def fixed(at: Environment, standin: Path, *words: str, **env: str) -> Said:
    return doctored(at, WORLD, "fix", "--apply", "--yes", "--no-smoke", *words, standin=standin, env=env)


LOGINS = {
    ("pip", "projects"): PASSWORD, ("uv", "projects"): TOKEN, ("pip", "flat"): TOKEN, ("uv", "flat"): PASSWORD,
    ("pip", "page"): f"{TOKEN}:", ("uv", "page"): TOKEN, ("pip", "json"): TOKEN, ("uv", "json"): PASSWORD,
}  # fmt: skip
"""Each layout by both installers, with a login as addresses have it; the second of each is left to `make test-real`."""


def own_index(mirror: Mirror) -> dict[str, str]:
    """The user's own index, which a flat mirror needs beside it."""
    return {"PIP_INDEX_URL": mirror.simple, "UV_DEFAULT_INDEX": mirror.simple}


@pytest.mark.parametrize(
    ("installer", "layout"),
    [
        pytest.param(*which, marks=() if which in list(LOGINS)[::3] else pytest.mark.real, id="-".join(which))
        for which in LOGINS
    ],
)
def test_a_login_opens_the_mirror_and_shows_nowhere(
    installer: str, layout: str, tmp_path: Path, place: Place, mirror: Mirror, standin: Path
) -> None:
    at, login = made(tmp_path, place, installer), LOGINS[installer, layout]
    mirror.login = f"{USER}:{WORD}" if login == PASSWORD else f"{TOKEN}:"
    named = {"ENVDOCTOR_INDEX_BASE": mirror.base(layout, login)}
    shown: list[str] = []
    outputs = ("-v", "-o", f"json={tmp_path}/a.json", "-o", f"{tmp_path}/a.txt")
    with watched(shown):
        said = fixed(at, standin, *outputs, **named, **own_index(mirror))
    assert said.exit_code == 0, said.stdout + said.stderr
    assert at.versions().items() >= WORLD.after.items()
    assert shown == []
    assert shows_nothing(said, tmp_path)
    assert (Path(f"{at.folder}.envdoctor") / "log.txt").exists()


def by_settings(at: Environment, address: str) -> dict[str, str]:
    file = at.place.cache / "config" / "envdoctor" / "envdoctor.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'index-base = "{address}"\n')
    return {"XDG_CONFIG_HOME": str(file.parent.parent)}


def by_netrc(at: Environment, address: str) -> dict[str, str]:
    netrc = at.place.cache / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {WORD}\n")
    netrc.chmod(0o600)
    return {"ENVDOCTOR_INDEX_BASE": address.replace(f"{PASSWORD}@", "")}


@pytest.mark.parametrize("named", [by_settings, by_netrc])
@pytest.mark.parametrize("installer", HOW)
def test_a_login_of_a_file_of_the_user_s(
    installer: str,
    named: Callable[[Environment, str], dict[str, str]],
    tmp_path: Path,
    place: Place,
    mirror: Mirror,
    standin: Path,
) -> None:
    at = made(tmp_path, place, installer)
    mirror.login = f"{USER}:{WORD}"
    said = fixed(at, standin, "-v", **named(at, mirror.base("projects", PASSWORD)))
    assert said.exit_code == 0, said.stdout + said.stderr
    assert at.versions().items() >= WORLD.after.items()
    assert shows_nothing(said, tmp_path)


def test_a_wrong_login_shows_nowhere_either(tmp_path: Path, place: Place, mirror: Mirror, standin: Path) -> None:
    at = made(tmp_path, place, "pip")
    was, mirror.login = digest(at.folder), "another:word"
    for words in (("-v",), ("--format", "json")):
        said = fixed(at, standin, "--index-base", mirror.base("projects", PASSWORD), *words)
        assert said.exit_code == 1, said.stdout + said.stderr
        assert "wants a user and a password" in " ".join(said.stdout.split())
        assert shows_nothing(said, tmp_path)
    assert digest(at.folder) == was


@pytest.mark.parametrize(("installer", "layout"), [("pip", "projects"), ("uv", "flat")])
def test_what_the_mirror_lacks_is_told_before_anything_is_copied(
    installer: str, layout: str, tmp_path: Path, place: Place, mirror: Mirror, standin: Path
) -> None:
    at = made(tmp_path, place, installer)
    was, mirror.hidden = digest(at.folder), ("torchvision-0.24.1",)
    words = ("--index-base", mirror.base(layout))
    said = fixed(at, standin, *words, **own_index(mirror))
    text = " ".join(said.stdout.split())
    assert said.exit_code == 2, said.stdout + said.stderr
    assert "Refused: the mirror" in text
    assert text.count("has no torchvision 0.24.1+cu126") == 1
    assert "its newest there is 0.29.2+cu126" in text
    assert beside(at) == []
    dry = doctored(at, WORLD, "fix", *words, standin=standin, env=own_index(mirror))
    assert dry.exit_code == 0
    assert "has no torchvision 0.24.1+cu126" in " ".join(dry.stdout.split())
    assert digest(at.folder) == was


def test_a_mirror_that_cannot_be_asked_refuses_nothing(
    tmp_path: Path, place: Place, mirror: Mirror, standin: Path
) -> None:
    """The installer may have it in its cache, so it is tried."""
    at = made(tmp_path, place, "uv")
    was, mirror.page = digest(at.folder), (500, {}, b"no")
    said = fixed(at, standin, "--index-base", mirror.base("projects"), UV_HTTP_RETRIES="0")
    assert said.exit_code == 1, said.stdout + said.stderr
    assert "could not be asked" in " ".join(said.stdout.split())
    assert digest(at.folder) == was
