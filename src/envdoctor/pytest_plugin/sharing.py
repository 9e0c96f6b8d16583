"""One look for all workers of pytest-xdist: the first that needs it looks, the others read what it wrote.

The controller collects nothing, so only the workers know whether a marked test is there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time

from envdoctor import api
from envdoctor.model.bug import place
from envdoctor.model.fact import Unknown
from envdoctor.model.snapshot import Snapshot

LOOKED = "looked.json"
TURN = "turn"
"""Made by the worker that looks."""

WAIT = 30.0
"""Seconds for another worker to look, which takes it 10 at most; then this one looks itself."""
PAUSE = 0.02


def make_folder(seen: Snapshot | None) -> str | None:
    """Make the folder that workers share, with what was seen already; None where none can be made."""
    try:
        folder = tempfile.mkdtemp(prefix="envdoctor-")
        if seen is not None:
            _write(folder, seen)
    except OSError:
        return None
    return folder


def remove_folder(folder: str) -> None:
    """Take the folder away."""
    shutil.rmtree(folder, ignore_errors=True)


def look(folder: str | None) -> Snapshot:
    """Return what is seen of this machine: by this process, or by another that shares the folder.

    Never raises: where envdoctor itself fails, every fact is unknown for that reason.
    """
    if folder is None or not os.path.isdir(folder):  # no xdist, or a worker on another machine
        return _looked()
    if os.path.exists(os.path.join(folder, LOOKED)):
        return _told(folder) or _looked()
    try:
        os.close(os.open(os.path.join(folder, TURN), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return _told(folder) or _looked()
    except OSError:
        return _looked()
    seen = _looked()
    try:
        _write(folder, seen)
    except OSError:  # a full disk: the others look themselves
        pass
    return seen


def _looked() -> Snapshot:
    try:
        return api.snapshot()
    except api.EnvdoctorError as problem:
        return _nothing_seen(str(problem))
    # Whatever nobody foresaw is our bug, and no reason for somebody's tests to fail.
    except Exception as bug:
        return _nothing_seen(f"a bug in envdoctor: {type(bug).__name__}: {bug} ({place(bug)})")


def _nothing_seen(why: str) -> Snapshot:
    return Snapshot({"gpu.count": Unknown(why)})


def _write(folder: str, seen: Snapshot) -> None:
    beside = os.path.join(folder, f"{LOOKED}.{os.getpid()}")
    with open(beside, "w", encoding="utf-8") as file:
        file.write(api.as_json(seen))
    os.replace(beside, os.path.join(folder, LOOKED))


def _told(folder: str) -> Snapshot | None:
    """Wait for what another worker writes; None where it does not come."""
    path = os.path.join(folder, LOOKED)
    deadline = time.monotonic() + WAIT
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    try:
        return api.load_snapshot(path)
    except api.UnusableInput:
        return None
