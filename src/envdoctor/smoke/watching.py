"""One child of the battery from its start to its end: what it tells, and the limits it is held to."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.host.conversation import Conversation, Heard
from envdoctor.smoke import endings
from envdoctor.smoke.child.channel import LOST

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from envdoctor.host.memory import Memory
    from envdoctor.model.fact import Value
    from envdoctor.smoke.endings import Ending

SCRIPT = os.path.join(os.path.dirname(__file__), "child", "envdoctor_battery.py")

TICK = 0.05
"""Seconds between two looks at the time, the output and the memory."""

BETWEEN = 10.0
"""Seconds that a child may do nothing between two tests."""

LAST_MOMENT = 0.3
"""Seconds for a process whose pipe has ended to be gone; one that lives on has closed it."""

MOST_WRITTEN = 16 * 2**20
"""Bytes of output of one test."""

RESERVE_SHARE, RESERVE_LEAST = 0.03, 256 * 2**20
"""What a test has to leave of the memory that was free when it began, in bytes at least."""

ENOUGH, ENOUGH_FULL = 2**29, 2**31
"""Bytes that no test needs for itself, in its small and its large size; all of them together were seen to take 300 and
850 MiB. One that took less before the memory was at its end came upon too little of it."""


class Begun(NamedTuple):
    """A test began; `import` is one of them."""

    test: str
    device: str


class Told(NamedTuple):
    """A test told how it ended. `output` is the end of what it wrote; `meddled`: it wrote among the results too."""

    test: str
    device: str
    words: Mapping[str, Value]
    output: str
    meddled: bool


class Done(NamedTuple):
    """The child has done what it was asked for, or has seen that the device is lost."""


class Gone(NamedTuple):
    """The child has ended before, or was ended. `test` is what ran then, None between two."""

    ending: Ending
    test: Begun | None


Happening = Begun | Told | Done | Gone


def watch(
    child: Conversation,
    seconds_for: Callable[[Begun | None], float],
    over_at: Callable[[], float],
    memory: Memory,
    enough: int = ENOUGH,
) -> Generator[Happening, None, None]:
    """Yield what happens until the child is no more; it has been ended with all its group when this is over.

    `seconds_for` tells how long a test may take, None standing for the start of the interpreter. `over_at` is the time
    (`time.monotonic()`) at which the whole battery ends, asked again and again. `enough` are bytes of memory that no
    test of that size needs.
    """
    try:
        yield from _Watched(child, seconds_for, over_at, memory, enough).happenings()
    finally:
        child.stop()


class _Watched:
    def __init__(
        self,
        child: Conversation,
        seconds_for: Callable[[Begun | None], float],
        over_at: Callable[[], float],
        memory: Memory,
        enough: int,
    ) -> None:
        self.child = child
        self.seconds_for = seconds_for
        self.over_at = over_at
        self.memory = memory
        self.enough = enough
        self.kills = memory.kills()
        self.test: Begun | None = None
        self.mark = ""
        self.meddled = False
        self.dead = False
        self._begin(seconds_for(None))

    def _begin(self, seconds: float) -> None:
        """Count time, output and memory anew."""
        self.seconds = seconds
        self.limit = time.monotonic() + seconds
        self.child.written = 0
        self.free = self.memory.free()
        self.held = self.memory.held_by(self.child.pid)

    def happenings(self) -> Iterator[Happening]:
        while True:
            now = time.monotonic()
            heard = self.child.next(min(now + TICK, max(now, self.limit)))
            # A flood may be over, and its test have told that it passed, before there is time to look.
            ending = self._flooded() if self.test else None
            if ending is not None:
                yield self._gone(ending)
                return
            if isinstance(heard, str):
                for happened in self._understood(heard):
                    yield happened
                    if isinstance(happened, Done):
                        return
            elif heard is Heard.END or self.dead:
                yield self._gone(self._ended())
                return
            # Its pipe does not end with it where what it started lives on; what it told is all there by the next look.
            self.dead = self.child.status(0) is not None
            ending = self._beyond()
            if ending is not None:
                yield self._gone(ending)
                return

    def _understood(self, line: str) -> Iterator[Happening]:
        words, clean = _parsed(line)
        self.meddled |= not clean
        event, test, device = words.get("event"), words.get("test"), words.get("device")
        named = Begun(test, device) if isinstance(test, str) and isinstance(device, str) else None
        if event == "done":
            yield from self._lost_end()
            yield Done()
        elif event == "begin" and named:
            yield from self._lost_end()
            self.test, self.mark = named, str(words.get("mark"))
            self._begin(self.seconds_for(named))
            yield named
        elif event == "end" and self.test and self.test == named:
            yield self._told(self.test, words)
        else:
            self.meddled = True

    def _lost_end(self) -> Iterator[Told]:
        """The end of a test that wrote among the results is lost in what it wrote."""
        if self.test:
            self.meddled = True
            yield self._told(self.test, {})

    def _told(self, test: Begun, words: Mapping[str, Value]) -> Told:
        self.child.read_rest()
        told = Told(test.test, test.device, words, endings.shown(self._output()), self.meddled)
        self.test, self.meddled = None, False
        self._begin(BETWEEN)
        return told

    def _beyond(self) -> Ending | None:
        """Say what is at its end: the test's time, the battery's, the memory."""
        now = time.monotonic()
        if now >= self.limit:
            self.child.stop()
            return endings.ran_too_long(self.seconds, self._output())
        if now >= self.over_at():
            return endings.OVER
        return self._short_of_memory()

    def _flooded(self) -> Ending | None:
        if self.child.written <= MOST_WRITTEN:
            return None
        self.child.stop()
        return endings.flooded(MOST_WRITTEN, self._output())

    def _short_of_memory(self) -> Ending | None:
        """End a test that takes the memory of the machine; one that others take is left to the kernel."""
        if self.free is None:
            return None
        left = self.memory.free()
        if left is None or left >= min(max(RESERVE_SHARE * self.free, RESERVE_LEAST), self.free / 2):
            return None
        took = self.memory.held_by_group(self.child.pid) - self.held
        if took < (self.free - left) / 2:
            return None
        own = self.memory.held_by(self.child.pid) - self.held  # a compiler that it started needs what it needs
        self.child.stop()
        if own < self.enough:
            return endings.found_no_memory(self.free)
        return endings.took_all_memory(took, self._output())

    def _ended(self) -> Ending:
        status = self.child.status(LAST_MOMENT)
        self.child.read_rest()
        if status is None:
            self.child.stop()
            return endings.died(LOST, self._output(), for_memory=False)
        kills = self.memory.kills()
        for_memory = status == -9 and kills is not None and self.kills is not None and kills > self.kills
        return endings.died(status, self._output(), for_memory=for_memory)

    def _gone(self, ending: Ending) -> Gone:
        return Gone(ending, self.test)

    def _output(self) -> str:
        """Return what the test wrote, as far as it is kept: what follows its mark."""
        tail = self.child.tail()
        after = tail.rpartition(self.mark)[2] if self.mark else tail
        return after.partition("\x1etest ")[0]


def _parsed(line: str) -> tuple[Mapping[str, Value], bool]:
    """Read a line, and tell whether it holds nothing else: what a test writes may stand before what we said."""
    for start in (0, line.find('{"event"')):
        try:
            words = json.loads(line[start:]) if start >= 0 else None
        except (ValueError, RecursionError):
            continue
        if isinstance(words, dict):
            return words, start == 0
    return {}, False
