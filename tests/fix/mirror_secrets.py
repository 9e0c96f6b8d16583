"""A password and a token that open a mirror, and whether they show anywhere: in an output, a file, a command line."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machines import Said

USER, WORD = "alice", "s3cr3t-w0rd/+"
QUOTED = "s3cr3t-w0rd%2F%2B"
PASSWORD = f"{USER}:{QUOTED}"
"""A login as it stands in an address."""

TOKEN = "tok3n-of-alice-9"
"""One that is a user without a password."""

SECRETS = (WORD, QUOTED, TOKEN)


TYPED = " -m envdoctor "


@contextmanager
def watched(shown: list[str]) -> Iterator[None]:
    """Collect the command lines of all processes in which a secret stands, save one that a user typed it into.

    Tests run beside each other: the doctor of another one may be named its mirror on the command line.
    """
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.002):
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    try:
                        line = (
                            Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                        )
                    except OSError:
                        continue
                    if any(secret in line for secret in SECRETS) and TYPED not in line:
                        shown.append(line)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def holding(folder: Path) -> list[str]:
    """The files below a folder, but for the installers' caches, that hold a secret."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "caches"]
        for name in files:
            path = Path(place, name)
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in SECRETS):
                found.append(str(path.relative_to(folder)))
    return found


def shows_nothing(said: Said, folder: Path) -> bool:
    """Whether no secret stands in what was printed, nor in a file below a folder."""
    return not [secret for secret in SECRETS if secret in said.stdout + said.stderr] and holding(folder) == []
