"""A fact knows how it is known: `Known`, `Absent` and `Unknown` are three different answers.

"torch is not installed" is `Absent`; "the interpreter did not answer" is `Unknown`. Rules may conclude
from the first and never from the second (docs/adr/0003-unknown-is-never-a-verdict.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, Union

Value: TypeAlias = Union[bool, int, float, str, "list[Value]", "dict[str, Value]", None]
"""What a fact may hold: exactly what JSON can carry, so that a saved machine equals the live one."""


@dataclass(frozen=True, slots=True)
class Known:
    """The value was seen; `source` names where (`nvml`, `dist-info`, `/proc/driver/nvidia/version`, ...)."""

    value: Value
    source: str


@dataclass(frozen=True, slots=True)
class Absent:
    """It was looked for in a place that can tell, and is not there."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be found out; `reason` says why, in words a user can act on."""

    reason: str


Fact: TypeAlias = Known | Absent | Unknown
