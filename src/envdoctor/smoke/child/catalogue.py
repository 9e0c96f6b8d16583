"""All tests of the battery, found in the files of `cases`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Tuple

from .cases import ORDER

if TYPE_CHECKING:
    from .case import Case


def all_cases() -> Tuple[Case, ...]:
    """Return every test in the order in which they run."""
    found = []
    for name in ORDER:
        found += import_module(f"{__package__}.cases.{name}").CASES
    return tuple(found)
