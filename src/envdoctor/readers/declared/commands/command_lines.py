"""Command lines of a shell, of cmd.exe and of PowerShell, each with the lines that continue it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Shell = Literal["posix", "batch", "powershell"]

LONGEST = 20_000
"""Characters of a command; what is longer was not written to be read, and is left out."""


class Line(NamedTuple):
    """A command line with those that continue it. `starts` are (offset in `text`, line, column) of its parts."""

    text: str
    starts: tuple[tuple[int, int, int], ...]
    comment: bool = False

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of a character of `text`."""
        start, line, column = self.starts[bisect_right(self.starts, (offset, 1 << 60, 0)) - 1]
        return line, column + offset - start

    @property
    def last(self) -> int:
        """The last line of the file it covers."""
        return self.starts[-1][1]


_CONTINUED = {
    "posix": re.compile(r"(?:\\|(?<=\s)[\^`])[ \t]{0,8}$"),
    "batch": re.compile(r"(?:\^|(?<=\s)[\\`])[ \t]{0,8}$"),
    "powershell": re.compile(r"(?<=\s)[`\\^][ \t]{0,8}$"),
}
"""What continues a line; people also write that of another shell."""

_ARRAY_OPENS = re.compile(r"\s{0,40}(?:[a-z]{1,8}\s{1,4}(?:-\w{1,3}\s{1,4})?)?[A-Za-z_]\w{0,80}\+?=\([^)]{0,2000}$")
_TRAILING_REMARK = re.compile(r"\s#.*")
_GOES_ON = re.compile(r"\s{0,40}(?:--?[a-z][\w-]{0,40}[ =]|[A-Za-z][\w.-]{1,60}==\d)")
"""A line that can be no command: the rest of the one before it, whose sign of continuation was forgotten."""

_COMMENT = {
    "posix": re.compile(r"\s*#+!?"),
    "batch": re.compile(r"\s*@?(?:rem(?=\s|$)|::|#+(?=\s))", re.IGNORECASE),
    "powershell": re.compile(r"\s*#+"),
}

_PROMPT = re.compile(
    r"\s{0,40}(?:(?:[-*•]|\d{1,2}[.)])\s{1,4})?"
    r"(?:\([\w .-]{1,40}\)\s{0,4})?"
    r"(?:\[?[\w.-]{1,40}@[\w.-]{1,60}[: ][^\s$#%>]{0,80}(?:\s[^\s$#%>]{1,40})?\s?[$#%>]\s{1,4}"
    r"|[$%\u276f\u279c\u00bb]\s{1,4}|PS(?:\s[^>\n]{0,120})?>\s{0,4}|[A-Za-z]:\\[^>\n]{0,120}>\s{0,4}|>{1,3}\s{1,4}|In\s?\[\d{0,4}\]:\s{0,4})?"
)
"""What stands before a command in a transcript: a bullet, the name of an environment, a prompt."""

_INSTALLS = re.compile(r"\b(?:install|add|create|sync|venv)\b")


def lines_of(text: str, first_line: int, column: int, shell: Shell, *, is_run: bool) -> Iterator[Line]:
    """Yield command lines, each with what continues it; `is_run` as for `commands_of`."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        parts: list[str] = []
        starts: list[tuple[int, int, int]] = []
        length, comment, goes_on, in_array = 0, False, True, False
        while goes_on and at < len(lines):
            line = lines[at].removesuffix("\r")
            if parts and not comment and _COMMENT["posix"].match(line):
                # Docker leaves out comments within a command, and people write them in scripts too.
                at += 1
                continue
            begin = 0 if parts or is_run else _prompt(line)
            remark = _COMMENT[shell].match(line, begin)
            if remark and not parts:
                begin, comment = remark.end(), True
            elif comment and parts:
                if not remark:
                    break
                begin = remark.end()
            elif parts and line.lstrip().startswith("> "):
                begin = line.index(">") + 1
            continued = _CONTINUED[shell].search(line, max(begin, len(line) - 10))
            part = line[begin : continued.start() if continued else len(line)]
            starts.append((length, first_line + at, column + begin))
            parts.append(part + " ")
            length += len(part) + 1
            at += 1
            if in_array:
                part = _TRAILING_REMARK.sub(lambda remark: " " * len(remark[0]), part)
                parts[-1] = part + " "
            in_array = shell == "posix" and ")" not in part and (in_array or bool(_ARRAY_OPENS.match(part)))
            goes_on = (
                bool(continued)
                or in_array
                or (
                    not comment
                    and at < len(lines)
                    and bool(_GOES_ON.match(lines[at]))
                    and bool(_INSTALLS.search(parts[0]))
                )
            )
        joined = "".join(parts)
        if joined.strip() and len(joined) <= LONGEST:
            yield Line(joined, tuple(starts), comment)


def _prompt(line: str) -> int:
    found = _PROMPT.match(line)
    return found.end() if found else 0
