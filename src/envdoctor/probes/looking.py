"""What every probe is given: the host, the interpreter's own words, and the facts seen so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from envdoctor.model.fact import Fact, Known, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envdoctor.binary.process import Opening, Process
    from envdoctor.host.host import Host
    from envdoctor.host.process import Running
    from envdoctor.model.fact import Value
    from envdoctor.probes.compiled_objects import CompiledObject
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.target import Target

Facts: TypeAlias = dict[str, Fact]


class OutOfTime(Exception):
    """The time for the look is over."""


def _silent(done: int, of: int) -> None:
    """Tell nobody how far it is."""


@dataclass(slots=True)
class Looking:
    """One look at one machine.

    `deadline` is a `time.monotonic()` time for everything that may hang. The children (NVML and libcuda, and
    the target interpreter unless it is our own) are started first, so that they answer meanwhile.
    """

    host: Host
    target: Target
    deadline: float
    driver_children: tuple[Running, Running] | None = None
    interpreter_child: Running | None = None
    without: frozenset[str] = frozenset()
    """Names of probes that are not asked."""
    facts: Facts = field(default_factory=dict)
    told: Mapping[str, object] = field(default_factory=dict)
    """What the interpreter told of itself and its system (`host/child/interpreter.py` lists the keys); empty
    where it did not answer."""
    distributions: tuple[Distribution, ...] = ()
    by_name: dict[str, list[Distribution]] = field(default_factory=dict)
    """The same by normalised name, each name in the order of sys.path."""
    leftovers: tuple[tuple[str, str], ...] = ()
    """Names that an interrupted installation left in a folder of packages, and that folder."""
    denied: tuple[str, ...] = ()
    """Folders of sys.path that are there and may not be read; what they hold is not known."""
    deep: bool = False
    """Whether the content of installed files is compared with their digests."""
    progress: Callable[[int, int], None] = _silent
    """Told the bytes read so far, and of how many, while that goes on."""
    cwd: str | None = None
    """The working directory of the user, None for a machine that is not the live one."""
    objects: tuple[CompiledObject, ...] = ()
    """The compiled objects of the packages beside torch (probe `compiled_objects`)."""
    unreadable: list[str] = field(default_factory=list)
    """Files that are named as shared objects and cannot be read as such, as machine paths."""
    process: Process | None = None
    """The interpreter after `import torch`, in thought (probe `loader`); None where there is no torch of this kind."""
    openings: dict[str, Opening] = field(default_factory=dict)
    """What became of opening each object, by its machine path: torch's own chain under `torch/_C*.so`, then those
    of its partners and of `objects`."""

    def in_time(self) -> None:
        """Raise `OutOfTime` after the deadline: probes whose work grows with files of others call it for each."""
        if time.monotonic() > self.deadline:
            raise OutOfTime

    def distribution(self, name: str) -> Distribution | None:
        """Return the distribution of that normalised name that `import` would meet first."""
        found = self.by_name.get(name)
        return found[0] if found else None

    def recorded(self, name: str, site: str | None, version: str | None) -> Distribution | None:
        """Return the record of that name in that folder, None for none.

        Of several, as an interrupted upgrade leaves them, it is the one of the version that the files state.
        """
        beside = [one for one in self.by_name.get(name, ()) if one.site == site]
        stated = (version, (version or "").partition("+")[0])
        return next((one for one in beside if one.version in stated), beside[0] if beside else None)

    def denied_before(self, site: str | None) -> str | None:
        """Return the first folder that may not be read and that sys.path names before `site`, None for none.

        With `site` None, for what was found nowhere, every folder counts.
        """
        for folder in self.texts("python.site_packages") if self.denied else ():
            if folder == site:
                return None
            if folder in self.denied:
                return folder
        return None

    @property
    def unplaced(self) -> Unknown | None:
        """That nobody knows where the packages are; None where the interpreter said it."""
        told = self.facts.get("python.site_packages")
        return Unknown("the interpreter did not say where its packages are") if isinstance(told, Unknown) else None

    @property
    def unlisted(self) -> Unknown | None:
        """That a folder of packages, or all of them, could not be listed; None where what is not found is not there."""
        return self.unplaced or (Unknown(f"{self.denied[0]} may not be read") if self.denied else None)

    def text(self, name: str) -> str | None:
        """Return a fact seen earlier in this look, None unless it is a known text."""
        fact = self.facts.get(name)
        return fact.value if isinstance(fact, Known) and isinstance(fact.value, str) else None

    def texts(self, name: str) -> list[str]:
        """Return a fact seen earlier that is a list, its texts alone."""
        fact = self.facts.get(name)
        value = fact.value if isinstance(fact, Known) else None
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

    def rows(self, name: str) -> list[dict[str, Value]]:
        """Return a fact seen earlier that is a list of tables."""
        fact = self.facts.get(name)
        value = fact.value if isinstance(fact, Known) else None
        return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
