"""The matrix and the rules, as a command needs them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix


class Knowledge:
    """What a machine is judged with, as the command line chooses it; each part is loaded when it is first asked for."""

    def __init__(self, matrix_file: str | None, select: tuple[str, ...], ignore: tuple[str, ...]) -> None:
        self._matrix_file = matrix_file
        self._select = select
        self._ignore = ignore

    @cached_property
    def matrix(self) -> Matrix:
        """The matrix. Raises `Unusable` with the row that is wrong."""
        return load(self._matrix_file)

    @cached_property
    def selected(self) -> frozenset[str]:
        """The rules to run, none for all. Raises `Unusable` for one that does not exist."""
        return known_rules(self._select, "--select")

    @cached_property
    def ignored(self) -> frozenset[str]:
        """The rules to leave out. Raises `Unusable` for one that does not exist."""
        return known_rules(self._ignore, "--ignore")

    def gather(self) -> None:
        """Load everything, and the rules themselves. Raises `Unusable`."""
        from envdoctor.diagnose import judge  # noqa: F401 - its import is what takes time
        from envdoctor.rules.rule import all_rules

        all_rules()
        _ = self.matrix, self.selected, self.ignored


def load(matrix_file: str | None) -> Matrix:
    """Return the shipped matrix, or the one in a file. Raises `Unusable` with the row that is wrong."""
    from envdoctor.matrix.load import load_matrix
    from envdoctor.matrix.rows import MatrixError

    try:
        return load_matrix(matrix_file or None)
    except MatrixError as problem:
        raise Unusable(str(problem)) from None


def known_rules(names: tuple[str, ...], option: str) -> frozenset[str]:
    """Return rule names as given, each checked. Raises `Unusable` for one that does not exist."""
    from envdoctor.rules.rule import all_rules

    if not names:
        return frozenset()
    known = [rule.name for rule in all_rules()]
    for name in names:
        if name not in known:
            raise Unusable(f"{option} {name}: no such rule{nearest(name, known)}")
    return frozenset(names)


def nearest(name: str, known: list[str]) -> str:
    """Return words that suggest the known names nearest to a mistyped one, the nearest first."""
    from difflib import get_close_matches

    plain = name[:80].lower().replace("_", "-").rstrip("-*")
    # A family of rules has no page of its own: all of it. difflib takes time that grows with the square of the length.
    near = [one for one in known if one.startswith(f"{plain}-")] or get_close_matches(plain, known, 3)
    return f" (did you mean {' or '.join(near)}?)" if near else " (`envdoctor rules` lists them)"
