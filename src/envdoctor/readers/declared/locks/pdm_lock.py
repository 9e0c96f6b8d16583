"""pdm.lock: versions with the markers and groups they are for.

`pdm/formats` and "Lock file" of pdm's documentation: `marker` where the strategy is to inherit metadata, the Python in
`[[metadata.targets]]`, or in `[metadata]` before lock version 4.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.declared_file import DeclaredFile
from envdoctor.readers.declared.locks.locked import cases, locked, python_wishes, requirement
from envdoctor.readers.declared.projects.specifiers import pep440
from envdoctor.readers.declared.projects.toml_places import array, document_of, table
from envdoctor.readers.declared.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envdoctor.model.declared import PythonWish

FORMAT = "pdm.lock"


def read(text: str, name: str) -> DeclaredFile:
    """Return the case of a lock file."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        document = document_of(text)
        found = [*locked(text, array(document.get("package")), name)]
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    # An entry with extras stands a second time, for these.
    packages = [requirement(one, str(one.told.get("marker", ""))) for one in found if "extras" not in one.told]
    if not packages:
        return DeclaredFile(FORMAT, trouble="it has no list of packages")
    return DeclaredFile(FORMAT, tuple(cases(name, packages, _pythons(document, text, name), "locked")))


def _pythons(document: Mapping[str, Any], text: str, file: str) -> tuple[PythonWish, ...]:
    metadata = table(document.get("metadata"))
    wishes = [table(one).get("requires_python") for one in array(metadata.get("targets"))]
    told = {one for one in [*wishes, metadata.get("requires_python")] if isinstance(one, str)}
    return python_wishes(text, "requires_python", pep440(told.pop()) if len(told) == 1 else None, file)
