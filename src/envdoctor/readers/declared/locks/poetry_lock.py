"""poetry.lock: versions with the markers and groups they are for.

`poetry/packages/locker.py`: markers stand in the file since lock version 2.1; before, several versions of one package
tell nothing of who gets which, and stay open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.locks.locked import Locked, cases, locked, python_wishes, requirement
from envdoctor.readers.declared.projects.requirement_words import any_of
from envdoctor.readers.declared.projects.specifiers import poetry_specifier
from envdoctor.readers.declared.projects.toml_places import array, document_of, table
from envdoctor.readers.declared.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envdoctor.model.declared import PythonWish, Requirement

FORMAT = "poetry.lock"


def read(text: str, name: str) -> DeclaredFile:
    """Return a case without extras and one with each extra that a marker names."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        document = document_of(text)
        packages = [_demand(one) for one in locked(text, array(document.get("package")), name)]
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    if not packages:
        return DeclaredFile(FORMAT, trouble="it has no list of packages")
    return DeclaredFile(FORMAT, tuple(cases(name, packages, _pythons(document, text, name), "locked")))


def _demand(one: Locked) -> Requirement:
    said = one.told.get("markers", "")
    # An entry has one marker, or one for each group.
    marker = said if isinstance(said, str) else any_of([str(told) for told in table(said).values()])
    source = table(one.told.get("source"))
    url = source.get("url") if source.get("type") == "legacy" else None
    found = requirement(one, marker, url if isinstance(url, str) else None)
    if source.get("type") in ("url", "file", "git", "directory"):
        return found._replace(source=str(source.get("url", "")) or None)
    return found


def _pythons(document: Mapping[str, Any], text: str, file: str) -> tuple[PythonWish, ...]:
    wish = table(document.get("metadata")).get("python-versions")
    specifier = poetry_specifier(wish) if isinstance(wish, str) else None
    return python_wishes(text, "python-versions", specifier, file, max(0, text.rfind("[metadata]")))
