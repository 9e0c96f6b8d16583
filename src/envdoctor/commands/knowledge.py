"""The matrix and the rules, as a command needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix


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

    # difflib takes time that grows with the square of the length.
    near = get_close_matches(name[:80].lower().replace("_", "-"), known, 3)
    return f" (did you mean {' or '.join(near)}?)" if near else " (`envdoctor rules` lists them)"
