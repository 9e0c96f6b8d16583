"""A TOML text as a document, and where each of its values stands.

`tomllib` says what the text means and knows no places; the places come from a scan of a text that `tomllib` has taken,
so that the scan need not know what is wrong.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

from envdoctor.model.place import Place
from envdoctor.readers.declared.unreadable import Unreadable, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Path = tuple[str | int, ...]
"""Keys and positions that lead to a value: ("project", "dependencies", 0)."""

MOST = 4_000_000
"""Characters of a lock file that is read; those of large projects have less."""

MOST_BY_HAND = 500_000
"""Characters of a manifest that is read with its places; somebody wrote it."""

_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){30}""")
"""A key of so many parts that tomllib, whose time grows with the square of them, must not see it."""

_BLANKS = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_VALUES = (
    re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'{1,2}(?!'))*'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
    re.compile(r"[^\s,\]}#][^,\]}#\n]*"),
)


_TOKEN = re.compile(
    rf"(?P<text>{'|'.join(one.pattern for one in _VALUES[:4])})"
    r"|(?P<comment>#[^\n]*)|(?P<opens>[\[{])|(?P<closes>[\]}])|(?P<comma>,)|(?P<end>\n)|[^\s\"'#\[\]{},]+|.",
    re.DOTALL,
)


class Spot(NamedTuple):
    """Where a value stands, as offsets: its key (of a list's entry, itself), its begin and its end, quotes and all."""

    key: int
    begin: int
    end: int


class Toml(NamedTuple):
    """A document, its text, and the spots of its values."""

    document: Mapping[str, Any]
    text: str
    spots: Mapping[Path, Spot]
    line_begins: tuple[int, ...]

    def at(self, path: Path) -> object:
        """Return the value that a path of keys leads to, None where there is none."""
        found: object = self.document
        for key in path:
            found = found.get(str(key)) if isinstance(found, dict) else None
        return found

    def place(self, file: str, path: Path, *, at_key: bool = False) -> Place:
        """Return where a value's text begins, behind its quotes, or where its key does; line 1 for what is nowhere."""
        spot = self.spots.get(path)
        if spot is None:
            return Place(file, 1)
        quotes = 3 if self.text.startswith(('"""', "'''"), spot.begin) else self.text[spot.begin] in "\"'"
        return self._at(file, spot.key if at_key else spot.begin + quotes)

    def written(self, path: Path, *, from_key: bool = False) -> str:
        """Return the text of a value within its quotes, or from its key on and with its quotes."""
        spot = self.spots.get(path)
        if spot is None:
            return ""
        if from_key:
            return self.text[spot.key : spot.end]
        text = self.text[spot.begin : spot.end]
        quotes = 3 if text.startswith(('"""', "'''")) else 1 if text[0] in "\"'" else 0
        return text[quotes : len(text) - quotes]

    def spelled(self, file: str, path: Path, where: Path) -> tuple[Place, str]:
        """Return the place and the text of what is told of a name: `path` leads to all of it, `where` to its version.

        From the name to the end of the version, where both are on one line; else the version alone.
        """
        key, spot = self.spots.get(path), self.spots.get(where)
        if key and spot and "\n" not in self.text[key.key : spot.end]:
            return self.place(file, path, at_key=True), self.text[key.key : spot.end]
        if spot is None:
            return self.place(file, path, at_key=True), str(path[-1])
        return self.place(file, where), self.written(where)

    def _at(self, file: str, offset: int) -> Place:
        line = bisect_right(self.line_begins, offset)
        return Place(file, line, offset - self.line_begins[line - 1] + 1)


def table(value: object) -> Mapping[str, Any]:
    """Return a table, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def array(value: object) -> Sequence[Any]:
    """Return a list, an empty one for anything else."""
    return value if isinstance(value, list) else ()


def document_of(text: str, most: int = MOST) -> dict[str, Any]:
    """Return what a TOML text says, without places; raises `Unreadable`."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    if len(text) > most:
        raise Unreadable(f"it is larger than {most // 1000} kB")
    if _LONG_KEY.search(text):
        raise Unreadable("it has a key of more than 30 parts")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"it is no TOML: {one_line(problem)}") from problem


def read_toml(text: str) -> Toml:
    """Return a TOML text as a document with places; raises `Unreadable`."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    plain = text
    try:
        document = document_of(text, MOST_BY_HAND)
    except Unreadable:
        plain = _with_tables_on_one_line(text) if len(text) <= MOST_BY_HAND else text
        if plain == text:
            raise
        document = document_of(plain, MOST_BY_HAND)
    scan = _Scan(plain)
    try:
        scan.whole()
    except RecursionError as problem:
        raise Unreadable("it is nested too deep") from problem
    begins = (0, *(match.end() for match in re.finditer("\n", text)))
    return Toml(document, text, scan.spots, begins)


def _with_tables_on_one_line(text: str) -> str:
    """Return a text in which no `{ }` has line ends, comments or a last comma: TOML 1.1 lets them, tomllib does not.

    pixi and uv read TOML 1.1. Blanks take their place, so that everything stays where it stands.
    """
    said: list[str] = []
    within: list[str] = []  # the brackets that are open
    comma = -1  # where a comma stands that nothing but blanks has followed
    for match in _TOKEN.finditer(text):
        word, kind = match[0], match.lastgroup
        if word in ("'", '"'):  # a string that does not end: neither does the search for its end at every quote in it
            return text
        in_table = bool(within) and within[-1] == "{"
        if kind == "opens":
            within.append(word)
        elif kind == "closes":
            if in_table and comma >= 0:
                said[comma] = " "
            if within:
                within.pop()
        elif in_table and kind in ("end", "comment"):
            word = " " * len(word)
        if kind == "comma":
            comma = len(said)
        elif word.strip():
            comma = -1
        said.append(word)
    return "".join(said)


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.spots: dict[Path, Spot] = {}
        self.lengths: dict[Path, int] = {}  # of arrays of tables

    def whole(self) -> None:
        above: Path = ()
        self._blanks()
        while self.at < len(self.text):
            if self._char() == "[":
                above = self._header()
            else:
                self._pair(above)
            self._blanks()

    def _char(self) -> str:
        return self.text[self.at : self.at + 1]

    def _blanks(self) -> None:
        self.at = self._end_of(_BLANKS)

    def _end_of(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        return match.end() if match else self.at

    def _header(self) -> Path:
        begin, many = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        self._blanks()
        keys = self._keys()
        self._blanks()
        self.at += 2 if many else 1
        path: Path = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            if many and number == len(keys) - 1:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
        self.spots[path] = Spot(begin, begin, self.at)
        return path

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while match := _KEY.match(self.text, self.at):
            keys.append(_unquoted(match[0]))
            self.at = match.end()
            dot = _DOT.match(self.text, self.at)
            if not dot:
                break
            self.at = dot.end()
        return keys

    def _pair(self, above: Path) -> None:
        begin = self.at
        path = (*above, *self._keys())
        self._blanks()
        self.at += 1  # "="
        self._blanks()
        self._value(path, begin)
        if self.at == begin:  # nothing tomllib takes leads here; an endless loop would be worse than a lost place
            self.at = len(self.text)

    def _value(self, path: Path, key: int) -> None:
        begin = self.at
        if self._char() == "[":
            self._list(path)
        elif self._char() == "{":
            self._inline_table(path)
        else:
            self.at = next((end for one in _VALUES if (end := self._end_of(one)) > begin), begin)
        self.spots[path] = Spot(key, begin, self.at)

    def _list(self, path: Path) -> None:
        self.at += 1
        number = 0
        self._blanks()
        while self.at < len(self.text) and self._char() != "]":
            self._value((*path, number), self.at)
            number += 1
            self._behind_comma()
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        self._blanks()
        while self.at < len(self.text) and self._char() != "}":
            self._pair(path)
            self._behind_comma()
        self.at += 1

    def _behind_comma(self) -> None:
        self._blanks()
        if self._char() == ",":
            self.at += 1
            self._blanks()


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    if key[0] == '"':
        return str(document_of(f"key = {key}")["key"]) if "\\" in key else key[1:-1]
    return key
