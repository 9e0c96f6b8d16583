"""What is remembered on disk: whole or not at all, and never a reason to fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envdoctor.published import store as storing
from envdoctor.published.store import LEFT_BEHIND, Store, user_store

SOURCE = Path(__file__).parents[2] / "src"


def test_an_entry_is_remembered_by_room_and_key(store: Store) -> None:
    store.put("pages", "one", {"said": 1})
    assert store.get("pages", "one") == {"said": 1}
    assert store.get("pages", "two") is None
    assert store.get("wheels", "one") is None


def test_a_key_leads_nowhere_else(store: Store, tmp_path: Path) -> None:
    store.put("pages", "../../escaped", {})
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_damaged_entry_is_no_entry(store: Store, tmp_path: Path, text: bytes) -> None:
    store.put("pages", "one", {})
    (file,) = (tmp_path / "cache" / "pages").iterdir()
    file.write_bytes(text)
    assert store.get("pages", "one") is None
    store.put("pages", "one", {"mended": True})
    assert store.get("pages", "one") == {"mended": True}


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(str(tmp_path / "file"))
    store.put("pages", "one", {})
    assert store.get("pages", "one") is None


def test_nothing_is_remembered_where_it_is_not_wanted() -> None:
    store = Store(None)
    store.put("pages", "one", {})
    assert store.get("pages", "one") is None


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_the_user_can_read_it(store: Store, tmp_path: Path) -> None:
    store.put("pages", "one", {})
    (file,) = (tmp_path / "cache" / "pages").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    room = tmp_path / "pages"
    room.mkdir()
    old, young = room / ".part-old", room / ".part-young"
    for path in (old, young):
        path.write_text("{")
    os.utime(old, (time.time() - LEFT_BEHIND - 60,) * 2)
    Store(str(tmp_path)).put("pages", "one", {})
    assert (old.exists(), young.exists()) == (False, True)


WRITER = """
import sys
from envdoctor.published.store import Store
store = Store(sys.argv[1])
for number in range(200):
    store.put("pages", "one", {"said": sys.argv[2] * 20000})
    told = store.get("pages", "one")
    assert told is not None and len(set(told["said"])) == 1, told
"""


def test_two_processes_at_once_never_see_half_an_entry(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), letter],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            stderr=subprocess.PIPE,
        )
        for letter in "ab"
    ]
    assert [(writer.communicate(timeout=60)[1], writer.returncode) for writer in writers] == [(b"", 0), (b"", 0)]
    assert [path.name for path in (tmp_path / "pages").iterdir() if path.suffix != ".json"] == []


def test_an_entry_that_cannot_be_replaced_leaves_nothing(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.put("pages", "one", {})
    (file,) = (tmp_path / "pages").iterdir()
    file.unlink()
    file.mkdir()
    store.put("pages", "one", {})
    assert list((tmp_path / "pages").iterdir()) == [file]


def test_the_user_names_the_folder(tmp_path: Path) -> None:
    user_store({storing.VARIABLE: str(tmp_path)}).put("pages", "one", {"said": 1})
    (file,) = (tmp_path / "pages").iterdir()
    assert json.loads(file.read_text()) == {"said": 1}
