"""The swap, on file systems that can exchange two folders and on those that cannot."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from swapped_worlds import TRADES, cannot_exchange, digest, fix, go_back, make_world, mend, names, project, version

from envdoctor.fix import journal
from envdoctor.fix.identity import identity
from envdoctor.fix.image_layers import layer_obstacle
from envdoctor.fix.journal import Damaged, Entry, Stage
from envdoctor.fix.lock import LOCKED, locked
from envdoctor.fix.place import Place, make_state, obstacle, place_of
from envdoctor.fix.recovering import recover, undo_all
from envdoctor.fix.swapping import put_there, swap
from envdoctor.host.exchange import exchange

if TYPE_CHECKING:
    from swapped_worlds import Trade


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_world(tmp_path / "project")


def begin(place: Place) -> Entry:
    """The state of a run whose copy is ready: it is version 7."""
    make_state(place)
    entry = Entry("run", Stage.MAKING, place.environment, "2026-11-21")
    journal.write(place, entry)
    shutil.copytree(place.environment, place.new, symlinks=True)
    file = Path(place.new, "lib", "python3.11", "site-packages", "torch.py")
    file.chmod(0o644)
    file.write_text("version = 7")
    return entry


def test_two_folders_trade_places(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "of a").touch()
    if not exchange(str(tmp_path / "a"), str(tmp_path / "b")):
        pytest.skip("this file system cannot exchange")
    assert os.listdir(tmp_path / "b") == ["of a"]
    assert os.listdir(tmp_path / "a") == []


def test_what_is_missing_is_an_error_and_no_inability(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(FileNotFoundError) as raised:
        exchange(str(tmp_path / "a"), str(tmp_path / "none"))
    assert raised.value.filename == str(tmp_path / "a")


@pytest.mark.parametrize("trade", TRADES)
def test_the_copy_takes_the_place_and_the_old_one_stays_as_it_was(place: Place, trade: str) -> None:
    before, old = digest(place.environment), identity(place.environment)
    entry = begin(place)
    new = identity(place.new)
    done = swap(place, entry, TRADES[trade])
    assert version(place) == 7
    assert digest(place.old) == before
    assert (done.stage, done.old, done.new) == (Stage.DONE, old, new)
    assert journal.read(place) == done
    assert names(place) == {"kept.json", "old"}


@pytest.mark.parametrize("trade", TRADES)
def test_a_second_fix_keeps_the_first_and_not_what_was_before(place: Place, trade: str) -> None:
    fix(place, TRADES[trade])
    between = digest(place.environment)
    fix(place, TRADES[trade])
    assert version(place) == 2
    assert digest(place.old) == between
    assert names(place) == {"kept.json", "old", "files"}


def test_into_a_folder_that_is_not_there_nothing_is_kept(place: Place, tmp_path: Path) -> None:
    target = place_of(str(tmp_path / "elsewhere"))
    with locked(target):
        entry = replace(begin(place), environment=target.environment)
        os.rename(place.new, target.new)
        journal.write(target, entry)
        Path(target.log).write_text("said")
        assert put_there(target, entry).stage is Stage.DONE
    assert version(target) == 7
    assert not os.path.lexists(target.state)


def test_into_a_folder_that_somebody_made_meanwhile(place: Place, tmp_path: Path) -> None:
    target = place_of(str(tmp_path / "elsewhere"))
    with locked(target):
        entry = replace(begin(place), environment=target.environment)
        os.rename(place.new, target.new)
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "theirs").touch()
        with pytest.raises(OSError, match="not empty"):
            put_there(target, entry)
        assert recover(target)
    assert os.listdir(target.environment) == ["theirs"]
    assert not os.path.lexists(target.state)


def refused(a: str, b: str) -> bool:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), a, None, b)


def renames_and_stops(a: str, b: str) -> bool:
    os.rename(a, Place(a).aside)
    raise OSError(errno.EIO, os.strerror(errno.EIO), a, None, b)


@pytest.mark.parametrize("trade", [refused, renames_and_stops])
def test_a_swap_that_the_system_refuses_is_undone(place: Place, trade: Trade) -> None:
    before = digest(place.environment)
    with locked(place):
        entry = begin(place)
        with pytest.raises(OSError, match=r"cross-device|Input/output"):
            swap(place, entry, trade)
        assert recover(place)
    assert digest(place.environment) == before
    assert not os.path.lexists(place.state)


def test_an_environment_that_its_user_made_anew_meanwhile_is_left_alone(place: Place) -> None:
    """Killed between the two renames, and before the next start somebody has made another environment."""
    before = digest(place.environment)
    with locked(place):
        with pytest.raises(OSError, match="Input/output"):
            swap(place, begin(place), renames_and_stops)
        os.mkdir(place.environment)
        Path(place.environment, "theirs").touch()
        assert recover(place)
    assert os.listdir(place.environment) == ["theirs"]
    assert digest(place.old) == before, "it was not theirs to lose"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a mount")
def test_a_disk_that_is_full_by_then_does_not_stop_a_swap(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "envdoctor-test", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        place = make_world(tmp_path / "project")
        entry = begin(place)

        def trade_and_fill(a: str, b: str) -> bool:
            with pytest.raises(OSError, match="No space"):
                (tmp_path / "full").write_bytes(bytes(1 << 20))
            return exchange(a, b)

        assert swap(place, entry, trade_and_fill).stage is Stage.DONE
        assert (version(place), version(place, place.old)) == (7, 0)
        assert journal.under_way(place) is None
        assert journal.kept(place) is not None
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("exchanged", [False, True])
def test_where_nobody_can_tell_which_is_which_nothing_is_removed(place: Place, exchanged: bool) -> None:
    """On a file system that gives its folders other numbers after a mount."""
    entry = begin(place)
    unknown = replace(entry, stage=Stage.SWAPPING, old=(1, 1), new=(1, 2))
    journal.write(place, unknown)
    if exchanged:
        os.rename(place.environment, place.aside)
        os.rename(place.new, place.environment)
        os.rename(place.aside, place.new)
    for stage in (Stage.SWAPPING, Stage.GOING_BACK):
        journal.write(place, replace(unknown, stage=stage))
        if stage is Stage.GOING_BACK:
            os.rename(place.new, place.old)
        with pytest.raises(Damaged, match="cannot be told"):
            mend(place)
    assert {version(place), version(place, place.old)} == {0, 7}


@pytest.mark.parametrize("there", [False, True])
def test_between_two_renames_the_names_tell(place: Place, there: bool) -> None:
    before = digest(place.environment)
    journal.write(place, replace(begin(place), stage=Stage.SWAPPING, old=(1, 1), new=(1, 2)))
    os.rename(place.environment, place.aside)
    if there:
        os.rename(place.new, place.environment)
    assert mend(place)
    assert version(place) == (7 if there else 0)
    assert digest(place.old if there else place.environment) == before


def test_an_environment_that_its_user_removed_after_the_swap(place: Place) -> None:
    before = digest(place.environment)
    entry = begin(place)
    entry = replace(entry, stage=Stage.SWAPPING, old=identity(place.environment), new=identity(place.new))
    journal.write(place, entry)
    os.rename(place.environment, place.aside)
    os.rename(place.new, place.environment)
    os.rename(place.aside, place.new)
    shutil.rmtree(place.environment)
    assert mend(place)
    assert digest(place.old) == before, "it is still kept"
    assert go_back(place) == ()
    assert digest(place.environment) == before


def test_a_file_of_the_project_that_was_changed_after_the_run_was_killed_stays(place: Place) -> None:
    fix(place)
    done = journal.kept(place)
    assert done is not None
    with locked(place):
        journal.write(place, replace(done, id="next", stage=Stage.MAKING))
        project(place).write_text("edited")
        told = recover(place)
    assert project(place).read_text() == "edited"
    assert str(project(place)) in str(told)
    assert "\n" not in str(told)


def test_the_log_stays_for_the_report_of_the_run_itself_and_goes_with_the_next(place: Place) -> None:
    with locked(place):
        begin(place)
        Path(place.log).write_text("said")
        assert recover(place, log=False)
    assert names(place) == {"log.txt"}
    with locked(place):
        begin(place)
    assert mend(place)
    assert names(place) == set()


def test_a_signal_that_ends_the_run_undoes_it(place: Place) -> None:
    before = digest(place.environment)
    with locked(place):
        begin(place)
        Path(place.log).write_text("said")
        undo_all()
        assert not os.path.lexists(place.state)
    assert digest(place.environment) == before


def test_a_signal_never_raises_for_what_is_damaged(place: Place) -> None:
    make_state(place)
    Path(place.journal).write_text("{")
    LOCKED.append(place)
    undo_all()
    LOCKED.remove(place)
    assert Path(place.journal).read_text() == "{"


def test_a_signal_waits_until_the_swap_is_done(place: Place) -> None:
    came: list[int] = []

    def hear(number: int, frame: object) -> None:
        from envdoctor.host.process import STARTING

        if not STARTING.defers(number):
            came.append(version(place, place.old))

    def trade(a: str, b: str) -> bool:
        signal.raise_signal(signal.SIGUSR1)
        assert came == []
        return cannot_exchange(a, b)

    earlier = signal.signal(signal.SIGUSR1, hear)
    try:
        swap(place, begin(place), trade)
    finally:
        signal.signal(signal.SIGUSR1, earlier)
    assert came == [0], "heard once, when the old one was in its place"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a mount")
def test_an_overlay_whose_lower_folder_cannot_be_renamed(tmp_path: Path) -> None:
    """As in a container: an environment of the image (overlayfs: EXDEV without redirect_dir) stays as it is."""
    layers = tmp_path / "layers"
    for name in ("lower", "upper", "work", "merged"):
        (layers / name).mkdir(parents=True)
    make_world(layers / "lower")
    options = f"lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work,redirect_dir=off"
    mount = ["mount", "-t", "overlay", "overlay", "-o", options, str(layers / "merged")]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no overlay can be mounted here")
    try:
        place = place_of(str(layers / "merged" / ".venv"))
        before = digest(place.environment)
        assert obstacle(place) is None, "nothing shows it before it is tried"
        with locked(place):
            assert "image of this container" in str(layer_obstacle(place))
            assert digest(place.environment) == before
            entry = begin(place)
            with pytest.raises(OSError, match="cross-device"):
                swap(place, entry)
            assert recover(place)
        assert digest(place.environment) == before
        assert not os.path.lexists(place.state)
        of_the_container = make_world(layers / "merged" / "of_the_container")
        with locked(of_the_container):
            assert layer_obstacle(of_the_container) is None
            assert os.path.exists(of_the_container.lock)
            swap(of_the_container, begin(of_the_container))
        assert version(of_the_container) == 7
    finally:
        subprocess.run(["umount", str(layers / "merged")], check=True)
