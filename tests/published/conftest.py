"""A server that ends with its test, and a session that knows nothing of this machine's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from loopback import Loopback, loopback

from envdoctor.published import session as asking
from envdoctor.published.session import Session
from envdoctor.published.settings import Settings
from envdoctor.published.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as here:
        yield here


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second is waited between tries, and neither this user's logins nor proxies are used."""
    monkeypatch.setattr(asking, "BACKOFF", 0.01)
    monkeypatch.setenv("NETRC", "/dev/null")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def session() -> Iterator[Session]:
    """One that remembers nothing and waits five seconds."""
    with Session(Settings(), Store(None), seconds=5) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "cache"))
