from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.matrix.load import read_toml
from envdoctor.matrix.matrix import Matrix

WRITTEN = Path(__file__).resolve().parents[2] / "compat_matrix.toml"


@pytest.fixture(scope="session")
def written() -> Path:
    return WRITTEN


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    return Matrix(read_toml(WRITTEN), WRITTEN.name)
