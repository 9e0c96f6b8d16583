"""What configuration files of pip, uv and conda say of indexes: three formats, each read as far as that.

pip's and conda's are read line by line in linear time. A file is what its owner made it: none of these raises more
than `ValueError`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Told: TypeAlias = "str | tuple[str, bool]"
"""One value, or a list in one text and whether commas set it apart."""

PIP = {"index-url": False, "extra-index-url": True, "find-links": True, "no-index": False}
"""Settings of pip, and whether one may hold several addresses."""

PIP_SECTIONS = ("global", "install")

UV = ("index-url", "extra-index-url", "find-links", "no-index", "torch-backend")

CONDA = ("channels", "default_channels", "channel_alias")


def pip(text: str) -> Iterator[tuple[str, Told]]:
    """Yield the settings of a `pip.conf`: sections, `name = value`, continued by indented lines."""
    for section, name, value in pip_lines(text):
        if section in PIP_SECTIONS and name in PIP and value.strip():
            yield name, ((value, False) if PIP[name] else value)


def pip_lines(text: str) -> list[tuple[str, str, str]]:
    """Return every setting of a `pip.conf`: section, name as on the command line, value."""
    section = ""
    found: list[tuple[str, str, list[str]]] = []
    for line in text.split("\n"):
        words = line.strip()
        if not words or words[0] in "#;":
            continue
        if line[0] in " \t" and found:
            found[-1][2].append(words)
        elif words[0] == "[":
            section = words.strip("[]").strip().lower()
        else:
            equals, colon = words.find("="), words.find(":")
            place = min((at for at in (equals, colon) if at >= 0), default=len(words))
            name = words[:place].strip().lower().replace("_", "-")
            found.append((section, name, [words[place + 1 :].strip()]))
    return [(section, name, " ".join(values)) for section, name, values in found]


def uv(text: str) -> Iterator[tuple[str, Told]]:
    """Yield the settings of a `uv.toml`. Raises `ValueError` for what is no TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    tables = [document]
    if isinstance(document.get("pip"), dict):
        tables.append(document["pip"])
    for table in tables:
        for name in UV:
            for value in _texts(table.get(name)):
                yield name, value
    indexes = document.get("index")
    for index in indexes if isinstance(indexes, list) else ():
        if isinstance(index, dict) and isinstance(index.get("url"), str):
            # An explicit one serves only the packages that a project assigns to it.
            kind = "explicit-index" if index.get("explicit") is True else "extra-index-url"
            yield ("index-url" if index.get("default") is True else kind), index["url"]


def _texts(value: object) -> list[str]:
    if isinstance(value, bool):
        return ["true"] if value else []
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def conda(text: str) -> Iterator[tuple[str, Told]]:
    """Yield the channels of a `.condarc`: `name: value`, `name: [a, b]`, or a list of lines that begin with "-"."""
    key = None
    for line in text.split("\n"):
        words = line.split(" #")[0].strip()
        if not words or words[0] == "#":
            continue
        if words.startswith("- ") and key:
            yield key.replace("_", "-"), _unquoted(words[2:])
            continue
        if line[0] in " \t":
            continue
        name, colon, value = words.partition(":")
        key = name if colon and name in CONDA else None
        value = value.strip()
        if key and value.startswith("["):
            yield key.replace("_", "-"), (value.strip("[]").replace('"', " ").replace("'", " "), True)
        elif key and value:
            yield key.replace("_", "-"), _unquoted(value)


def _unquoted(word: str) -> str:
    return word.strip().strip("\"'")
