"""What a policy may name besides keys: rules and kernel tests, which other rooms know."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class Names(NamedTuple):
    """Each is asked only where a file names one: `rules` there are, `tests` of kernels that a check runs."""

    rules: Callable[[], Collection[str]]
    tests: Callable[[], Collection[str]]
