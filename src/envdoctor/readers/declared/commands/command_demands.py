"""What the words of an install command demand: packages of pip and of conda, a Python, a CUDA."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import PythonWish, Requirement
from envdoctor.readers.declared.commands.installers import Word, minor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.declared import Statement

_OPERATOR = re.compile(r"(?:===?|~=|!=|>=|<=|[=<>]).{0,200}")
_ENDS_OPEN = re.compile(r"(?:[=~<>!]=|[<>=])$")


def wish(word: Word) -> PythonWish | None:
    """The Python that a word names: "3.12", "python3.12", "python=3.10", ">=3.10"."""
    from envdoctor.readers.declared.conda.conda_words import conda_demand
    from envdoctor.readers.declared.projects.specifiers import pep440

    named = minor(word.text)
    if named:
        return PythonWish(f"=={named}" if named.count(".") == 2 else f"=={named}.*", word.place, word.written)
    demand = conda_demand(word.text, word.place)
    if isinstance(demand, PythonWish):
        return demand._replace(written=word.written)
    specifier = pep440(word.text) if word.text[:1] in "<>=~!" else None
    return PythonWish(specifier, word.place, word.written) if specifier else None


def pip_demand(word: Word, tool: str) -> Requirement | None:
    """What one word demands of pip and its kin, None where it names no distribution."""
    from envdoctor.readers.declared.projects.requirement_words import requirement_of
    from envdoctor.readers.declared.projects.specifiers import poetry_specifier

    text = word.text
    name, at, version = text.partition("@")
    if at and tool in ("poetry", "pdm", "uv add", "uv", "uvx", "pixi") and "://" not in version and "/" not in version:
        # `poetry add torch@^2.6`, `uvx torch@latest`
        found = requirement_of(name, word.place)
        specifier = "" if version == "latest" else poetry_specifier(version)
        return found._replace(specifier=specifier, written=word.written) if found else None
    if re.match(r"\.{0,2}/|\.$|[\w.-]{1,40}/", text) or "\\" in text:  # a folder, or a file in one
        return None if not text.endswith(".whl") else requirement_of(text, word.place)
    found = requirement_of(text, word.place)
    return found._replace(written=strip_credentials(word.written)) if found else None


def conda_demand_of(word: Word) -> Requirement | Statement | PythonWish | None:
    """What one match specification demands, None where it names no package or says nothing of it that matters."""
    from envdoctor.readers.declared.conda.conda_words import conda_demand

    demand = conda_demand(word.text, word.place)
    return demand._replace(written=word.written) if demand is not None else None


def whole(words: Sequence[Word]) -> Iterator[Word]:
    """Join what blanks set apart: `torch == 2.6.0` is three words to a shell, and one demand to who wrote it."""
    pending: Word | None = None
    for word in words:
        if (
            pending
            and (_OPERATOR.fullmatch(word.text) or _ENDS_OPEN.search(pending.text))
            and pending.place.line == word.place.line
        ):
            gap = " " * (word.place.column - pending.place.column - len(pending.written))
            pending = Word(pending.text + word.text, pending.written + gap + word.written, pending.place)
            continue
        if pending:
            yield pending
        pending = word
    if pending:
        yield pending
