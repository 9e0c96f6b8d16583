"""Reading a row with types: every miss is one `MatrixError` that names the file, the row and what is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias, Union

from envdoctor.matrix.tables import CERTAINTIES
from envdoctor.matrix.versions import parts
from envdoctor.model.machine import parse_capability

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.matrix.tables import Certainty
    from envdoctor.model.machine import Capability

Node: TypeAlias = Union[str, int, "list[Node]", "dict[str, Node]"]
"""What the matrix file may hold; TOML dates, floats and booleans have no place in it."""


class MatrixError(Exception):
    """The matrix file cannot be used; the message is one line for the user.

    Keys and paths in it come from others, so control characters are made spaces.
    """

    def __init__(self, message: str) -> None:
        super().__init__(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", message))


class Row:
    """One table of the file. `where` is its dotted name, `file` what to call the file in a message."""

    __slots__ = ("cells", "file", "where")

    def __init__(self, cells: dict[str, Node], where: str, file: str) -> None:
        self.cells = cells
        self.where = where
        self.file = file

    def wrong(self, what: str, key: str = "") -> MatrixError:
        """Return the error that says `what` is wrong with this row, or with its cell `key`."""
        place = ".".join(filter(None, (self.where, key)))
        return MatrixError(f"{self.file}: {place or 'top level'}: {what}")

    def only(self, keys: Iterable[str]) -> None:
        """Refuse a cell that is not among `keys`; a typing error must not pass as a missing fact."""
        unknown = sorted(set(self.cells) - set(keys))
        if unknown:
            raise self.wrong("unknown key", unknown[0])

    def optional_text(self, key: str) -> str | None:
        """A cell that is text; None where it is missing."""
        value = self.cells.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self.wrong("must be text", key)

    def text(self, key: str) -> str:
        """A cell that is text and must be there."""
        value = self.optional_text(key)
        if value is None:
            raise self.wrong("is missing", key)
        return value

    def optional_version(self, key: str) -> str | None:
        """A dotted number; None where it is missing."""
        value = self.optional_text(key)
        if value is not None:
            try:
                parts(value)
            except ValueError:
                raise self.wrong(f"{value!r} is not a version", key) from None
        return value

    def version(self, key: str) -> str:
        """A dotted number that must be there."""
        value = self.optional_version(key)
        if value is None:
            raise self.wrong("is missing", key)
        return value

    def optional_number(self, key: str) -> int | None:
        """A whole number; None where it is missing."""
        value = self.cells.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self.wrong("must be a whole number", key)

    def decimal(self, key: str) -> float:
        """A decimal number above 0, written as text ("19.5"), that must be there."""
        value = self.text(key)
        if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII) or float(value) == 0:
            raise self.wrong(f"{value!r} is not a decimal number above 0", key)
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts that must be there."""
        value = self.cells.get(key)
        if value is None:
            raise self.wrong("is missing", key)
        if not isinstance(value, list):
            raise self.wrong("must be a list of texts", key)
        found = []
        for item in value:
            if not isinstance(item, str):
                raise self.wrong("must be a list of texts", key)
            found.append(item)
        return tuple(found)

    def versions(self, key: str) -> tuple[str, ...]:
        """A list of dotted numbers that must be there."""
        found = self.texts(key)
        for text in found:
            try:
                parts(text)
            except ValueError:
                raise self.wrong(f"{text!r} is not a version", key) from None
        return found

    def capability(self, key: str) -> Capability:
        """A compute capability, written "8.6"."""
        return self._capability(self.text(key), key)

    def capabilities(self, key: str) -> tuple[Capability, ...]:
        """A list of compute capabilities; empty where it is missing."""
        if key not in self.cells:
            return ()
        return tuple(self._capability(text, key) for text in self.texts(key))

    def _capability(self, text: str, key: str) -> Capability:
        capability = parse_capability(text)
        if capability is None:
            raise self.wrong(f"{text!r} is not a compute capability", key)
        return capability

    def certainty(self, key: str = "certainty") -> Certainty:
        """One of the four words."""
        value = self.text(key)
        for word in CERTAINTIES:
            if value == word:
                return word
        raise self.wrong(f"{value!r} is none of {', '.join(CERTAINTIES)}", key)

    def row(self, key: str) -> Row:
        """The table under `key`."""
        value = self.cells.get(key)
        if value is None:
            raise self.wrong("is missing", key)
        return self._row(value, key)

    def rows(self) -> list[tuple[str, Row]]:
        """Every cell as a table, with its key, in the order of the file."""
        return [(key, self._row(value, key)) for key, value in self.cells.items()]

    def listed(self, key: str) -> list[Row]:
        """The tables of a list (`[[key]]`); it must be there."""
        value = self.cells.get(key)
        if not isinstance(value, list):
            raise self.wrong("must be a list of tables", key)
        return [self._row(item, f"{key}[{number}]") for number, item in enumerate(value, 1)]

    def _row(self, value: Node, key: str) -> Row:
        if not isinstance(value, dict):
            raise self.wrong("must be a table", key)
        return Row(value, ".".join(filter(None, (self.where, key))), self.file)
