"""Project files kept before a fix and put back after it, byte for byte; what somebody changed since is left alone."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from envdoctor.fix.keeping import GRACE, keep, put_back, put_in, settled
from envdoctor.fix.place import Place, make_state, place_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "env").mkdir()
    made = place_of(str(tmp_path / "env"))
    make_state(made)
    (tmp_path / "env.envdoctor" / "log.txt").write_text("a fix was here\n")
    return made


def seen(path: Path) -> tuple[bytes, int, int]:
    """All that has to come back: content, mode, time in nanoseconds."""
    about = path.stat()
    return path.read_bytes(), stat.S_IMODE(about.st_mode), about.st_mtime_ns


def test_content_mode_and_time_come_back(place: Place, tmp_path: Path) -> None:
    manifest = tmp_path / "pyproject.toml"
    manifest.write_bytes(b"\xef\xbb\xbf[project]\r\n")
    manifest.chmod(0o640)
    os.utime(manifest, ns=(1_600_000_000_000_000_001, 1_600_000_000_000_000_001))
    was = seen(manifest)
    kept = keep(place, [str(manifest)])
    put_in(str(manifest), "[project]\nname = 'p'\n")
    assert manifest.read_bytes() == b"[project]\nname = 'p'\n"
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o640
    assert put_back(place, settled(kept)) == ()
    assert seen(manifest) == was
    assert put_back(place, settled(kept)) == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["env", "env.envdoctor", "pyproject.toml"]


def test_a_file_that_was_not_there_is_removed(place: Place, tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    kept = keep(place, [str(lock)])
    lock.write_text("made by the fix")
    assert put_back(place, settled(kept)) == ()
    assert not lock.exists()
    assert put_back(place, kept) == ()


def test_a_file_that_the_fix_took_away_comes_back(place: Place, tmp_path: Path) -> None:
    note = tmp_path / ".pdm-python"
    note.write_text("/usr/bin/python3")
    kept = keep(place, [str(note)])
    note.unlink()
    assert put_back(place, settled(kept)) == ()
    assert note.read_text() == "/usr/bin/python3"


@pytest.mark.parametrize("there_before", [True, False])
def test_what_was_changed_since_stays(place: Place, tmp_path: Path, there_before: bool) -> None:
    manifest = tmp_path / "pyproject.toml"
    if there_before:
        manifest.write_text("before")
    kept = keep(place, [str(manifest)])
    manifest.write_text("by the fix")
    kept = settled(kept)
    manifest.write_text("by its owner")
    (note,) = put_back(place, kept)
    assert note == f"{manifest} was changed since the fix and stays so"
    assert manifest.read_text() == "by its owner"


def test_what_was_removed_since_stays_away(place: Place, tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text("before")
    kept = keep(place, [str(lock)])
    lock.write_text("by the fix")
    kept = settled(kept)
    lock.unlink()
    (note,) = put_back(place, kept)
    assert note == f"{lock} was removed since the fix and stays so"
    assert not lock.exists()


def test_a_fix_that_was_killed_is_undone(place: Place, tmp_path: Path) -> None:
    """Nobody noted then what it left."""
    manifest, lock = tmp_path / "pyproject.toml", tmp_path / "uv.lock"
    manifest.write_text("before")
    was = seen(manifest)
    kept = keep(place, [str(manifest), str(lock)], {str(manifest): "by the fix"})
    manifest.write_text("by the fix")
    lock.write_text("by the fix")
    assert put_back(place, kept) == ()
    assert seen(manifest) == was
    assert not lock.exists()


def test_what_its_owner_may_have_written_just_after_a_fix_was_killed_is_saved(place: Place, tmp_path: Path) -> None:
    manifest = tmp_path / "pyproject.toml"
    manifest.write_text("before")
    was = seen(manifest)
    kept = keep(place, [str(manifest)], {str(manifest): "by the fix"})
    manifest.write_text("by the fix, and by its owner")
    (note,) = put_back(place, kept)
    saved = tmp_path / "pyproject.toml.interrupted"
    assert str(saved) in note
    assert saved.read_text() == "by the fix, and by its owner"
    assert seen(manifest) == was
    assert put_back(place, kept) == ()


def test_what_was_written_long_after_a_fix_was_killed_stays_beside_what_was(place: Place, tmp_path: Path) -> None:
    manifest = tmp_path / "pyproject.toml"
    manifest.write_text("before")
    kept = keep(place, [str(manifest)])
    manifest.write_text("by its owner, the next day")
    later = os.stat(place.log).st_mtime + GRACE + 1
    os.utime(manifest, (later, later))
    (note,) = put_back(place, kept)
    beside = tmp_path / "pyproject.toml.before-fix"
    assert str(beside) in note
    assert (manifest.read_text(), beside.read_text()) == ("by its owner, the next day", "before")


def test_the_copies_of_an_earlier_fix_stay(place: Place, tmp_path: Path) -> None:
    manifest = tmp_path / "pyproject.toml"
    manifest.write_text("first")
    first = keep(place, [str(manifest)], {str(manifest): "by the fix"})
    manifest.write_text("second")
    keep(place, [str(manifest)])
    manifest.write_text("by the fix")
    assert put_back(place, first) == ()
    assert manifest.read_text() == "first"


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_plain_file_is_refused_before_anything_is_done(place: Place, tmp_path: Path, kind: str) -> None:
    manifest = tmp_path / "pyproject.toml"
    if kind == "link":
        manifest.symlink_to(tmp_path / "elsewhere.toml")
    elif kind == "folder":
        manifest.mkdir()
    else:
        os.mkfifo(manifest)
    with pytest.raises(OSError, match="is no plain file") as caught:
        keep(place, [str(manifest)])
    assert caught.value.filename == str(manifest)


def test_a_project_that_is_gone_is_told(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("before")
    kept = keep(place, [str(folder / "pyproject.toml")])
    (folder / "pyproject.toml").unlink()
    folder.rmdir()
    (note,) = put_back(place, kept)
    assert note.endswith("is not put back: its folder is gone")


def test_one_that_cannot_be_put_back_keeps_no_other_from_it(place: Place, tmp_path: Path) -> None:
    first, second = tmp_path / "pyproject.toml", tmp_path / "uv.lock"
    first.write_text("before")
    second.write_text("before")
    kept = keep(place, [str(first), str(second)])
    first.unlink()
    first.mkdir()
    second.write_text("by the fix")
    with pytest.raises(OSError, match="is no plain file"):
        put_back(place, kept)
    assert second.read_text() == "before"


def test_a_half_written_file_of_a_killed_run_is_used_up(place: Place, tmp_path: Path) -> None:
    manifest = tmp_path / "pyproject.toml"
    manifest.write_text("before")
    kept = keep(place, [str(manifest)], {str(manifest): "by the fix"})
    (tmp_path / ".pyproject.toml.envdoctor").write_text("bef")
    manifest.write_text("by the fix")
    assert put_back(place, kept) == ()
    assert not (tmp_path / ".pyproject.toml.envdoctor").exists()
