"""How old the matrix is. No clock is read here: the day comes from the snapshot, or from the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix

MOST_DAYS = 90
"""In that time torch mostly has a new release."""


def days_between(revision: str, day: str) -> int | None:
    """Return the days from one ISO 8601 date to another; None where one is none ("never", a described machine)."""
    first, second = _ordinal(revision), _ordinal(day)
    return None if first is None or second is None else second - first


def _ordinal(text: str) -> int | None:
    """Return the number of a day, counted in the Gregorian calendar; `datetime` would cost a millisecond to import."""
    parts = text.partition("T")[0].split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    year, month, day = map(int, parts)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    year -= month <= 2  # years that begin in March: a leap day is then the last of one
    before = (153 * ((month + 9) % 12) + 2) // 5  # days of the months since March
    return 365 * year + year // 4 - year // 100 + year // 400 + before + day


def note(matrix: Matrix, day: str) -> str | None:
    """Say on `day` (ISO 8601) that the matrix is older than `MOST_DAYS`; None where it is not, or `day` is no date."""
    age = days_between(matrix.revision, day)
    if age is None or age <= MOST_DAYS:
        return None
    return (
        f"The compatibility matrix is of {matrix.revision}, {age} days old. It knows torch up to "
        f"{matrix.newest_torch}, and nothing that was published later."
    )
