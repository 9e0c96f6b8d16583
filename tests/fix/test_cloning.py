"""A clone is like what it was made of, and shares nothing with it that can be written through."""

from __future__ import annotations

import errno
import inspect
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from tree_digest import tree_digest

from envdoctor.fix.cloning import Size, clone, remove, shares_blocks, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITES = "import sys\nwith open(sys.argv[1], 'ab', 0) as f:\n    print(flush=True)\n    while True: f.write(b'y')"


def silent(done: int, of: int) -> None:
    """Nobody is told how far it is."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with one of everything that an environment may hold."""
    root = tmp_path / "env"
    deep = root / "lib" / "deep"
    deep.mkdir(parents=True)
    (root / "lib64").symlink_to("lib")
    (root / "python").symlink_to("/usr/bin/python3")
    (root / "nowhere").symlink_to("not/there")
    (deep / "text.py").write_text("x = 1\n")
    (deep / "empty").touch()
    (deep / "read_only").write_bytes(b"\0\1\2" * 50_000)
    (deep / "read_only").chmod(0o444)
    (root / "script").write_text("#!/bin/sh\n")
    (root / "script").chmod(0o4755)
    with open(os.fsencode(root) + b"/caf\xe9", "wb") as odd:
        odd.write(b"a name that is no UTF-8")
    os.utime(deep / "text.py", ns=(1_600_000_000_000_000_001, 1_500_000_000_123_456_789))
    os.utime(root / "nowhere", ns=(1, 1_400_000_000_987_654_321), follow_symlinks=False)
    deep.chmod(0o555)
    os.utime(deep, ns=(1, 1_300_000_000_111_111_111))
    os.utime(root / "lib", ns=(1, 1_200_000_000_222_222_222))
    return root


def test_a_clone_is_like_its_source_which_is_as_it_was(tree: Path, tmp_path: Path) -> None:
    before = tree_digest(tree)
    size = clone(str(tree), str(tmp_path / "copy"), silent)
    assert tree_digest(tmp_path / "copy") == before == tree_digest(tree)
    assert size == size_of(str(tree)) == size_of(str(tmp_path / "copy"))
    assert size.files == 8


def test_writing_into_the_clone_of_a_file_with_two_names_changes_neither(tree: Path, tmp_path: Path) -> None:
    cached = tmp_path / "cached.py"
    cached.write_text("cache")
    (tree / "linked.py").hardlink_to(cached)
    clone(str(tree), str(tmp_path / "copy"), silent)
    assert (tmp_path / "copy" / "linked.py").stat().st_nlink == 1
    (tmp_path / "copy" / "linked.py").write_text("changed")
    assert cached.read_text() == (tree / "linked.py").read_text() == "cache"


def test_two_names_of_one_file_within_become_two_files(tmp_path: Path) -> None:
    root = tmp_path / "env"
    root.mkdir()
    (root / "a").write_bytes(b"x" * 5000)
    (root / "b").hardlink_to(root / "a")
    size = clone(str(root), str(tmp_path / "copy"), silent)
    a, b = (tmp_path / "copy" / name for name in "ab")
    assert a.read_bytes() == b.read_bytes() == b"x" * 5000
    assert a.stat().st_ino != b.stat().st_ino
    assert size == size_of(str(root)) == Size(size.bytes, 2)


def test_holes_stay_holes(tmp_path: Path) -> None:
    root = tmp_path / "env"
    root.mkdir()
    with open(root / "sparse", "wb") as sparse:
        sparse.seek(8 << 20)
        sparse.write(b"data")
        sparse.seek(20 << 20)
        sparse.write(b"more")
        sparse.truncate(40 << 20)
    with open(root / "nothing", "wb") as nothing:
        nothing.truncate(10 << 20)
    clone(str(root), str(tmp_path / "copy"), silent)
    assert tree_digest(tmp_path / "copy") == tree_digest(root)
    for name in ("sparse", "nothing"):
        assert (tmp_path / "copy" / name).stat().st_blocks <= (root / name).stat().st_blocks


def test_what_is_no_file_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "env"
    root.mkdir()
    (root / "file").touch()
    os.mkfifo(root / "fifo")
    monkeypatch.chdir(root)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert clone(str(root), str(tmp_path / "copy"), silent).files == 1
    assert os.listdir(tmp_path / "copy") == ["file"]


def test_extended_attributes_follow(tree: Path, tmp_path: Path) -> None:
    (tree / "marked").touch()
    try:
        os.setxattr(tree / "marked", "user.note", b"kept")
        os.setxattr(tree / "lib", "user.note", b"of a folder")
    except OSError as problem:
        if problem.errno != errno.ENOTSUP:
            raise
        pytest.skip("this file system has no extended attributes of users")
    clone(str(tree), str(tmp_path / "copy"), silent)
    assert os.getxattr(tmp_path / "copy" / "marked", "user.note") == b"kept"
    assert tree_digest(tmp_path / "copy") == tree_digest(tree)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays_the_owner_where_root_copies(tree: Path, tmp_path: Path) -> None:
    for path in (tree, tree / "script", tree / "nowhere"):
        os.chown(path, 12345, 23456, follow_symlinks=False)
    (tree / "script").chmod(0o4755)  # giving it away took the bit
    clone(str(tree), str(tmp_path / "copy"), silent)
    assert tree_digest(tmp_path / "copy") == tree_digest(tree)
    assert (tmp_path / "copy" / "script").stat().st_uid == 12345


def test_it_is_told_how_far_it_is_and_ends_at_all_of_it(tree: Path, tmp_path: Path) -> None:
    with open(tree / "large", "wb") as large:
        large.write(os.urandom(40 << 20))
    told: list[tuple[int, int]] = []
    size = clone(str(tree), str(tmp_path / "copy"), lambda done, of: told.append((done, of)))
    assert told[-1] == (size.bytes, size.bytes)
    assert told == sorted(told)
    assert {of for _, of in told} == {size.bytes}
    assert len(told) < 100  # not for every file


def test_a_tree_deeper_than_the_stack(tmp_path: Path) -> None:
    root, copy = tmp_path / "env", tmp_path / "copy"
    root.joinpath(*["d"] * 300).mkdir(parents=True)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        assert clone(str(root), str(copy), silent) == size_of(str(copy))
        assert copy.joinpath(*["d"] * 300).is_dir()
        remove(str(root))
        remove(str(copy))
    finally:
        sys.setrecursionlimit(limit)
    assert os.listdir(tmp_path) == []


def test_the_target_must_not_be_there(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(FileExistsError) as raised:
        clone(str(tree), str(tmp_path / "copy"), silent)
    assert raised.value.filename == str(tmp_path / "copy")


def test_nor_stand_in_the_source(tree: Path, tmp_path: Path) -> None:
    before = tree_digest(tree)
    (tmp_path / "other").symlink_to(tree)
    for target in (tree / "copy", tree / "lib" / "copy", tmp_path / "other" / "copy", tree):
        with pytest.raises(OSError, match="into itself") as raised:
            clone(str(tree), str(target), silent)
        assert (raised.value.errno, raised.value.filename) == (errno.EINVAL, str(target))
    assert tree_digest(tree) == before


def test_a_source_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        clone(str(tmp_path / "none"), str(tmp_path / "copy"), silent)
    assert raised.value.filename == str(tmp_path / "none")
    assert os.listdir(tmp_path) == []


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user who may not read everything; root is another one for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("hidden", ["lib/secret", "lib"])
def test_what_may_not_be_read_is_named(hidden: str) -> None:
    with TemporaryDirectory() as folder:  # that of pytest is closed to other users
        root = Path(folder, "env")
        (root / "lib").mkdir(parents=True)
        (root / "lib" / "secret").write_text("x")
        Path(folder).chmod(0o777)
        (root / hidden).chmod(0)
        with nobody(), pytest.raises(PermissionError) as raised:
            clone(str(root), f"{folder}/copy", silent)
        (root / hidden).chmod(0o755)
    assert raised.value.filename == str(root / hidden)


def test_no_room_for_a_file_names_the_copy(tmp_path: Path) -> None:
    """A limit on the size of files says EFBIG as a full disk says ENOSPC, in the same call."""
    root = tmp_path / "env"
    root.mkdir()
    (root / "large").write_bytes(b"x" * 300_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(OSError, match="large") as raised:
            clone(str(root), str(tmp_path / "copy"), silent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(tmp_path / "copy" / "large"))


def test_what_vanishes_meanwhile_is_left_out(tmp_path: Path) -> None:
    """The word on how far it is comes between two files: there another process may have been at work."""
    root = tmp_path / "env"
    (root / "folder").mkdir(parents=True)
    for number in range(5):
        (root / "folder" / f"{number}").touch()

    def take_away(done: int, of: int) -> None:
        for path in (root / "folder").glob("*"):
            path.unlink()
        if (root / "folder").exists():
            (root / "folder").rmdir()

    clone(str(root), str(tmp_path / "copy"), take_away)
    assert os.listdir(tmp_path / "copy") == []


def test_a_file_that_does_not_stop_changing_is_named(tmp_path: Path) -> None:
    root = tmp_path / "env"
    root.mkdir()
    growing = root / "log"
    growing.write_bytes(b"x" * 100)
    if shares_blocks(str(tmp_path)):
        pytest.skip("a copy that shares blocks is made in one moment")
    with subprocess.Popen([sys.executable, "-c", WRITES, str(growing)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            with pytest.raises(OSError, match="changes while it is copied") as raised:
                clone_often(root, tmp_path / "copy")
        finally:
            writer.kill()
    assert (raised.value.errno, raised.value.filename) == (errno.EBUSY, str(growing))


def clone_often(source: Path, target: Path) -> None:
    """Clone again and again: who changes the file may by chance get no time of the processor while it is copied."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        clone(str(source), str(target), silent)
        remove(str(target))


def test_whether_blocks_are_shared_is_asked_without_a_trace(tmp_path: Path) -> None:
    answer = shares_blocks(str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert answer in (True, False)
    assert not shares_blocks(str(tmp_path / "none"))
    assert not shares_blocks("/proc")


def test_a_folder_goes_with_what_is_read_only_and_no_link_is_followed(tree: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (tree / "out").symlink_to(kept)
    (tree / "lib").chmod(0)
    tree.chmod(0o500)
    remove(str(tree))
    assert sorted(os.listdir(tmp_path)) == ["kept"]
    assert os.listdir(kept) == ["file"]


def test_a_link_or_a_file_is_removed_as_such_and_nothing_is_fine(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to("kept")
    (tmp_path / "file").touch()
    for name in ("link", "file", "none"):
        remove(str(tmp_path / name))
    assert os.listdir(tmp_path) == ["kept"]
