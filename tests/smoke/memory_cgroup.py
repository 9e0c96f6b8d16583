"""Memory that ends early: a control group for commands that may take no more than so many bytes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION_1 = Path("/sys/fs/cgroup/memory")
ENTER = 'echo $$ > "$0" && exec "$@"'


@contextmanager
def limited_memory(limit: int) -> Iterator[tuple[str, ...]]:
    """What to put before a command so that it and its children get `limit` bytes together; skips where it cannot."""
    group = VERSION_1 / f"limited-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(limit))
    except OSError as reason:
        pytest.skip(f"no memory control group can be made here: {reason}")
    try:
        yield ("sh", "-c", ENTER, str(group / "cgroup.procs"))
    finally:
        group.rmdir()  # OSError: a process is left in it
