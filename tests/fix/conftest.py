"""What the fix is tried on: an index server of tiny wheels, one for each worker of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fix_worlds import CHANNELS, Place, Wheels, serving

from standin.build import CannotCompile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def tiny_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny wheels, by channel; nothing writes into it."""
    root = tmp_path_factory.mktemp("wheels")
    try:
        wheels = Wheels(root)
        for channel, (cuda, releases) in CHANNELS.items():
            wheels.channel(channel, releases, cuda=cuda)
        wheels.channel("cu130", ("2.14.1", "2.15.0"), cuda="13.0", public=True)
    except CannotCompile as reason:
        pytest.skip(f"no tiny wheels: {reason}")
    return root


@pytest.fixture(scope="session")
def place(tiny_wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running index of them, and the caches of the installers."""
    with serving(tiny_wheels) as index:
        yield Place(index, tmp_path_factory.mktemp("caches"))
