"""Pipfile and Pipfile.lock of pipenv.

"Pipfile & Pipfile.lock" and "Specifying Package Indexes" of pipenv's documentation: the first source takes the place of
the package index, the others serve what names them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from envdoctor.codec.credentials import strip_credentials
from envdoctor.model.declared import Case, Index, PythonWish, Requirement
from envdoctor.model.declared_file import DeclaredFile
from envdoctor.model.names import normalised
from envdoctor.model.place import Place
from envdoctor.readers.declared.locks.locked import MOST_PACKAGES
from envdoctor.readers.declared.projects.requirement_words import both, requirement_of
from envdoctor.readers.declared.projects.specifiers import pep440
from envdoctor.readers.declared.projects.toml_places import MOST, array, read_toml, table
from envdoctor.readers.declared.unreadable import Unreadable, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from envdoctor.readers.declared.projects.toml_places import Toml

FORMAT = "Pipfile"
LOCK = "Pipfile.lock"

_MARKERS = ("sys_platform", "platform_machine", "platform_system", "python_version", "os_name")


def read(text: str, name: str) -> DeclaredFile:
    """Return a case for the packages and one with those for developers."""
    if name.endswith(".lock"):
        return _read_lock(text, name)
    try:
        toml = read_toml(text)
    except Unreadable as problem:
        return DeclaredFile(FORMAT, trouble=str(problem))
    urls = {str(table(one).get("name")): str(table(one).get("url", "")) for one in array(toml.at(("source",)))}
    own = [*_packages(toml, "packages", name, urls)]
    more = [*_packages(toml, "dev-packages", name, urls)]
    indexes, pythons = tuple(_indexes(toml, name)), tuple(_pythons(toml, name))
    cases = [
        Case(name, label, Place(name, 1), tuple(found), indexes, pythons=pythons)
        for label, found in (("packages", own), ("dev-packages", [*own, *more] if more else []))
        if found
    ]
    return DeclaredFile(FORMAT, tuple(cases))


def _packages(toml: Toml, group: str, file: str, urls: Mapping[str, str]) -> Iterator[Requirement]:
    for name, told in table(toml.at((group,))).items():
        said = table(told)
        version = told if isinstance(told, str) else said.get("version", "*")
        where = (group, name) if isinstance(told, str) else (group, name, "version")
        place, written = toml.spelled(file, (group, name), where)
        address = said.get("file") or said.get("path") or (f"git+{said['git']}" if "git" in said else None)
        demand = "" if version == "*" else f" {version}"
        url = urls.get(str(said.get("index")))
        source = strip_credentials(url) if url else None
        found = requirement_of(f"{name} @ {address}" if address else name + demand, place, source=source)
        if found:
            yield found._replace(written=written, marker=_marker(said))


def _marker(said: Mapping[str, Any]) -> str:
    """Return the marker of `markers` and of the keys that are named as markers are: `sys_platform = "== 'linux'"`."""
    marker = str(said.get("markers", ""))
    for key in _MARKERS:
        if isinstance(said.get(key), str):
            marker = both(marker, f"{key} {said[key]}")
    return marker


def _indexes(toml: Toml, file: str) -> Iterator[Index]:
    for number, told in enumerate(array(toml.at(("source",)))):
        url = table(told).get("url")
        if isinstance(url, str):
            where = ("source", number, "url")
            kind = "extra-index-url" if number else "index-url"
            place, written = toml.place(file, where), toml.written(where)
            yield Index(strip_credentials(url), kind, place, written, explicit=number > 0)  # type: ignore[arg-type]


def _pythons(toml: Toml, file: str) -> Iterator[PythonWish]:
    for key in ("python_full_version", "python_version"):
        version = toml.at(("requires", key))
        specifier = _exactly(version) if isinstance(version, str) else None
        if specifier:
            yield PythonWish(specifier, toml.place(file, ("requires", key)), toml.written(("requires", key)))
            return


def _exactly(version: str) -> str | None:
    return pep440(version if version[:1] in "<>=!~" else f"=={version}.*" if version.count(".") < 2 else f"=={version}")


def _read_lock(text: str, name: str) -> DeclaredFile:
    if len(text) > MOST:
        return DeclaredFile(LOCK, trouble=f"it is larger than {MOST // 1_000_000} MB")
    try:
        document = table(json.loads(text))
    except (ValueError, RecursionError) as problem:
        return DeclaredFile(LOCK, trouble=f"it is no JSON: {one_line(problem)}")
    places, begin = _places(text, name), Place(name, 1)
    meta = table(document.get("_meta"))
    sources = array(meta.get("sources"))
    urls = {str(table(one).get("name")): str(table(one).get("url", "")) for one in sources[1:]}
    python = table(meta.get("requires")).get("python_version")
    specifier = _exactly(python) if isinstance(python, str) else None
    pythons = (PythonWish(specifier, places.get("python_version", begin), "python_version"),) if specifier else ()
    cases: list[Case] = []
    own: list[Requirement] = []
    for group in ("default", "develop"):
        found = [*own]
        for package, told in [*table(document.get(group)).items()][:MOST_PACKAGES]:
            version = table(told).get("version")
            if isinstance(version, str):
                url = urls.get(str(table(told).get("index")))
                place, marker = places.get(package, begin), str(table(told).get("markers", ""))
                source = strip_credentials(url) if url else None
                found.append(Requirement(normalised(package), pep440(version), place, package, marker, source=source))
        if len(found) > len(own):
            cases.append(Case(name, group, Place(name, 1), tuple(found), pythons=pythons, pinned=True))
        own = found if group == "default" else own
    return DeclaredFile(LOCK, tuple(cases), trouble=None if cases else "it has no list of packages")


def _places(text: str, file: str) -> dict[str, Place]:
    """Return where each name first stands as a key."""
    places: dict[str, Place] = {}
    line, begin, counted = 1, 0, 0
    for key in re.finditer(r'"([^"\\\n]{1,200})"\s{0,20}:', text):
        at = key.start(1)
        line += text.count("\n", counted, at)
        begin = max(begin, text.rfind("\n", counted, at) + 1)
        counted = at
        places.setdefault(key[1], Place(file, line, at - begin + 1))
    return places
