"""A file as a TOML document whose keys have lines."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.place import Place
from envdoctor.policy.keys import TABLES
from envdoctor.policy.mistake import PolicyError
from envdoctor.policy.places import line_of, lines_of_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.policy.places import Path

PYPROJECT = "pyproject.toml"
TABLE = ("tool", "envdoctor")
"""Where the keys stand in a file of that name."""


_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){30}""")
"""A key of so many parts that tomllib, whose time grows with the square of them, must not see it."""

_BARE = re.compile(r"[ \t]*[\w-]{1,50}[ \t]*[=<>!~]{1,3}[ \t]*[^\s\"'\[{]")
"""A line whose value has no quotes where it begins: `torch >= 2.6`, `torch = 2.6.1`, `device = cuda`."""


class Decimal(str):
    """A TOML number with a fraction, as it is written: 2.10 is no 2.1."""

    __slots__ = ()


class Document(NamedTuple):
    """The keys of one file, `path`. `file` is its name for the user, `within` the table that the keys stand in."""

    path: str
    file: str
    keys: Mapping[str, object]
    within: Path
    lines: Mapping[Path, int]

    def wrong(self, path: Path, what: str) -> PolicyError:
        """Return the mistake of what stands at a path, to be raised."""
        return PolicyError(self.file, line_of(self.lines, (*self.within, *path)), what)

    def place(self, path: Path) -> Place | None:
        """Return where something stands, None where its line is not known."""
        line = line_of(self.lines, (*self.within, *path))
        return Place(self.file, line) if line else None


def document(path: str, content: bytes) -> Document | None:
    """Read the bytes of a file; None for a pyproject.toml without a table for us. Raises `PolicyError`."""
    file = shown(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PolicyError(file, None, "not UTF-8 text") from None
    parsed = _parsed(file, text)
    lines = lines_of_keys(text.replace("\r\n", "\n"))
    if os.path.basename(path) != PYPROJECT:
        return Document(path, file, parsed, (), lines)
    _refuse_other_tables(file, parsed, lines)
    table: object = parsed
    for depth, name in enumerate(TABLE):
        if not isinstance(table, dict) or name not in table:
            return None
        table = table[name]
        if not isinstance(table, dict):
            raise PolicyError(file, line_of(lines, TABLE[: depth + 1]), f"{'.'.join(TABLE[: depth + 1])}: not a table")
    _refuse_tables_outside(file, parsed, lines)
    return Document(path, file, table, TABLE, lines) if isinstance(table, dict) else None


def _refuse_tables_outside(file: str, parsed: Mapping[str, object], lines: Mapping[Path, int]) -> None:
    """Raise `PolicyError` for `[packages]` and such as they stand in envdoctor.toml: nobody would hold them here."""
    for key in TABLES:
        if key.name in parsed:
            what = f"[{key.name}]: did you mean [{'.'.join((*TABLE, key.name))}]?"
            raise PolicyError(file, line_of(lines, (key.name,)), what)


def _refuse_other_tables(file: str, parsed: Mapping[str, object], lines: Mapping[Path, int]) -> None:
    """Raise `PolicyError` for a table that is ours but for a slip: nothing in it would be held, and nobody told."""
    for above in ((), ("tool",), ("tools",)):
        table = parsed.get(above[0]) if above else parsed
        for name in table if isinstance(table, dict) else ():
            path = (*above, name)
            if path != TABLE and name.lower() == TABLE[-1]:
                what = f"[{'.'.join(path)}]: did you mean [{'.'.join(TABLE)}]?"
                raise PolicyError(file, line_of(lines, path), what)


def shown(path: str) -> str:
    """Return a path as the user would name it: relative to the working directory where it is below that."""
    if "://" in path:  # a URL, taken for a file: with one slash less nobody would know its credentials
        return path
    try:
        below = os.path.relpath(path)
    except (OSError, ValueError):  # no working directory any more; another drive of Windows
        return path
    return os.path.abspath(path) if below.split(os.sep)[0] == os.pardir else below.replace(os.sep, "/")


def _parsed(file: str, text: str) -> dict[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    if _LONG_KEY.search(text):
        raise PolicyError(file, None, "a key of more than 30 parts")
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as problem:  # ValueError: also a number of thousands of digits
        # Only the place: what else a message repeats of the file may be a password.
        place = re.search(r"line (\d+), column \d+", str(problem))
        twice = str(problem).startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate"))
        what = "not TOML: a key or a table that is there already" if twice else "not TOML"
        line = int(place[1]) if place else None
        if line and not twice and _BARE.match(text.split("\n", line)[line - 1]):
            what = 'not TOML; text and comparisons stand in quotes: torch = ">=2.6"'
        raise PolicyError(file, line, what) from None
