"""The matrix file as text: one cell changed or one line added, and every other byte as it was.

Cells are changed through tomlkit, which keeps alignment and comments. It would put a new line of a table behind the
comment that belongs to the next table, so lines are added to the text itself.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tomlkit import TOMLDocument

    from envdoctor.matrix.rows import Node

Path: TypeAlias = tuple[str, ...]


class NoPlace(Exception):
    """The file has no table of its own where a line belongs; the message is one line."""


def quoted(text: str) -> str:
    """Return a text as a TOML string."""
    from tomlkit import string

    return string(text).as_string()


def key_text(key: str) -> str:
    """Return a key as TOML writes it, quoted where it must be."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def listed(texts: Sequence[str]) -> str:
    """Return a list of texts on one line."""
    return f"[{', '.join(map(quoted, texts))}]"


def inline(cells: Mapping[str, str | Sequence[str]]) -> str:
    """Return a table on one line; each value is a text or a list of texts."""
    shown = (
        f"{key_text(key)} = {quoted(value) if isinstance(value, str) else listed(value)}"
        for key, value in cells.items()
    )
    return "{ " + ", ".join(shown) + " }"


def changed(text: str, edits: Mapping[Path, str | tuple[str, ...] | None]) -> str:
    """Return the text with cells changed, or taken out where the value is None; raises `KeyError` for a missing one.

    A path that leads into a table on one line may name a cell it does not have yet.
    """
    if not edits:
        return text
    from tomlkit import dumps, parse

    document = parse(text)
    for path, value in edits.items():
        _change(document, path, value)
    return dumps(document)


def _change(document: TOMLDocument, path: Path, value: str | tuple[str, ...] | None) -> None:
    from tomlkit import item
    from tomlkit import value as parsed
    from tomlkit.items import InlineTable

    *above, key = path
    holder = document
    for number, part in enumerate(above):
        inner = holder[part]
        if isinstance(inner, InlineTable) and number == len(above) - 1 and (value is None or key not in inner):
            # Written anew: tomlkit leaves two blanks where a cell was, and puts a new one last.
            cells = {name: cell for name, cell in inner.unwrap().items() if name != key}
            if value is not None:
                cells = {key: value, **cells}
            holder[part] = parsed(inline(cells))
            return
        holder = inner
    if value is None:
        del holder[key]
    elif key in holder:
        holder[key] = value if isinstance(value, str) else item(list(value))
    else:
        raise KeyError(path)


class Lines:
    """The lines of a file with the places of its tables; what adds a line raises `NoPlace`."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True)

    @property
    def text(self) -> str:
        """The file."""
        return "".join(self._lines)

    def tables(self) -> list[tuple[Path, int]]:
        """Every table header with its line, in the order of the file."""
        return [(path, number) for number, line in enumerate(self._lines) if (path := _header(line))]

    def _section(self, path: Path) -> range:
        """The lines of a table, its header first. Raises `NoPlace`."""
        heads = self.tables()
        for place, (found, start) in enumerate(heads):
            if found == path:
                return range(start, heads[place + 1][1] if place + 1 < len(heads) else len(self._lines))
        raise NoPlace(f"no table [{'.'.join(map(key_text, path))}] to add a line to")

    def _last(self, section: range) -> int:
        """The last line of a table that holds something; comments after it belong to the next table."""
        return max(n for n in section if self._lines[n].strip() and not self._lines[n].lstrip().startswith("#"))

    def add_cell(self, path: Path, key: str, value: str, *, after: Sequence[str]) -> None:
        """Add a cell behind the last of the cells `after` that is there, else at the top of its table."""
        section = self._section(path)
        place = section.start
        for number in section:
            name = _key(self._lines[number])
            if name in after:
                place = number
        self._lines.insert(place + 1, f"{key_text(key)} = {value}\n")

    def add_entry(self, path: Path, key: str, value: str, *, before: Callable[[str], bool] | None = None) -> None:
        """Add a line to a list of entries, aligned as they are: before the first that `before` names, else last."""
        section = self._section(path)
        entries = [number for number in section if _key(self._lines[number]) is not None]
        place = next((n for n in entries if before and before(_key(self._lines[n]) or "")), self._last(section) + 1)
        columns = [self._lines[number].index("=") for number in entries]
        column = max(set(columns), key=columns.count, default=0)
        self._lines.insert(place, f"{key_text(key):<{max(column - 1, 0)}} = {value}\n")

    def add_block(self, behind: Path, block: str) -> None:
        """Add tables, and the comments above them, behind the last table whose path begins so. Raises `NoPlace`."""
        starts = [path for path, _ in self.tables() if path[: len(behind)] == behind]
        if not starts:
            raise NoPlace(f"no table [{'.'.join(map(key_text, behind))}] to add another behind")
        end = max(self._last(self._section(path)) for path in starts) + 1
        self._lines[end:end] = ["\n", *block.splitlines(keepends=True)]


@lru_cache(maxsize=4096)
def _header(line: str) -> Path | None:
    """The path of a table header; None for any other line."""
    if not line.startswith("["):
        return None
    try:
        table: object = parsed(line.replace("[[", "[", 1).replace("]]", "]", 1))
    except ValueError:
        return None
    path: list[str] = []
    while isinstance(table, dict) and len(table) == 1:
        key, table = next(iter(table.items()))
        path.append(key)
    return tuple(path) or None


def _key(line: str) -> str | None:
    """The key of a line `key = value`; None for any other line."""
    match = re.match(r'\s*([A-Za-z0-9_-]+|"[^"\n]+")\s*=', line)
    return match[1].strip('"') if match else None


def parsed(text: str) -> dict[str, Node]:
    """Return the document of a file. Raises `ValueError` for what is not TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    return tomllib.loads(text)
