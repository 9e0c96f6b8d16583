"""A root folder without /proc, as that of a bare chroot: what left the group cannot be found, and that is all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.host.descendants import end_marked, new_mark

if TYPE_CHECKING:
    import pytest


def test_without_proc_nothing_is_ended_and_nothing_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nothing(path: str) -> list[str]:
        asked.append(path)
        raise FileNotFoundError(path)

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(os, "listdir", nothing)
    end_marked(new_mark())
    assert asked == ["/proc"]
