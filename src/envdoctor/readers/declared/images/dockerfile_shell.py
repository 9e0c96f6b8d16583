"""What a RUN of a Dockerfile gives to the shell, with every word where it stands in the file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.readers.declared.images.dockerfile_instructions import Instruction

_KEYWORD = re.compile(r"[ \t]*(?:ONBUILD[ \t]+)?[A-Za-z]+[ \t]?")
_FLAG = re.compile(r"[ \t]*--[a-z][\w-]*(?:=[^ \t]*)?(?=[ \t]|$)")
_HERE_DOCUMENT = re.compile(r"\d?<<-?[ \t]*(['\"]?)[A-Za-z_][\w.-]*\1")
_SHELL = re.compile(
    r"(?:[\w.$/-]*/)?(?:env[ \t]+)?(?:ba|da|z|k|a)?sh(?:[ \t]+-[\w-]+(?:[ \t]+pipefail)?)*[ \t]*", re.ASCII
)
_OTHER_INTERPRETER = re.compile(r"#!(?!.*\b(?:ba|da|z|k|a)?sh\b)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PLAIN = re.compile(r"[\w@%+=:,./<>!~\[\]-]*", re.ASCII)


def shell_lines(one: Instruction, lines: Sequence[str], escape: str) -> dict[int, str]:
    """Return the lines of a RUN as a POSIX shell takes them, by their number from 0; what is no shell is left out.

    Blanks stand for the keyword, its options and the marks of the exec form, so that columns stay. Comments and empty
    lines within a command are gone, and lines go on by a backslash whatever the file's own sign is.
    """
    head = _head(lines[one.first : one.body], escape)
    if _is_exec(head):
        head = _of_exec(head)
        return {one.first + number: line for number, line in enumerate(head)}
    found = [_without_documents(line) for line in head]
    given = " ".join(line.removesuffix("\\") for line in found).strip(" \t&;")
    body: dict[int, str] = {}
    if one.end > one.body:
        body = dict(enumerate(lines[one.body : one.end - 1], one.body))
        first = next(iter(body.values()), "")
        if (given and not _SHELL.fullmatch(given)) or (not given and _OTHER_INTERPRETER.match(first)):
            body = {}
        elif given:
            found = [""] * len(found)
    return {one.first + number: line for number, line in enumerate(found)} | body


def _head(lines: Sequence[str], escape: str) -> list[str]:
    """Return the lines of the instruction itself, its keyword and options blanked, continued by backslashes."""
    found = []
    in_options = True
    for number, line in enumerate(lines):
        if number and (not line.strip() or line.lstrip().startswith("#")):
            found.append("\\")
            continue
        line = line.rstrip(" \t")
        goes_on = line.endswith(escape)
        if goes_on:
            line = line[: -len(escape)]
        keyword = _KEYWORD.match(line) if not number else None
        before = keyword.end() if keyword else 0
        while in_options and (flag := _FLAG.match(line, before)):
            before = flag.end()
        line = " " * before + line[before:]
        in_options = in_options and not line.strip()
        found.append(line + "\\" if goes_on else line)
    while found and found[-1] == "\\":
        found[-1] = ""
    if found:
        found[-1] = found[-1].removesuffix("\\")
    return found


def _without_documents(line: str) -> str:
    return _HERE_DOCUMENT.sub(lambda match: " " * len(match[0]), line) if "<<" in line else line


def _is_exec(head: Sequence[str]) -> bool:
    text = " ".join(line.removesuffix("\\") for line in head).strip()
    if not text.startswith("["):
        return False
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(words, list) and all(isinstance(word, str) for word in words)


def _of_exec(head: Sequence[str]) -> list[str]:
    """Return the words of an exec form as a shell would have them; of `sh -c "..."` what stands in the quotes."""
    words = [match[1] for line in head for match in _STRING.finditer(line)]
    script = len(words) > 2 and bool(_SHELL.fullmatch(words[0])) and re.fullmatch(r"-\w*c", words[1])
    found, place = [], 0
    for line in head:
        goes_on = line.endswith("\\")
        text = " " * len(line)
        for match in _STRING.finditer(line):
            kept = place == 2 if script else True
            if kept and (script or _PLAIN.fullmatch(match[1])):
                text = text[: match.start(1)] + match[1] + text[match.end(1) :]
            elif kept:
                text = text[: match.start()] + "'" + match[1].replace("'", " ") + "'" + text[match.end() :]
            place += 1
        found.append(text.rstrip() + " \\" if goes_on else text.rstrip())
    return found
