"""Probes in a copy of this process, while this one runs the others: their facts come back when they are needed.

On two processors that saves their time; and a file that is cut short while it is mapped ends the copy, which costs
these facts and not the look.
"""

from __future__ import annotations

import marshal
import time
from typing import TYPE_CHECKING, Any

from envdoctor.host.forked import Forked, Lost, can_fork
from envdoctor.model.fact import Absent, Fact, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from envdoctor.model.fact import Value
    from envdoctor.probes.looking import Looking

GRACE = 0.5
"""Seconds beyond the deadline, at which the probes stop by themselves."""


class Apart:
    """Some probes under way in a copy of this process."""

    def __init__(self, at: Looking, probes: tuple[ModuleType, ...], forked: Forked) -> None:
        self.at = at
        self.probes = probes
        self.forked = forked

    def join(self) -> None:
        """Add their facts, Unknown where the copy was lost, and what they could not read."""
        try:
            facts, unreadable = marshal.loads(self.forked.answer(max(self.at.deadline, time.monotonic()) + GRACE))
        except (Lost, EOFError, ValueError, TypeError) as problem:
            reason = f"reading the shared objects {getattr(problem, 'reason', 'ended early')}"
            names = (name for probe in self.probes for name in probe.FACTS)
            self.at.facts.update(dict.fromkeys(names, Unknown(reason)))
            return
        self.at.facts.update({name: _fact(*told) for name, told in facts.items()})
        self.at.unreadable[:] = unreadable

    def stop(self) -> None:
        """End them, if they are still under way."""
        self.forked.stop()


def begin_apart(
    at: Looking, probes: tuple[ModuleType, ...], ask: Callable[[ModuleType, Looking], None]
) -> Apart | None:
    """Start `probes` in a copy; None where they are to run here: nothing to read, another system, other threads.

    With `deep` as well: what is hashed once shall not be asked for again.
    """
    if not at.host.live or at.deep or at.text("torch.location") is None or not can_fork():
        return None

    def work() -> bytes:
        before = set(at.facts)
        for probe in probes:
            ask(probe, at)
        facts = {name: _plain(fact) for name, fact in at.facts.items() if name not in before}
        return marshal.dumps((facts, at.unreadable))

    try:
        return Apart(at, probes, Forked(work))
    except OSError:  # a limit on processes
        return None


def _plain(fact: Fact) -> tuple[str, Value]:
    """A fact as `marshal` can carry it: its source or its reason, and its value in a list where it has one."""
    if isinstance(fact, Known):
        return "known", [fact.value, fact.source]
    return "absent" if isinstance(fact, Absent) else "unknown", fact.reason


def _fact(kind: str, told: Any) -> Fact:
    return Known(*told) if kind == "known" else (Absent if kind == "absent" else Unknown)(told)
