"""The folder beside an environment, and what forbids to swap one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from envdoctor.fix.place import make_state, obstacle, place_of, places_near, state_trouble

NOBODY = 65534
ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="needs root: another user, a mount")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / ".venv"
    folder.mkdir(parents=True)
    return folder


def test_all_that_is_the_fixs_lies_in_one_folder_beside(environment: Path) -> None:
    place = place_of(str(environment) + os.sep)
    assert place.environment == str(environment)
    assert place.state == f"{environment}.envdoctor"
    names = ("new", "old", "aside", "older", "files", "journal", "kept", "lock", "log", "ignore")
    paths = {getattr(place, name) for name in names}
    assert len(paths) == len(names)
    assert {os.path.dirname(path) for path in paths} == {place.state}


def test_of_a_link_the_environment_it_leads_to_is_meant(environment: Path, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(environment)
    assert place_of(str(link)) == place_of(str(environment))


def test_an_ordinary_environment_has_no_obstacle(environment: Path) -> None:
    place = place_of(str(environment))
    assert obstacle(place) is None
    make_state(place)
    make_state(place)
    assert obstacle(place) is None
    assert os.stat(place.state).st_mode & 0o777 == 0o700
    assert Path(place.ignore).read_text() == "*\n"


def test_version_control_does_not_see_the_folder(environment: Path) -> None:
    make_state(place_of(str(environment)))
    project = environment.parent
    subprocess.run(["git", "init", "-q", project], check=True)
    told = subprocess.run(["git", "-C", project, "status", "--porcelain"], check=True, capture_output=True, text=True)
    assert told.stdout == ""


def test_what_is_no_folder_cannot_be_swapped(environment: Path) -> None:
    environment.rmdir()
    assert "cannot be read" in str(obstacle(place_of(str(environment))))
    environment.write_text("")
    assert "is not a folder" in str(obstacle(place_of(str(environment))))


def test_a_name_that_grows_too_long(environment: Path) -> None:
    fits = environment.with_name("e" * 245)
    environment.rename(fits)
    assert obstacle(place_of(str(fits))) is None
    long = fits.with_name("e" * 246)
    fits.rename(long)
    assert "too long" in str(obstacle(place_of(str(long))))


@pytest.mark.parametrize("kind", ["link", "file", "writable"])
def test_a_state_folder_that_others_could_have_made(environment: Path, tmp_path: Path, kind: str) -> None:
    place = place_of(str(environment))
    if kind == "link":
        os.symlink(tmp_path, place.state)
    elif kind == "file":
        open(place.state, "w").close()
    else:
        os.mkdir(place.state)
        os.chmod(place.state, 0o777)
    trouble = obstacle(place)
    assert trouble is not None
    assert trouble == state_trouble(place)
    assert trouble.startswith(place.state)
    with pytest.raises(PermissionError) as raised:
        make_state(place)
    assert raised.value.strerror == trouble


@needs_root
def test_a_state_folder_of_another_user(environment: Path) -> None:
    place = place_of(str(environment))
    make_state(place)
    os.chown(place.state, NOBODY, NOBODY)
    assert "belongs to another user" in str(obstacle(place))


@needs_root
def test_a_mount_point_and_a_read_only_file_system(environment: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "envdoctor-test", str(environment)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        assert "mount point" in str(obstacle(place_of(str(environment))))
        (environment / "inner").mkdir()
        assert obstacle(place_of(str(environment / "inner"))) is None
        subprocess.run(["mount", "-o", "remount,ro", str(environment)], check=True)
        assert "read-only" in str(obstacle(place_of(str(environment / "inner"))))
    finally:
        subprocess.run(["umount", str(environment)], check=True)


@needs_root
@pytest.mark.parametrize(("folder", "mode", "owner", "says"), [
    ("parent", 0o555, NOBODY, "is not writable"),
    ("parent", 0o1777, 0, "only the owner may rename"),
    ("environment", 0o555, NOBODY, "is not writable"),
])  # fmt: skip
def test_what_an_ordinary_user_may_not_rename(folder: str, mode: int, owner: int, says: str) -> None:
    """As another user, in a forked process; where any user may come by."""
    import tempfile

    root = tempfile.mkdtemp()
    os.chmod(root, 0o755)
    parent = os.path.join(root, "parent")
    environment = os.path.join(parent, "environment")
    os.makedirs(environment)
    os.chown(parent, NOBODY, NOBODY)
    os.chown(environment, NOBODY, NOBODY)
    changed = parent if folder == "parent" else environment
    if mode & 0o1000:
        os.chown(environment, owner, owner)
        os.chown(parent, owner, owner)
        os.chmod(environment, 0o777)
    os.chmod(changed, mode)
    try:
        assert says in as_nobody(environment)
    finally:
        shutil.rmtree(root)


def as_nobody(environment: str) -> str:
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(theirs, str(obstacle(place_of(environment))).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def test_a_place_is_found_by_its_interpreter_while_the_environment_is_missing(environment: Path) -> None:
    place = place_of(str(environment))
    python = str(environment / "bin" / "python")
    assert places_near(python) == []
    make_state(place)
    assert places_near(python) == [place]
    assert places_near(str(environment)) == [place]
    environment.rmdir()
    assert places_near(python) == [place]


def test_what_a_fix_left_is_found_by_a_link_to_the_environment(environment: Path, tmp_path: Path) -> None:
    place = place_of(str(environment))
    make_state(place)
    link = tmp_path / "linked" / ".venv"
    link.parent.mkdir()
    link.symlink_to(environment)
    assert places_near(str(link / "bin" / "python")) == [place]
    environment.rmdir()
    assert places_near(str(link)) == [place]
