"""What a team demands of an environment, and how findings are weighed: a policy, as it is read of a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.demand import Demand
    from envdoctor.model.finding import Finding, Severity
    from envdoctor.model.place import Place

CORE = "core"
"""The profile that holds where none is named."""


class Ignore(NamedTuple):
    """A finding that does not count: those of `rule` whose subject matches the pattern `subject` ("" any, "gpu:*").

    `expires` is the last day on which it holds, as ISO 8601 writes it, None where it has no end.
    """

    rule: str
    reason: str
    subject: str = ""
    expires: str | None = None
    place: Place | None = None


class Ignored(NamedTuple):
    """A finding that was taken out, and what took it."""

    finding: Finding
    by: Ignore


@dataclass(frozen=True, slots=True)
class Policy:
    """Demands, severities and ignores of all files that apply, the nearest to the user last.

    `severities` are rule name to severity. `fail_on`, `strict` and `smoke` are None where nothing was said; `smoke`
    says whether kernels are run, `device` whether torch shall compute on "cuda" or "cpu". `select` are the rules to run
    (none: all), `leave_out` those not to. `without` are names of probes that are not asked. `profile` is the name of
    the profile, `files` are what was read, shipped profiles left out.
    """

    demands: tuple[Demand, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    ignores: tuple[Ignore, ...] = ()
    fail_on: str | None = None
    strict: bool | None = None
    smoke: bool | None = None
    device: str | None = None
    select: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    profile: str = CORE
    files: tuple[str, ...] = ()

    @property
    def says_anything(self) -> bool:
        """Whether it is more than the default."""
        return self != Policy()

    @property
    def wants_cpu(self) -> bool:
        """Whether it says that torch is to be a build for the CPU."""
        return self.device == "cpu" or any(one.key == "channel" and one.specifier == "cpu" for one in self.demands)
