"""Lines of a paste as `cleaning` gives them, and readings as plain tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Line

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.paste import Reading


def lines_of(text: str) -> tuple[Line, ...]:
    """Return the lines of a text, numbered from 1."""
    return tuple(Line(number, line) for number, line in enumerate(text.split("\n"), start=1))


def values_of(reading: Reading) -> dict[str, Value]:
    """Return what a reading states: values by fact, None for what it says is absent."""
    return {one.name: one.fact.value if isinstance(one.fact, Known) else None for one in reading.stated}
