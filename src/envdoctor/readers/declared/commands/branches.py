"""Simple commands in their order, and the branches they stand in: conditions, loops, functions, alternatives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.readers.declared.commands.command_lines import lines_of
from envdoctor.readers.declared.commands.command_words import RawWord, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.readers.declared.commands.command_lines import Line, Shell

DEEPEST = 50
"""Branches within branches that are told apart."""


class Command(NamedTuple):
    """One simple command. Two commands are carried out together if the branch of one begins with that of the other.

    `comment` where it is commented out, `remark` being its text. `array` is the name of the array whose values the
    words are. A branch has a negative number where nothing before it belongs to it: a function, a label, a target.
    """

    line: Line
    words: tuple[RawWord, ...]
    branch: tuple[int, ...] = ()
    comment: bool = False
    remark: str = ""
    array: str = ""


class Branches:
    """The branches that are open while commands are read in order; no two have the same number."""

    def __init__(self) -> None:
        self._stack: list[tuple[str, int]] = []
        self._next = 1
        self.function = False
        """Whether the head of a function was read and its body follows."""

    @property
    def path(self) -> tuple[int, ...]:
        """The numbers of the branches that are open, outermost first."""
        return tuple(number for _, number in self._stack)

    @property
    def kind(self) -> str:
        """What opened the innermost branch: "if", "case", "loop", "(", "{", "label"; "" where none is open."""
        return self._stack[-1][0] if self._stack else ""

    def new(self) -> int:
        """A number that no branch had before."""
        self._next += 1
        return self._next

    def enter(self, kind: str, *, apart: bool = False) -> None:
        """Begin a branch within the innermost one; `apart` where nothing before it belongs to it."""
        if len(self._stack) < DEEPEST:
            self._stack.append((kind, -self.new() if apart else self.new()))

    def turn(self, kind: str) -> None:
        """Begin another branch in place of the innermost one of its kind."""
        self.leave(kind)
        self.enter(kind)

    def leave(self, kind: str) -> None:
        """End the innermost branch of its kind and all within it; nothing where none is open."""
        for depth in range(len(self._stack) - 1, -1, -1):
            if self._stack[depth][0] == kind:
                del self._stack[depth:]
                return

    def begin(self, kind: str, *, apart: bool = False) -> None:
        """Leave all branches and begin one; "" begins none."""
        self._stack.clear()
        if kind:
            self.enter(kind, apart=apart)


_OPENS = {"if": "if", "for": "loop", "while": "loop", "until": "loop", "select": "loop", "case": "case"}
_CLOSES = {"fi": "if", "done": "loop", "esac": "case"}
_STAYS = frozenset({"then", "do", "!", "time", "&", "@"})
_LABEL = re.compile(r"\s*:[A-Za-z_][\w-]{0,80}\s*$")
_TARGET = re.compile(r"[A-Za-z_.][\w./%-]{0,60}\s?:(?!=)(?:\s{1,4}[\w.$(){}/%-]{1,60}){0,30}\s*$")
_ARRAY = re.compile(r"([A-Za-z_]\w{0,80})\+?=")


def commands_of(
    text: str, shell: Shell, *, branches: Branches, first_line: int = 1, column: int = 1, is_run: bool = True
) -> Iterator[Command]:
    """Yield the simple commands of a text in order, those in its branches marked as such.

    `first_line` and `column` are where the text begins in its file. A text that `is_run` has no prompts, and what is
    commented out there is nothing; in any other, commented commands and remarks are yielded as such. `branches` are
    those that are open where the text begins, and afterwards those where it ends.
    """
    for line in lines_of(text, first_line, column, shell, is_run=is_run):
        if line.comment:
            if not is_run:
                words = tuple(one for one in words_of(line, shell) if isinstance(one, RawWord))
                yield Command(line, words, branches.path, comment=True, remark=line.text.strip())
            continue
        if (_LABEL if shell == "batch" else _TARGET).match(line.text):
            branches.begin("label", apart=True)
            continue
        yield from _commands(line, shell, branches)


def _commands(line: Line, shell: Shell, branches: Branches) -> Iterator[Command]:
    words: list[RawWord] = []
    otherwise: tuple[int, ...] = ()
    array = ""
    for word in (*words_of(line, shell), "\n"):
        if isinstance(word, RawWord):
            if not words and _keyword(word, shell, branches):
                if shell == "batch" and word.literal and word.literal.lower() in ("if", "else"):
                    otherwise = (branches.new(),)
                continue
            words.append(word)
            continue
        if word == "(" and words and (named := _ARRAY.fullmatch(words[-1].literal or "")):
            array, words = named[1], []
            continue
        pattern = word == ")" and branches.kind == "case"
        if words and not pattern:
            yield Command(line, tuple(words), branches.path + otherwise, array=array)
        branches.function = _is_head(words, word, branches)
        words = []
        if array:
            array = ""
            continue
        if word in (";", "\n", "&"):
            otherwise = ()
        elif word == "||":
            otherwise = (branches.new(),)
        elif word.startswith(";;"):
            branches.turn("case")
        elif word in ("(", "{"):
            branches.enter(word, apart=branches.function and word == "{")
        elif word in (")", "}") and not pattern:
            branches.leave("(" if word == ")" else "{")


def _is_head(words: Sequence[RawWord], operator: str, branches: Branches) -> bool:
    """Whether a function's head was read: `name()`, `function name`; its body may begin on the next line."""
    if words and words[0].literal in ("function", "Function"):
        return True
    if operator == "(":
        return len(words) == 1
    return branches.function and not words


def _keyword(word: RawWord, shell: Shell, branches: Branches) -> bool:
    """Whether a word at the beginning of a command belongs to a branch and not to the command."""
    text = word.literal
    if text is None or word.string:
        return False
    if shell == "batch":
        return text.lower() in ("if", "else", "@", "call")
    if text in _STAYS:
        return True
    if shell == "powershell":
        return text.lower() in ("if", "else", "elseif", "try", "catch", "finally")
    if text in _OPENS:
        branches.enter(_OPENS[text])
        return text != "case"
    if text in _CLOSES:
        branches.leave(_CLOSES[text])
        return True
    if text in ("else", "elif"):
        branches.turn("if")
        return True
    if text == "}":
        branches.leave("{")
        return True
    return False
