"""pylock.toml: the lock file of PEP 751, whichever tool wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.locks.locked import Locked, cases, index_of_wheel, locked, python_wishes, requirement
from envdoctor.readers.declared.projects.specifiers import pep440
from envdoctor.readers.declared.projects.toml_places import array, document_of, table
from envdoctor.readers.declared.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envdoctor.model.declared import PythonWish, Requirement

FORMAT = "pylock.toml"


def read(text: str, name: str) -> DeclaredFile:
    """Return a case without extras and groups, and one with each that a marker names."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        document = document_of(text)
        packages = [_demand(one) for one in locked(text, array(document.get("packages")), name)]
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    if not packages:
        return DeclaredFile(FORMAT, trouble="it has no list of packages")
    return DeclaredFile(FORMAT, tuple(cases(name, packages, _pythons(document, text, name), "locked")))


def _demand(one: Locked) -> Requirement:
    index = one.told.get("index")
    wheel = next((table(told).get("url") for told in array(one.told.get("wheels"))), None)
    folder = index_of_wheel(wheel.rpartition("/")[0]) if isinstance(wheel, str) else None
    return requirement(one, str(one.told.get("marker", "")), index if isinstance(index, str) else folder)


def _pythons(document: Mapping[str, Any], text: str, file: str) -> tuple[PythonWish, ...]:
    wish = document.get("requires-python")
    return python_wishes(text, "requires-python", pep440(wish) if isinstance(wish, str) else None, file)
