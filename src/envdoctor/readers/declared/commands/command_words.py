"""Command lines divided into words that know where they stand.

Only what an install command is made of is understood: quotes, variables, lists of commands. Nothing is run, and what a
substitution would give stays open.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.readers.declared.commands.command_lines import Line, Shell


class Piece(NamedTuple):
    """A part of a word: text, or what a variable stands for. `default` is what `${NAME:-default}` gives without it.

    A substitution that only running it would answer is a variable without a name.
    """

    text: str
    variable: bool = False
    default: str | None = None
    quoted: bool = False


class RawWord(NamedTuple):
    """A word before variables are filled in, from `start` to before `end` of its line.

    `string` where all of it is one quoted string: its text is what stands between the quotes.
    """

    pieces: tuple[Piece, ...]
    start: int
    end: int
    string: bool = False

    @property
    def literal(self) -> str | None:
        """Its text, None where a variable stands in it."""
        return None if any(one.variable for one in self.pieces) else "".join(one.text for one in self.pieces)


_NAME = r"[A-Za-z_]\w{0,80}"
_SHARED = (
    # GitHub's expressions and the fields of templates stand for what they name in every shell.
    r"(?P<blank>[ \t\r\f\v\u00a0\u3000]+)"
    r"|\$\{\{[ ]{0,9}(?P<expression>[^{}\n]{1,200}?)[ ]{0,9}\}\}"
    r"|(?P<template>\{\{[^{}\n]{0,200}\}\}|\{[A-Za-z_][\w.]{0,80}\})"
    r"|(?P<placeholder><[A-Za-z][\w .-]{0,40}>)"
    # "torch>=2.0" was meant to be a demand, whatever a shell makes of it.
    r"|(?P<demand>[<>](?==|[ ]?\d(?!&|>)))"
)
_TOKENS = {
    "posix": Pattern(
        rf"{_SHARED}"
        r"|(?P<redirect>(?:&>{1,2}|\d?(?:<<<|<<-?|>>|>&|<&|[<>]))[ \t]{0,9})"
        r"|(?P<operator>&&|\|\||;;&?|;&|[;&|()])"
        r"|'(?P<single>[^']*)'"
        r'|"(?P<double>(?:[^"\\]|\\.)*)"'
        rf"|\$\{{(?P<braced>{_NAME})(?P<rest>[^{{}}\n]{{0,400}})\}}"
        rf"|\$(?P<plain>{_NAME})"
        rf"|\$\((?P<make>{_NAME})\)"
        r"|(?P<open>\$\([^()\n]{0,300}(?:\([^()\n]{0,300}\)[^()\n]{0,300}){0,3}\)|`[^`\n]{1,300}`|\$\{[^{}\n]{0,300}\}|\$[\d@*#?!$-])"
        r"|\\(?P<escaped>.)"
        r"|(?P<text>[^\s'\"$`\\;&|()<>{\u00a0\u3000]+|[\s\S])",
        re.DOTALL,
    ),
    "batch": Pattern(
        rf"{_SHARED}"
        r"|(?P<redirect>\d?(?:>>|>&|<&|[<>])[ \t]{0,9})"
        r"|(?P<operator>&&|\|\||[&|()])"
        r'|"(?P<double>[^"]*)"'
        rf"|%(?P<plain>{_NAME})%|!(?P<braced>{_NAME})(?P<rest>(?::[^!\n]{{0,80}})?)!"
        r"|(?P<open>%~?[A-Za-z]{0,6}\d|%%~?[A-Za-z]{1,6}|%[A-Za-z_]\w{0,80}:[^%\n]{0,80}%)"
        r"|\^(?P<escaped>.)"
        r"|(?P<text>[^\s\"%!^&|()<>{$\u00a0\u3000]+|[\s\S])",
        re.DOTALL,
    ),
    "powershell": Pattern(
        rf"{_SHARED}"
        r"|(?P<redirect>[\d*]?(?:>>|>&|[<>])[ \t]{0,9})"
        r"|(?P<operator>&&|\|\||[;&|(){}])"
        r"|'(?P<single>[^']*)'"
        r'|"(?P<double>(?:[^"`]|`.)*)"'
        rf"|\$\{{(?:env:)?(?P<braced>{_NAME})(?P<rest>)\}}"
        rf"|\$(?:env:|script:|global:)?(?P<plain>{_NAME})"
        r"|(?P<open>\$\([^()\n]{0,300}(?:\([^()\n]{0,300}\)[^()\n]{0,300}){0,3}\)|\$[\d?^$_])"
        r"|`(?P<escaped>.)"
        r"|(?P<text>[^\s'\"$`;&|(){}<>\u00a0\u3000]+|[\s\S])",
        re.DOTALL,
    ),
}
_WITHIN = {
    "posix": Pattern(
        r"\$\{\{[ ]{0,9}(?P<expression>[^{}\n]{1,200}?)[ ]{0,9}\}\}"
        rf"|\$\{{(?P<braced>{_NAME})(?P<rest>[^{{}}\n]{{0,400}})\}}|\$(?P<plain>{_NAME})|\$\((?P<make>{_NAME})\)"
        r"|(?P<open>\$\([^()\n]{0,300}(?:\([^()\n]{0,300}\)[^()\n]{0,300}){0,3}\)|`[^`\n]{1,300}`|\$\{[^{}\n]{0,300}\}|\$[\d@*#?!$-])"
        r"|\\(?P<escaped>[\"$`\\])|(?P<text>[^$`\\]+|[\s\S])"
    ),
    "batch": Pattern(
        r"\$\{\{[ ]{0,9}(?P<expression>[^{}\n]{1,200}?)[ ]{0,9}\}\}"
        rf"|%(?P<plain>{_NAME})%|!(?P<braced>{_NAME})(?P<rest>(?::[^!\n]{{0,80}})?)!"
        r"|(?P<open>%~?[A-Za-z]{0,6}\d|%%~?[A-Za-z]{1,6})|(?P<text>[^%!$]+|[\s\S])"
    ),
    "powershell": Pattern(
        r"\$\{\{[ ]{0,9}(?P<expression>[^{}\n]{1,200}?)[ ]{0,9}\}\}"
        rf"|\$\{{(?:env:)?(?P<braced>{_NAME})(?P<rest>)\}}|\$(?:env:|script:|global:)?(?P<plain>{_NAME})"
        r"|(?P<open>\$\([^()\n]{0,300}(?:\([^()\n]{0,300}\)[^()\n]{0,300}){0,3}\))"
        r"|`(?P<escaped>.)|(?P<text>[^$`]+|[\s\S])"
    ),
}
"""The same within double quotes, where words do not end."""

_DEFAULT = Pattern(r":?[-=](?P<default>.*)", re.DOTALL)


def words_of(line: Line, shell: Shell, start: int = 0, end: int | None = None) -> Iterator[RawWord | str]:
    """Yield the words of a line, and between them its operators as strings, from one offset to before another."""
    text = line.text if end is None else line.text[:end]
    pieces: list[Piece] = []
    begin = start
    parts = strings = 0
    left_out = False  # the word behind a redirection names a file

    def word(at: int) -> Iterator[RawWord]:
        nonlocal left_out, parts, strings
        if pieces or parts:
            if not left_out:
                yield RawWord(tuple(pieces), begin, at, string=parts == strings == 1)
            left_out = False
        pieces.clear()
        parts = strings = 0

    for match in _TOKENS[shell].finditer(text, start):
        kind = match.lastgroup
        if kind in ("blank", "operator", "redirect"):
            yield from word(match.start())
            if kind == "operator":
                left_out = False
                yield match[0]
            elif kind == "redirect":
                left_out = True
            continue
        if kind == "text" and match[0][0] == "#" and not parts:
            break
        if kind == "text" and match[0] == "{" and not parts and text[match.end() : match.end() + 1] in (" ", ""):
            yield "{"
            continue
        if kind == "text" and match[0].isspace():
            yield from word(match.start())
            continue
        if not parts:
            begin = match.start()
        parts += 1
        if kind in ("single", "double"):
            strings += 1
            pieces.extend(_string(match, shell))
        else:
            pieces.append(_piece(match, quoted=False))
    yield from word(len(text.rstrip()))


def _string(match: re.Match[str], shell: Shell) -> Iterator[Piece]:
    if match.lastgroup == "single":
        # GitHub fills in its expressions before a shell sees any quotes.
        shell = "posix" if "${{" in match["single"] else shell
        if "${{" not in match["single"]:
            yield Piece(match["single"], quoted=True)
            return
    for part in _WITHIN[shell].finditer(match[match.lastgroup or 0]):
        yield _piece(part, quoted=True)


def _piece(match: re.Match[str], *, quoted: bool) -> Piece:
    kind, groups = match.lastgroup, match.groupdict()
    if groups.get("expression") is not None:
        return Piece(groups["expression"].strip(), variable=True, quoted=quoted)
    if kind in ("plain", "make"):
        return Piece(match[kind], variable=True, quoted=quoted)
    if groups.get("braced") is not None:
        rest = groups["rest"] or ""
        default = _DEFAULT.fullmatch(rest)
        if rest in ("[@]", "[*]"):
            return Piece(groups["braced"], variable=True)
        if rest and not default:
            return Piece("", variable=True, quoted=quoted)
        return Piece(groups["braced"], True, default["default"].strip("\"'") if default else None, quoted)
    if kind in ("open", "template"):
        return Piece("", variable=True, quoted=quoted)
    if kind == "escaped":
        return Piece(match["escaped"], quoted=quoted)
    return Piece(match[0], quoted=quoted)
