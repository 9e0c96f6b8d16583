"""Variables of a script: what it sets itself is filled in, everything else stays open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.place import Place
from envdoctor.readers.declared.commands.installers import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.readers.declared.commands.branches import Command
    from envdoctor.readers.declared.commands.command_lines import Line, Shell
    from envdoctor.readers.declared.commands.command_words import Piece, RawWord

LONGEST = 2_000
"""Characters of a value that is filled in: more is no version and no list of packages."""

OPEN = "${UNKNOWN}"
"""What a substitution stands as that only running it would answer."""


class Value(NamedTuple):
    """What a variable holds.

    Where it was set to plain text of the file, `words` are the words of that text, and it stands from offset `start` to
    before `end` of its line.
    """

    text: str
    words: tuple[Word, ...] = ()
    start: int = 0
    end: int = 0


class Assignments(NamedTuple):
    """What a command sets, None for what nobody can tell, and the words behind that: the command it is set for."""

    values: dict[str, Value | None]
    words: Sequence[RawWord]


_NAME = r"([A-Za-z_]\w{0,80})"
_ASSIGNED = re.compile(rf"{_NAME}(\+?)=")
_DECLARES = ("export", "declare", "local", "readonly", "typeset", "env", "arg", "set", "-x", "-gx", "-r", "-g", "-a")
_IN_POWERSHELL = re.compile(
    rf"\s{{0,200}}(?:\[\w{{1,20}}\]\s?)?\$(?:env:|script:|global:)?{_NAME}\s{{0,20}}=\s{{0,20}}", re.IGNORECASE
)
_IN_MAKE = re.compile(rf"\s{{0,20}}(?:export\s{{1,9}})?{_NAME}\s{{0,20}}[:?]{{0,2}}=\s{{1,20}}")
_WORD = re.compile(r"\S{1,2000}")
_AROUND = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"


class Variables:
    """The variables at one point of a script; those that a branch set are open once it is left."""

    def __init__(self, file: str) -> None:
        self.values: dict[str, Value] = {}
        self._file = file
        self._set_in: dict[str, tuple[int, ...]] = {}

    def at(self, branch: tuple[int, ...]) -> None:
        """Open what was set in branches that `branch` is not in."""
        for name in [name for name, where in self._set_in.items() if branch[: len(where)] != where]:
            del self._set_in[name]
            self.values.pop(name, None)

    def set(self, name: str, value: Value | None, branch: tuple[int, ...]) -> None:
        """Set a variable, to None where nobody can tell what it holds."""
        self.values.pop(name, None)
        self._set_in.pop(name, None)
        if value is not None and len(value.text) <= LONGEST:
            self.values[name] = value
        if branch:
            self._set_in[name] = branch

    def filled(self, word: RawWord, line: Line) -> Iterator[Word]:
        """Yield the words that one word becomes: several where a variable without quotes holds several."""
        start, end = (word.start + 1, word.end - 1) if word.string else (word.start, word.end)
        place, written = self._place(line, start), line.text[start:end]
        only = word.pieces[0] if len(word.pieces) == 1 and not word.pieces[0].quoted else None
        value = self._held(only) if only else None
        if value is not None and len(value.words) > 1:
            yield from value.words
            return
        text = self.text_of(word)
        if " " in text and not word.string and any(one.variable and not one.quoted for one in word.pieces):
            yield from (Word(one, written, place) for one in text.split())
            return
        kept = text.strip(_AROUND)
        if kept.endswith(",") and not kept.startswith("-"):
            kept = kept.rstrip(",")
        if kept != text and kept and (at := written.find(kept)) >= 0:  # what prose put around it
            text, written, place = kept, kept, place._replace(column=place.column + at)
        if text:
            yield Word(text, written, place)

    def text_of(self, word: RawWord) -> str:
        """Return the text of a word, "${NAME}" in it where nobody fills in."""
        return "".join(self._text(piece) for piece in word.pieces)

    def value_of(self, text: str, line: Line, start: int, end: int) -> Value | None:
        """Return the value that was written from `start` to before `end` of a line; None where it is open."""
        if text == OPEN:
            return None
        written = line.text[start:end]
        if len(written) > 1 and written[0] in "\"'" and written[-1] == written[0]:
            start, end, written = start + 1, end - 1, written[1:-1]
        if [one.strip("\"'") for one in written.split()] != text.split() or len(text) > LONGEST:
            return Value(text)
        places = ((match[0], self._place(line, start + match.start())) for match in _WORD.finditer(written))
        return Value(text, tuple(_bare(one, place) for one, place in places), start, end)

    def _place(self, line: Line, offset: int) -> Place:
        return Place(self._file, *line.place(offset))

    def _held(self, piece: Piece) -> Value | None:
        if not piece.variable:
            return None
        held = self.values.get(piece.text)
        if held is None and piece.text.startswith("env."):  # GitHub's name for what `env` sets
            held = self.values.get(piece.text[4:])
        if held is None and "||" in piece.text:  # its way to write a default
            held = self._first_of(piece.text.split("||"))
        return held if held is not None else Value(piece.default) if piece.default is not None else None

    def _first_of(self, choices: Sequence[str]) -> Value | None:
        for one in (choice.strip() for choice in choices):
            if len(one) > 1 and one[0] == one[-1] == "'":
                return Value(one[1:-1])
            held = self.values.get(one)
            if held is None or held.text:
                return held
        return None

    def _text(self, piece: Piece) -> str:
        if not piece.variable:
            return piece.text
        held = self._held(piece)
        return held.text if held is not None else f"${{{piece.text}}}" if piece.text else OPEN


def _bare(written: str, place: Place) -> Word:
    """A word of a value, without quotes around it."""
    text = written.strip("\"'")
    return Word(text, text, place._replace(column=place.column + len(written) - len(written.lstrip("\"'"))))


def assigned(command: Command, shell: Shell, variables: Variables) -> Assignments:
    """Return what a command sets: `TORCH=2.7.0`, `export X=…`, `set X=…`, `$env:X = …`, `X := …`."""
    words, line = command.words, command.line
    if command.array:
        text = " ".join(variables.text_of(word) for word in words)
        return Assignments({command.array: variables.value_of(text, line, words[0].start, words[-1].end)}, ())
    first = (words[0].literal or "").lower()
    if shell == "powershell" and words[0].pieces and words[0].pieces[0].variable:
        found = _IN_POWERSHELL.match(line.text, _begin(line, words[0]))
        return (
            Assignments(_to_the_end(found[1], words, line, variables, found.end()), ())
            if found
            else Assignments({}, words)
        )
    if shell == "batch" and first in ("set", "setx"):
        return Assignments(_of_batch(words, line, variables), ())
    if first in ("read", "for"):
        return Assignments(
            {one.literal: None for one in words[1:] if (one.literal or "").isidentifier() and one.literal}, ()
        )
    if len(words) > 1 and words[1].literal in ("=", ":=", "?=", "::=") and (found := _IN_MAKE.match(line.text)):
        return Assignments(_to_the_end(found[1], words, line, variables, found.end()), ())
    told: dict[str, Value | None] = {}
    at = 0
    for word in words:
        # "" is a word without pieces.
        start = "" if word.string or not word.pieces or word.pieces[0].variable else word.pieces[0].text
        match = _ASSIGNED.match(start)
        if match:
            told[match[1]] = _assigned(word, match, line, variables)
        elif told or (word.literal or "").lower() not in _DECLARES:
            break
        at += 1
    return Assignments(told, words[at:]) if told else Assignments({}, words)


def _begin(line: Line, word: RawWord) -> int:
    """Where the command begins that a word is the first of."""
    return max(line.text.rfind(sign, 0, word.start) for sign in ";{(|") + 1


def _assigned(word: RawWord, match: re.Match[str], line: Line, variables: Variables) -> Value | None:
    text = variables.text_of(word)[match.end() :]
    if not match[2]:
        return variables.value_of(text, line, word.start + match.end(), word.end)
    before = variables.values.get(match[1])  # X+=" torchvision"
    return Value(f"{before.text}{text}") if before else None


def _to_the_end(
    name: str, words: Sequence[RawWord], line: Line, variables: Variables, start: int
) -> dict[str, Value | None]:
    """`$x = …` and `X := …`: all words behind the sign are the value."""
    rest = [word for word in words if word.start >= start]
    text = " ".join(variables.text_of(word) for word in rest)
    return {name: variables.value_of(text, line, rest[0].start, rest[-1].end) if rest else None}


def _of_batch(words: Sequence[RawWord], line: Line, variables: Variables) -> dict[str, Value | None]:
    """`set X=value with blanks`, `set "X=value"`; `set /p X=` asks somebody, `set /a X=` calculates."""
    asks = len(words) > 2 and (words[1].literal or "").lower() in ("/p", "/a")
    word = words[2 if asks else 1] if len(words) > 1 else None
    text = variables.text_of(word) if word else ""
    match = _ASSIGNED.match(text)
    if not word or not match or asks:
        return {match[1]: None} if match else {}
    start = word.start + match.end() + (1 if word.string else 0)
    if word.string:
        return {match[1]: variables.value_of(text[match.end() :], line, start, word.end - 1)}
    text = " ".join((text[match.end() :], *(variables.text_of(one) for one in words[2:])))
    return {match[1]: variables.value_of(text.strip("\"'"), line, start, words[-1].end)}
