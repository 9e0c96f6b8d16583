"""What a fix is foretold to take on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envdoctor.commands.fixing import bytes_copied
from envdoctor.fix import cloning
from envdoctor.fix.cloning import shares_blocks, size_of

SHM = Path("/dev/shm")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    made = tmp_path / ".venv"
    made.mkdir()
    (made / "torch.bin").write_bytes(os.urandom(100_000))
    return made


def test_a_copy_takes_what_its_file_system_does_not_share(environment: Path) -> None:
    shares, told = shares_blocks(str(environment.parent)), bytes_copied(str(environment), str(environment.parent))
    assert told == (0 if shares else size_of(str(environment)).bytes)
    assert [path.name for path in environment.parent.iterdir()] == [".venv"]


def test_what_is_shared_is_shared_on_one_file_system_alone(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on btrfs and XFS, which are not at hand."""
    monkeypatch.setattr(cloning, "shares_blocks", lambda _: True)
    assert bytes_copied(str(environment), str(environment.parent)) == 0
    if not SHM.is_dir() or SHM.stat().st_dev == environment.stat().st_dev:
        pytest.skip("no second file system")
    assert bytes_copied(str(environment), str(SHM)) > 100_000
