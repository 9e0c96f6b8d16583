"""A temporary folder that goes away with the run, also with one that is interrupted."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envdoctor.host.process import STARTING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS: list[str] = []
"""The folders that are there at this moment; a signal that ends the run takes them away."""

TRIES = 3


@contextmanager
def temporary_folder(prefix: str) -> Iterator[str | None]:
    """Make a folder that only this user may read, and take it away at the end; None where none can be made."""
    folder = None
    with STARTING:  # a signal between the making and the entry would leave it behind
        try:
            folder = tempfile.mkdtemp(prefix=prefix)
            FOLDERS.append(folder)
        except OSError:
            pass
    try:
        yield folder
    finally:
        if folder is not None:
            _remove(folder)
            FOLDERS.remove(folder)


def remove_folders() -> None:
    """Take away every folder that is there."""
    for folder in FOLDERS:
        _remove(folder)


def _remove(folder: str) -> None:
    """Take a folder away. A process that was killed may for a moment still write into it."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(0.05)
