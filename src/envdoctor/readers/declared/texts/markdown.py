"""Articles: Markdown, reStructuredText and plain text with commands, manifests and Dockerfiles in their code."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.choosing import module_for, reader
from envdoctor.readers.declared.commands.install_commands import InstallCommand, commands_in
from envdoctor.readers.declared.commands.shell import MOST, MOST_COMMANDS
from envdoctor.readers.declared.commands.together import cases_of
from envdoctor.readers.declared.texts.claims import claims_in
from envdoctor.readers.declared.texts.moved import moved
from envdoctor.readers.declared.texts.text_blocks import divided_markdown, divided_plain
from envdoctor.readers.declared.texts.uses import uses_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.declared import Case, PythonWish
    from envdoctor.readers.declared.commands.command_lines import Shell
    from envdoctor.readers.declared.texts.text_blocks import Block, Divided

FORMAT = "Markdown"
FORMAT_OF_TEXT = "text"

_SHELLS: dict[str, Shell] = {
    "powershell": "powershell", "ps1": "powershell", "pwsh": "powershell", "ps": "powershell",
    "bat": "batch", "batch": "batch", "cmd": "batch", "dos": "batch", "batchfile": "batch",
}  # fmt: skip

_DISCOURAGED = re.compile(
    r"\b(?:do(?:es)? not|don'?t|doesn'?t|never|avoid|instead of|rather than|wrong|incorrect|fail(?:s|ed|ing)?|broken|"
    r"previously|used to|won'?t|will not|cannot|can'?t|not work\w*|conflict\w*)\b[^.!?]{0,80}$|\u274c[^.!?]{0,40}$",
    re.IGNORECASE,
)
"""Words before a command that nobody shall follow."""

_FAILED = re.compile(
    r"^(?:ERROR: |error: )|No matching distribution found|Traceback \(most recent call last\)", re.MULTILINE
)
"""What stands in the record of a command that failed: nobody is told to run it."""


MOST_OF_ARTICLE = 600_000
"""Characters of an article that are read; of its code, no more than of a script."""

_MARKDOWN = (".md", ".markdown", ".mdx", ".qmd", ".rmd")
_FILES = {
    "toml": "toml",
    "ini": "toml",
    "yaml": "yaml",
    "yml": "yaml",
    "dockerfile": "dockerfile",
    "docker": "dockerfile",
}
"""What the language of a block says of the file that it shows."""

_PLAIN = ("", "text", "txt", "plaintext", "requirements", "requirements.txt", "pip-requirements", "pip")
_COMMANDS_ALONE = ("commands.shell", "commands.batch", "texts.markdown", "texts.notebook")


def read(text: str, name: str) -> DeclaredFile:
    """Return what the code in an article installs; by its name it is read as Markdown (.md, .mdx, ...) or as text."""
    is_markdown = name.lower().endswith(_MARKDOWN)
    divided = (divided_markdown if is_markdown else divided_plain)(text[:MOST_OF_ARTICLE])
    trouble = f"only its first {MOST_OF_ARTICLE} characters were read" if len(text) > MOST_OF_ARTICLE else None
    cases = tuple(_cases(divided, name))
    taken = {one.place.line for case in cases for one in case.requirements}
    cases += tuple(claims_in(text[:MOST_OF_ARTICLE], name, _prose(divided, taken), taken))
    cases += tuple(uses_in(_code(divided), name, cases))
    return DeclaredFile(FORMAT if is_markdown else FORMAT_OF_TEXT, cases, trouble=trouble)


def cases_of_article(text: str, name: str) -> tuple[Case, ...]:
    """Return what the code in a Markdown text installs, whatever the name of the file it is a part of."""
    return tuple(_cases(divided_markdown(text[:MOST_OF_ARTICLE]), name))


def _cases(divided: Divided, name: str) -> Iterator[Case]:
    made: tuple[int, PythonWish] | None = None
    left, commands_left = MOST, MOST_COMMANDS
    for block in divided.blocks:
        left -= len(block.text)
        if left < 0 or commands_left < 0:
            break
        if _DISCOURAGED.search(block.said) or (_FAILED.search(block.text) and not block.inline):
            continue
        module = None if block.inline else _module(block)
        if module:
            yield from (moved(case, block.line - 1) for case in reader(module)(block.text, name).cases)
            continue
        python = made[1] if made and made[0] == block.section else None
        commands = list(islice(_commands(block, name, python), MOST_COMMANDS))
        commands_left -= len(commands)
        yield from cases_of(commands)
        if commands and (wishes := commands[-1].case.pythons):
            made = (block.section, wishes[-1])


def _prose(divided: Divided, taken: set[int]) -> list[tuple[int, str]]:
    """The prose of an article, and the blocks of no language in which no command was found: tables are shown so."""
    found = dict(divided.prose)
    for block in divided.blocks:
        lines = list(enumerate(block.text.split("\n"), block.line))
        is_text = block.language in ("", "text", "txt", "plaintext") and not block.inline
        if is_text and not _FAILED.search(block.text) and not any(number in taken for number, _ in lines):
            found.update(lines)
    return sorted(found.items())


def _code(divided: Divided) -> Iterator[tuple[int, str]]:
    """The lines of the blocks that somebody shall run, each with its number."""
    for block in divided.blocks:
        if not (block.inline or _DISCOURAGED.search(block.said) or _FAILED.search(block.text)):
            yield from enumerate(block.text.split("\n"), block.line)


def _module(block: Block) -> str | None:
    """The reader of the file that a block shows, None where it shows commands."""
    kind = _FILES.get(block.language)
    if kind is None and block.language not in _PLAIN:
        return None
    found = module_for(f"block.{kind}" if kind in ("toml", "yaml") else "block", block.text)
    if kind == "toml" and found is None and "[tool." in block.text:
        return "projects.pyproject"
    return None if found in _COMMANDS_ALONE or (kind == "dockerfile" and found != "images.dockerfile") else found


def _commands(block: Block, name: str, python: PythonWish | None) -> Iterator[InstallCommand]:
    text = block.text
    if block.language == "diff":  # what is taken away is not followed; the signs before the rest become blanks
        text = "\n".join("" if line.lstrip()[:1] == "-" else line.replace("+", " ", 1) for line in text.split("\n"))
    shell = _SHELLS.get(block.language, "posix")
    yield from commands_in(text, name, block.line, shell=shell, column=block.column, is_run=False, python=python)
