"""Many wheels at once: an answer or a reason for each, in their order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from loopback import Answer
from test_published_wheels import published
from tiny_wheels import torch_wheel

from envdoctor.published.reading import read_all
from envdoctor.published.unreachable import NotThere
from envdoctor.published.wheel import WheelContents

if TYPE_CHECKING:
    from loopback import Loopback

    from envdoctor.published.files import PublishedFile
    from envdoctor.published.session import Session

VERSIONS = [f"2.{minor}.0" for minor in range(12)]
MISSING = VERSIONS[5]


def files(server: Loopback) -> list[PublishedFile]:
    names = [f"torch-{version}-cp312-cp312-manylinux_2_28_x86_64.whl" for version in VERSIONS]
    for name, version in zip(names, VERSIONS, strict=True):
        if version != MISSING:
            server.answers[f"/{name}"] = Answer(torch_wheel(version), ranges=True)
    return [published(name, server.base) for name in names]


def test_each_wheel_has_an_answer_or_a_reason(server: Loopback, session: Session) -> None:
    told: list[tuple[int, int]] = []
    outcomes = read_all(files(server), session, architectures=True, progress=lambda *counts: told.append(counts))
    versions = [outcome.version if isinstance(outcome, WheelContents) else outcome for outcome in outcomes]
    expected = [None if version == MISSING else f"{version}+cu130" for version in VERSIONS]
    assert [None if isinstance(version, NotThere) else version for version in versions] == expected
    assert told == [(done, len(VERSIONS)) for done in range(1, len(VERSIONS) + 1)]


def test_no_wheels_are_no_work(session: Session) -> None:
    assert read_all([], session, architectures=True) == ()


def test_what_the_progress_raises_ends_it(server: Loopback, session: Session) -> None:
    """As Ctrl-C does; the threads see it after the wheel they are at."""
    listed = files(server)

    def enough(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_all(listed, session, architectures=False, progress=enough)
    readers = [thread for thread in threading.enumerate() if thread.name.startswith("read a wheel")]
    assert all(thread.daemon for thread in readers)
    for thread in readers:
        thread.join(10)
    wheels = set(server.paths())
    assert len(wheels) < len(listed)


def test_a_bug_in_a_thread_is_raised_here(session: Session) -> None:
    with pytest.raises(AttributeError):
        read_all([None], session, architectures=False)  # type: ignore[list-item]
